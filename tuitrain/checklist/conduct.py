"""How a study goes on by itself: what follows from the model as it stands.

Both this and `tuitrain.checklist.answers` only return events. The supervisor journals
them, and they are folded like any others: a supervisor killed between two of them finds
the model as far as it got, and what is lacking follows from there.
"""

from tuitrain.checklist.carrying_on import make_good
from tuitrain.checklist.learning_curves import values_at_best
from tuitrain.checklist.metric import Metric, find_metric
from tuitrain.checklist.plan import TrialPlan, number_trials
from tuitrain.checklist.settings import Settings
from tuitrain.checklist.steps import STEPS
from tuitrain.checklist.transitions import TRANSITIONS, Outcome, outcome_of
from tuitrain.events import (
    AdviceApplied,
    AutoSet,
    BestAccepted,
    Event,
    OutcomeKind,
    Step,
    StepEntered,
    StepStarted,
    StudyEnded,
    TrialQueued,
    VerdictReached,
)
from tuitrain.model import StepRun, StudyModel, TrialModel, best_of, lineage
from tuitrain.units import Seconds


def next_events(model: StudyModel, settings: Settings) -> tuple[Event, ...]:
    """Return what follows from the model as it stands; (): nothing for now.

    Asked again once these are folded, it gives what follows from them, and () as soon
    as a trial or a person is waited for.
    """
    if model.ended is not None:
        return ()
    run = model.current
    if run is None:
        return (enter(model, Step.INITIAL_LOSS, 1),)
    if model.applied and model.applied[-1].round > model.round:
        return (enter(model, Step.REFINE_GRID, model.applied[-1].round),)
    if run.reached is None and run.overridden is None:
        return _carry_on(model, settings, run)
    return _move_on(model, settings, run)


def preview(model: StudyModel, settings: Settings, step: Step) -> tuple[TrialPlan, ...]:
    """Return what `step` would run if it were run now; (): nothing, or not known yet."""
    current = model.current
    if current is None or current.step is not step or current.reached is not None:
        entered = enter(model, step, model.round)
        current = StepRun(
            step=step,
            round=entered.round,
            attempt=entered.attempt,
            entered_at_s=Seconds(0.0),
        )
    planner, _ = STEPS[step]
    return planner(model, settings, current)


def enter(model: StudyModel, step: Step, study_round: int) -> StepEntered:
    """Return the entry to a step: its next attempt in that round."""
    attempts = [
        r.attempt for r in model.runs if (r.step, r.round) == (step, study_round)
    ]
    return StepEntered(
        step=step, round=study_round, attempt=max(attempts, default=0) + 1
    )


def go(model: StudyModel, step: Step) -> StepEntered:
    """Return the way to a step: back to its results, or into its next attempt.

    Results stand until a step before them is judged anew; in steps 5 and 6 until the
    next round.
    """
    newest = _newest_run(model, step)
    if newest is None or newest.reached_at_s is None:
        return enter(model, step, model.round)
    earlier = [_newest_run(model, each) for each in list(Step)[: step.number - 1]]
    judged_s = [run.reached_at_s for run in earlier if run is not None]
    if any(at_s is None or at_s > newest.reached_at_s for at_s in judged_s):
        return enter(model, step, model.round)
    return StepEntered(step=step, round=newest.round, attempt=newest.attempt)


def _newest_run(model: StudyModel, step: Step) -> StepRun | None:
    """Return the newest attempt at a step that counts in this round; None: none."""
    of_this_round = step in (Step.REFINE_GRID, Step.LEARNING_CURVES)
    runs = [
        run
        for run in model.runs
        if run.step is step and not (of_this_round and run.round < model.round)
    ]
    return max(runs, key=lambda run: (run.round, run.attempt), default=None)


def start(run: StepRun | StepEntered) -> StepStarted:
    """Return the start of an entered step."""
    return StepStarted(step=run.step, round=run.round, attempt=run.attempt)


def accept(model: StudyModel, settings: Settings, trial: TrialModel) -> BestAccepted:
    """Return the acceptance of a trial's configuration."""
    metric = find_metric(model, settings)
    return BestAccepted(
        trial=trial.trial,
        config=trial.config,
        metrics=values_at_best(model, trial.trial, metric),
        checkpoint=_find_checkpoint(model, trial, metric),
    )


def _find_checkpoint(
    model: StudyModel, trial: TrialModel, metric: Metric
) -> str | None:
    """Return the weights that the accepted metrics were measured with.

    The best epoch may belong to the trial that this one carried on from. Where it was
    not kept, the newest checkpoint is the next best; None: there is none at all.
    """
    best = best_of(model, trial.trial, metric.name, highest=metric.highest)
    for part in lineage(model, trial.trial):
        kept = part.best_checkpoint
        if best is not None and kept is not None and kept.iteration == best[0]:
            return f"trials/{part.trial}/{kept.path}"
    saved = trial.checkpoint
    return None if saved is None else f"trials/{trial.trial}/{saved.path}"


def _carry_on(model: StudyModel, settings: Settings, run: StepRun) -> tuple[Event, ...]:
    """Carry on a run that has no verdict: start it, queue what it lacks, judge it."""
    if run.started_at_s is None:
        return (start(run),) if model.auto is not None else ()
    trials = model.trials_of(run)
    are_over = all(trial.state.is_over for trial in trials)
    if (rejection := _find_rejection(model, trials)) is not None:
        return (rejection,) if are_over else ()
    planner, judge = STEPS[run.step]
    plans = planner(model, settings, run)
    again = make_good(model, settings, run, plans)
    if again:
        return again
    lacking = [
        plan for plan in plans if not any(plan.is_for(trial) for trial in trials)
    ]
    if lacking:
        return _queue(model, run, lacking)
    if not are_over:
        return ()
    judgement = judge(model, settings, run)
    return (
        VerdictReached(
            step=run.step,
            round=run.round,
            attempt=run.attempt,
            verdict=judgement.verdict,
            summary=judgement.summary,
            evidence=judgement.evidence,
            findings=judgement.findings,
            advice=judgement.advice,
            decision=judgement.decision,
            best_trial=judgement.best_trial,
        ),
    )


def _find_rejection(model: StudyModel, trials: list[TrialModel]) -> StudyEnded | None:
    """Return the study's end if its script can't be used; None: it can.

    A script that worked before and is rejected now was edited: its trials failed, and
    are judged as such.
    """
    if any(trial.task is not None for trial in model.trials.values()):
        return None
    for trial in trials:
        finished = trial.finished
        if finished is not None and finished.outcome is OutcomeKind.REJECTED:
            return StudyEnded(state="rejected", message=finished.message)
    return None


def _queue(
    model: StudyModel, run: StepRun, plans: list[TrialPlan]
) -> tuple[Event, ...]:
    return tuple(
        TrialQueued(
            trial=name,
            step=run.step,
            round=run.round,
            attempt=run.attempt,
            config=plan.config,
            limits=plan.limits,
            seed=plan.seed,
            resumes=plan.resumes,
        )
        for name, plan in zip(number_trials(model), plans, strict=False)
    )


def _move_on(model: StudyModel, settings: Settings, run: StepRun) -> tuple[Event, ...]:
    """Go on from a judged step, if `--auto` says so."""
    if run.step is Step.LEARNING_CURVES and model.best is not None:
        return (StudyEnded(state="finished"),)
    if model.auto is None:
        return ()
    outcome = outcome_of(run)
    if outcome is None or outcome is Outcome.FAILED:
        return (StudyEnded(state="failed", message=_summary_of(run)),)
    if model.auto.until is not None and model.auto.until.number <= run.step.number:
        # All that was asked for: what a person begins next waits for its plan to be seen.
        return (AutoSet(on=False), StudyEnded(state="reached"))
    following = TRANSITIONS[run.step, outcome]
    if following is not None:
        return (go(model, following),)
    return _next_round(model, settings, run) or _finish(model, settings, run)


def _summary_of(run: StepRun) -> str:
    return run.reached.summary if run.reached is not None else ""


def _next_round(
    model: StudyModel, settings: Settings, run: StepRun
) -> tuple[Event, ...]:
    reached = run.reached
    if reached is None or reached.best_trial is None or run.round >= settings.rounds:
        return ()
    advice = next((a for a in reached.advice if a.change is not None), None)
    if advice is None:
        return ()
    applied = AdviceApplied(round=run.round + 1, base=reached.best_trial, advice=advice)
    return (applied, enter(model, Step.REFINE_GRID, run.round + 1))


def _finish(model: StudyModel, settings: Settings, run: StepRun) -> tuple[Event, ...]:
    best = run.reached.best_trial if run.reached is not None else None
    trial = model.trials.get(best) if best is not None else None
    if trial is None:
        return (StudyEnded(state="failed", message="there is no trial to accept"),)
    return (accept(model, settings, trial), StudyEnded(state="finished"))
