"""Trials that ended by an exception, a signal or without a trace."""

from tuitrain.checklist.plan import Judgement, counted
from tuitrain.events import Advice, Confidence, Finding, Severity, Verdict
from tuitrain.model import StepRun, StudyModel, TrialModel, TrialState


def find_failed_trials(trials: list[TrialModel]) -> tuple[Finding, ...]:
    """Name trials that failed or got lost, one finding for each reason."""
    by_reason: dict[str, list[TrialModel]] = {}
    for trial in trials:
        if trial.state in (TrialState.FAILED, TrialState.LOST):
            by_reason.setdefault(trial.reason, []).append(trial)
    return tuple(
        _finding(reason, failed, all_failed=len(failed) == len(trials))
        for reason, failed in by_reason.items()
    )


def judge_none_worked(model: StudyModel, run: StepRun) -> Judgement:
    """Return the judgement of a step of which no trial can be judged."""
    trials = counted(model, run)
    findings = find_failed_trials(trials)
    if not trials:
        return Judgement(
            verdict=Verdict.FAIL,
            summary="no trial ran to its end",
            advice=(Advice(text="Run the step again."),),
        )
    reason = findings[0].evidence.get("reason") if findings else "nothing was measured"
    return Judgement(
        verdict=Verdict.FAIL,
        summary=f"no trial worked: {reason}",
        evidence={"trials": len(trials), "failed": len(trials)},
        findings=findings,
        advice=findings[0].advice if findings else (),
    )


def _finding(reason: str, failed: list[TrialModel], *, all_failed: bool) -> Finding:
    count = len(failed)
    which = failed[0].trial if count == 1 else f"{count} trials"
    return Finding(
        kind="trial_failed",
        severity=Severity.HIGH if all_failed else Severity.MEDIUM,
        confidence=Confidence.HIGH,
        summary=f"{'Trial ' if count == 1 else ''}{which} failed: {reason}",
        evidence={"reason": reason, "trials": [trial.trial for trial in failed]},
        advice=(
            Advice(
                text=f"Read the log of trial {failed[0].trial}, then mend the script."
            ),
        ),
        trial=failed[0].trial if count == 1 else None,
    )
