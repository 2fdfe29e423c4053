"""Trials that died, were stopped or ran out of memory, and those that take their place."""

import pytest

from tests.unit.checklist.walks import ITERATIONS_PER_EPOCH, Walk
from tuitrain.checklist import RefusedError
from tuitrain.commands import ResumeTrial, RunStep, SetAuto, StopStudy, StopTrial
from tuitrain.events import (
    CheckpointSaved,
    Event,
    LossFacts,
    OutcomeKind,
    OutOfMemory,
    PerGpuLowered,
    SettingsChanged,
    Step,
    StepStarted,
    TaskDescribed,
    TrialEnded,
    TrialFinished,
    TrialId,
    TrialLost,
    TrialQueued,
    TrialStarted,
    Verdict,
)
from tuitrain.model import TrialModel, TrialState


def started(trial: TrialId, device: str = "cpu") -> TrialStarted:
    return TrialStarted(
        trial=trial,
        pid=1,
        start_ticks=1,
        boot_id="b",
        shim_pid=2,
        shim_start_ticks=1,
        device=device,
        threads=1,
        how="warm",
    )


def described(trial: TrialId, batch_size: int) -> TaskDescribed:
    return TaskDescribed(
        trial=trial,
        loss=LossFacts(name="x"),
        parameters=1,
        layers=[],
        batch_size=batch_size,
        config_read=["lr", "batch_size"],
    )


def saved(trial: TrialId, epoch: int) -> CheckpointSaved:
    at = ITERATIONS_PER_EPOCH * epoch
    return CheckpointSaved(trial=trial, epoch=epoch, iteration=at, path="checkpoint.pt")


def killed(trial: TrialId, *, epochs: int = 0) -> list[Event]:
    """A trial that is killed, with a checkpoint after some epochs."""
    kept = [saved(trial, epochs)] if epochs else []
    return [started(trial), *kept, TrialEnded(trial=trial, signal=9)]


def short_of_memory(trial: TrialId) -> list[Event]:
    return [
        TrialFinished(
            trial=trial,
            outcome=OutcomeKind.RAISED,
            iteration=1,
            message="CUDA out of memory",
            out_of_memory=OutOfMemory(asked_bytes=2**30, batch_size=32),
        ),
        TrialEnded(trial=trial, exit_code=1),
    ]


def at_coarse_grid(*, by_itself: bool) -> Walk:
    """Return a study whose fourth step has just been set going."""
    walk = Walk().auto(Step.FIND_LR)
    walk.command(SetAuto(on=by_itself))
    if not by_itself:
        walk.command(SetAuto(on=False))
    while not walk.trials(Step.COARSE_GRID):
        current = walk.model.current
        assert current is not None
        if not walk.decide() and current.step is Step.FIND_LR:
            from tuitrain.commands import GoToStep

            walk.command(GoToStep(step=Step.COARSE_GRID))
            walk.command(RunStep())
    return walk


def replacements(walk: Walk) -> list[TrialModel]:
    return [trial for trial in walk.model.trials.values() if trial.replaces]


def test_a_trial_that_was_killed_goes_on_by_itself_once():
    walk = at_coarse_grid(by_itself=True)
    dead = walk.trials(Step.COARSE_GRID)[0]
    walk.take(*killed(dead.trial, epochs=2))
    walk.decide()
    (taken,) = replacements(walk)
    assert (taken.replaces, taken.resumes) == (dead.trial, dead.trial)
    assert (taken.config, taken.limits) == (dead.config, dead.limits)
    assert (taken.seed, taken.attempt) == (dead.seed, dead.attempt)
    walk.take(*killed(taken.trial))
    walk.rest()
    assert replacements(walk) == [walk.model.trials[taken.trial]]
    findings = walk.verdict(Step.COARSE_GRID).findings
    (failed,) = [f for f in findings if f.kind == "trial_failed"]
    assert failed.evidence["trials"] == [taken.trial]
    assert "C" in failed.advice[0].text


def test_a_trial_that_the_kernel_ended_for_memory_is_told_what_takes_less():
    walk = at_coarse_grid(by_itself=False)
    first, second = (trial.trial for trial in walk.trials(Step.COARSE_GRID)[:2])
    ended = TrialEnded(trial=first, signal=9, oom_kills=1)
    walk.take(started(second), started(first), described(first, 32), ended)
    walk.take(TrialEnded(trial=second, signal=9))
    walk.rest()
    findings = walk.verdict(Step.COARSE_GRID).findings
    (failed,) = [f for f in findings if f.evidence.get("trials") == [first]]
    assert "likely out of memory" in failed.summary
    texts = [advice.text for advice in failed.advice]
    assert "fewer trials at once than 2: slots = 1 in [devices]" in texts[0]
    assert failed.advice[1].change == {"batch_size": 16}
    assert texts[-1].startswith(f"Carry trial {first} on")
    assert not any("mend the script" in text for text in texts)


def test_a_trial_that_was_made_good_is_no_blot_on_its_step():
    walk = at_coarse_grid(by_itself=True)
    dead = walk.trials(Step.COARSE_GRID)[0]
    walk.take(*killed(dead.trial))
    walk.rest()
    reached = walk.verdict(Step.COARSE_GRID)
    assert "trial_failed" not in {finding.kind for finding in reached.findings}
    assert reached.evidence["trials"] == len(walk.trials(Step.COARSE_GRID)) - 1


def test_a_trial_without_a_checkpoint_starts_anew():
    walk = at_coarse_grid(by_itself=True)
    dead = walk.trials(Step.COARSE_GRID)[0].trial
    walk.take(started(dead), TrialLost(trial=dead, reason="the machine restarted"))
    walk.decide()
    (taken,) = replacements(walk)
    assert (taken.replaces, taken.resumes) == (dead, None)


def test_one_that_died_again_before_its_first_checkpoint_goes_on_from_the_last_one():
    walk = at_coarse_grid(by_itself=False)
    first = walk.trials(Step.COARSE_GRID)[0].trial
    walk.take(*killed(first, epochs=1))
    walk.command(ResumeTrial(trial=first))
    second = replacements(walk)[0].trial
    walk.take(*killed(second))
    walk.command(ResumeTrial(trial=second))
    third = replacements(walk)[1]
    assert (third.replaces, third.resumes) == (second, first)


def test_without_auto_a_person_carries_it_on_and_the_step_is_judged_anew():
    walk = at_coarse_grid(by_itself=False)
    dead = walk.trials(Step.COARSE_GRID)[0].trial
    walk.take(*killed(dead, epochs=1))
    walk.rest()
    assert replacements(walk) == []
    assert "trial_failed" in {f.kind for f in walk.verdict(Step.COARSE_GRID).findings}
    events = walk.command(ResumeTrial(trial=dead))
    assert [type(event) for event in events] == [StepStarted, TrialQueued]
    assert walk.model.current is not None
    assert walk.model.current.reached is None
    walk.rest()
    kinds = {finding.kind for finding in walk.verdict(Step.COARSE_GRID).findings}
    assert "trial_failed" not in kinds


def test_what_can_not_be_carried_on_is_refused_with_the_reason():
    walk = at_coarse_grid(by_itself=False)
    first, second, third, *_ = (t.trial for t in walk.trials(Step.COARSE_GRID))
    walk.train(walk.model.trials[first])
    walk.take(*killed(second))
    walk.command(ResumeTrial(trial=second))
    of_before = walk.trials(Step.FIND_LR)[0].trial
    for trial, words in (
        (TrialId("9999"), "no trial 9999"),
        (first, "came to its end"),
        (second, "was carried on already"),
        (third, "is not over"),
        (of_before, "came to its end"),
    ):
        with pytest.raises(RefusedError, match=words):
            walk.command(ResumeTrial(trial=trial))


def test_a_trial_that_a_person_stopped_stays_stopped_until_he_carries_it_on():
    walk = at_coarse_grid(by_itself=True)
    trial = walk.trials(Step.COARSE_GRID)[0].trial
    walk.command(StopTrial(trial=trial))
    walk.take(*killed(trial, epochs=1))
    walk.decide()
    assert replacements(walk) == []
    walk.command(ResumeTrial(trial=trial))
    assert replacements(walk)[0].resumes == trial


@pytest.mark.parametrize("command", [RunStep(), SetAuto(on=True)])
def test_a_stopped_study_goes_on_where_it_was(command):
    walk = at_coarse_grid(by_itself=False)
    whole, half, *waiting = walk.trials(Step.COARSE_GRID)
    walk.train(whole)
    walk.take(started(half.trial), saved(half.trial, 2))
    walk.command(StopStudy())
    for trial in (half, *waiting):
        walk.take(TrialEnded(trial=trial.trial, signal=15))
    assert not walk.decide()
    walk.command(command)
    again = {trial.replaces: trial.resumes for trial in replacements(walk)}
    assert again[half.trial] == half.trial
    assert again.keys() == {half.trial, *(trial.trial for trial in waiting)}
    assert walk.model.ended is None
    walk.rest()
    assert walk.verdict(Step.COARSE_GRID).verdict is Verdict.PASS
    assert walk.trials(Step.COARSE_GRID)[0].attempt == 1


def crowd(walk: Walk, per_gpu: int, device: str = "GPU-1") -> list[TrialId]:
    """Let as many trials of the step share a GPU."""
    walk.settings = type(walk.settings)(
        script="train.py", devices=type(walk.settings.devices)(per_gpu=per_gpu)
    )
    trials = [trial.trial for trial in walk.trials(Step.COARSE_GRID)[:per_gpu]]
    walk.take(*(started(trial, device) for trial in trials))
    return trials


def follow(walk: Walk) -> tuple[Event, ...]:
    """Return what follows, and go by new settings as a supervisor does."""
    from tuitrain.checklist import next_events, settings_from

    events = next_events(walk.model, walk.settings)
    walk.take(*events)
    for event in events:
        if isinstance(event, SettingsChanged):
            walk.settings = settings_from(event.settings)
    return events


@pytest.mark.parametrize("by_itself", [True, False])
def test_trials_that_share_a_gpu_and_run_out_of_memory_are_fewer_from_then_on(
    by_itself,
):
    walk = at_coarse_grid(by_itself=by_itself)
    first, second, third = crowd(walk, 3)
    walk.take(*short_of_memory(second))
    events = follow(walk)
    (lowered,) = [event for event in events if isinstance(event, PerGpuLowered)]
    assert (lowered.trial, lowered.sharing, lowered.per_gpu) == (second, 3, 2)
    assert lowered.device == "GPU-1"
    assert walk.settings.devices.per_gpu == 2
    assert walk.model.lowered == (lowered,)
    assert [trial.replaces for trial in replacements(walk)] == [second]
    # The other two still did not fit together.
    walk.take(*short_of_memory(first))
    follow(walk)
    assert walk.settings.devices.per_gpu == 1
    assert [trial.replaces for trial in replacements(walk)] == [second, first]
    assert not any(isinstance(e, PerGpuLowered) for e in follow(walk))
    assert walk.model.trials[third].state is TrialState.RUNNING


def test_two_that_ran_out_together_are_both_tried_again():
    walk = at_coarse_grid(by_itself=False)
    first, second = crowd(walk, 2)
    one, two = short_of_memory(first), short_of_memory(second)
    walk.take(one[0], two[0], one[1], two[1])
    follow(walk)
    assert walk.settings.devices.per_gpu == 1
    assert [trial.replaces for trial in replacements(walk)] == [first, second]


def test_a_trial_alone_on_its_gpu_is_not_tried_again():
    walk = at_coarse_grid(by_itself=True)
    trial, *others = walk.trials(Step.COARSE_GRID)
    walk.take(started(trial.trial, "GPU-1"), started(others[0].trial, "GPU-2"))
    walk.take(*short_of_memory(trial.trial))
    assert follow(walk) == ()
    assert replacements(walk) == []
    for other in others:
        walk.train(other)
    walk.rest()
    (finding,) = [
        f for f in walk.verdict(Step.COARSE_GRID).findings if f.kind == "out_of_memory"
    ]
    assert finding.evidence["trials_on_device"] == 1
    assert finding.trial == trial.trial
    assert finding.severity.value == "medium"


def test_a_step_that_no_trial_has_memory_for_fails_with_the_reason():
    walk = at_coarse_grid(by_itself=False)
    for trial in walk.trials(Step.COARSE_GRID):
        walk.take(started(trial.trial, "GPU-1"), *short_of_memory(trial.trial))
    walk.rest()
    reached = walk.verdict(Step.COARSE_GRID)
    assert reached.verdict is Verdict.FAIL
    assert "ran out of memory" in reached.summary
    assert [finding.kind for finding in reached.findings] == ["out_of_memory"]
