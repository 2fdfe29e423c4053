"""Step 1: is the loss before any update what theory expects of this loss function?"""

from tuitrain.checklist.causes import find_bugs
from tuitrain.checklist.failed_trials import find_failed_trials, judge_none_worked
from tuitrain.checklist.plan import (
    Judgement,
    TrialPlan,
    advice_of,
    counted,
    make_config,
    verdict_from,
    with_cause,
    working,
)
from tuitrain.checklist.settings import Settings
from tuitrain.diagnosis import (
    ExpectedLoss,
    InitialLoss,
    arrange,
    compare,
    expected_initial_loss,
    find_initial_loss_mismatch,
    find_non_finite_initial_loss,
    measure_initial_loss,
    rounded,
)
from tuitrain.events import Advice, Finding, LossFacts, TrialLimits, Verdict
from tuitrain.model import StepRun, StudyModel
from tuitrain.units import format_number


def plan_initial_loss(
    model: StudyModel, settings: Settings, run: StepRun
) -> tuple[TrialPlan, ...]:
    """One trial for each fresh initialization: seeds that follow one another."""
    asked = settings.initial_loss
    limits = TrialLimits(
        iterations=asked.batches,
        batches=asked.batches,
        update=False,
        regularize=False,
        validate=False,
    )
    # No update is made, so the LR only has to be one that the script accepts.
    config = make_config(settings, min(settings.find_lr.lrs), 0.0)
    return tuple(
        TrialPlan(config=config, limits=limits, seed=settings.seed + index)
        for index in range(asked.initializations)
    )


def judge_initial_loss(
    model: StudyModel, settings: Settings, run: StepRun
) -> Judgement:
    """Compare the mean over all minibatches and initializations with the formula."""
    trials = counted(model, run)
    worked = working(trials)
    measured = measure_initial_loss([trial.get("loss").values for trial in worked])
    facts = next((t.task.loss for t in worked if t.task is not None), None)
    if measured is None:
        return judge_none_worked(model, run)
    findings = [*find_failed_trials(model, trials), *find_bugs(model, worked)]
    broken = find_non_finite_initial_loss(measured)
    expected = expected_initial_loss(facts) if facts is not None else None
    if facts is None or expected is None:
        return _judge_unknown(measured, facts, findings, broken)
    mismatch = find_initial_loss_mismatch(measured, expected, facts)
    if mismatch is not None and mismatch.kind not in {f.kind for f in findings}:
        findings.insert(0, mismatch)
    findings = list(arrange(findings))
    return Judgement(
        verdict=verdict_from(findings),
        summary=with_cause(_summary(measured, expected), tuple(findings)),
        evidence=compare(measured, expected),
        findings=tuple(findings),
        advice=advice_of(findings),
    )


def _summary(measured: InitialLoss, expected: ExpectedLoss) -> str:
    value = format_number(expected.value)
    name = "expected" if expected.shown == "declared" else expected.shown
    return f"{format_number(measured.mean, 3)} ({name} = {value})"


def _judge_unknown(
    measured: InitialLoss,
    facts: LossFacts | None,
    findings: list[Finding],
    broken: Finding | None,
) -> Judgement:
    """Judge a loss without a formula: only one that is no number is known to be wrong."""
    name = facts.name if facts is not None else "this loss"
    declare = Advice(
        text=(
            "Work out what the loss is for outputs of 0 and declare it: "
            "Task(…, expected_initial_loss=…)."
        )
    )
    if broken is not None:
        findings.insert(0, broken)
    is_broken = verdict_from(findings) is Verdict.FAIL
    summary = f"{format_number(measured.mean, 3)} (no formula known for {name})"
    return Judgement(
        verdict=Verdict.FAIL if is_broken else Verdict.UNKNOWN,
        summary=with_cause(summary, tuple(findings)),
        evidence={
            "measured": rounded(measured.mean, 5),
            "loss": name,
            "batches": measured.batches,
            "initializations": measured.initializations,
        },
        findings=tuple(findings),
        advice=(*advice_of(findings), declare),
    )
