"""Trials that ended by an exception, a signal or without a trace."""

from collections.abc import Iterator

import msgspec

from tuitrain.checklist.carrying_on import has_died
from tuitrain.checklist.plan import Judgement, counted
from tuitrain.diagnosis import find_out_of_memory, read_curves
from tuitrain.events import Advice, Confidence, Finding, Severity, Verdict
from tuitrain.model import StepRun, StudyModel, TrialModel, TrialState, together


def find_failed_trials(
    model: StudyModel, trials: list[TrialModel]
) -> tuple[Finding, ...]:
    """Name trials that failed or got lost, one finding for each reason."""
    by_reason: dict[str, list[TrialModel]] = {}
    for trial in trials:
        if trial.state in (TrialState.FAILED, TrialState.LOST):
            by_reason.setdefault(_reason(trial), []).append(trial)
    return tuple(
        _finding(model, reason, failed, all_failed=len(failed) == len(trials))
        for reason, failed in by_reason.items()
    )


def judge_none_worked(model: StudyModel, run: StepRun) -> Judgement:
    """Return the judgement of a step of which no trial can be judged."""
    trials = counted(model, run)
    findings = find_failed_trials(model, trials)
    if not trials:
        return Judgement(
            verdict=Verdict.FAIL,
            summary="no trial ran to its end",
            advice=(Advice(text="Run the step again."),),
        )
    reason = "nothing was measured"
    if findings:
        reason = str(findings[0].evidence.get("reason") or findings[0].summary)
    return Judgement(
        verdict=Verdict.FAIL,
        summary=f"no trial worked: {reason}",
        evidence={"trials": len(trials), "failed": len(trials)},
        findings=findings,
        advice=findings[0].advice if findings else (),
    )


def _advise(model: StudyModel, failed: TrialModel) -> tuple[Advice, ...]:
    carry_on = Advice(text=f"Carry trial {failed.trial} on: choose it, then C.")
    if failed.is_likely_out_of_memory:
        return (*_save_memory(model, failed), carry_on)
    if has_died(failed):
        kernel = "Read its log, and the kernel's: dmesg | grep -i kill."
        return (carry_on, Advice(text=kernel))
    read = f"Read the log of trial {failed.trial}, then mend the script."
    return (Advice(text=read),)


def _save_memory(model: StudyModel, failed: TrialModel) -> Iterator[Advice]:
    """Say what takes less of the machine's memory, which all its trials share."""
    count = len(together(model, failed))
    if count > 1:
        is_cpu = failed.started is None or failed.started.device == "cpu"
        few = f"slots = {count - 1}" if is_cpu else "a smaller per_gpu, or fewer gpus,"
        yield Advice(
            text=f"Run fewer trials at once than {count}: {few} in [devices] of study.toml."
        )
    task = failed.task
    size = task.batch_size if task is not None else None
    if size is not None and size > 1:
        half = size // 2
        text = f"Halve the minibatch: {half} samples instead of {size}."
        is_read = task is not None and "batch_size" in task.config_read
        yield Advice(text=text, change={"batch_size": half} if is_read else None)
    else:
        yield Advice(text="Take a smaller minibatch, or a smaller model.")
    yield Advice(text="Keep less data in memory, or use fewer DataLoader workers.")


def _reason(trial: TrialModel) -> str:
    """Return why a trial failed; the sizes that memory did not suffice for differ."""
    is_short = trial.finished is not None and trial.finished.out_of_memory is not None
    return "out of memory" if is_short else trial.reason


def _finding(
    model: StudyModel, reason: str, failed: list[TrialModel], *, all_failed: bool
) -> Finding:
    short = find_out_of_memory(read_curves(model, failed[0].trial))
    if short is not None:
        return msgspec.structs.replace(
            short,
            severity=short.severity if all_failed else Severity.MEDIUM,
            evidence={**short.evidence, "trials": [trial.trial for trial in failed]},
            trial=failed[0].trial,
        )
    count = len(failed)
    which = failed[0].trial if count == 1 else f"{count} trials"
    return Finding(
        kind="trial_failed",
        severity=Severity.HIGH if all_failed else Severity.MEDIUM,
        confidence=Confidence.HIGH,
        summary=f"{'Trial ' if count == 1 else ''}{which} failed: {reason}",
        evidence={"reason": reason, "trials": [trial.trial for trial in failed]},
        advice=_advise(model, failed[0]),
        trial=failed[0].trial if count == 1 else None,
    )
