"""How long a trial and a step may still take, from events alone."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from tuitrain.events import (
    OutcomeKind,
    SupervisorStarted,
    TrialEnded,
    TrialFinished,
    TrialId,
    TrialLimits,
    TrialStarted,
)
from tuitrain.model import EMPTY_SERIES, StudyModel, TrialModel
from tuitrain.study.progress import step_left_s, trial_left_s
from tuitrain.units import Seconds

PLANNED = 1000
T = TrialId("0001")
STARTED = TrialStarted(
    trial=T,
    pid=1,
    start_ticks=1,
    boot_id="b",
    shim_pid=1,
    shim_start_ticks=1,
    device="cpu",
    threads=1,
    how="warm",
)


def running(made: int, at_s: Callable[[int], float], every: int = 5) -> TrialModel:
    """A trial that wrote points every few iterations, started at 0 s."""
    iterations = np.arange(1, made + 1, every)
    times = np.array([at_s(int(i)) for i in iterations])
    measured = EMPTY_SERIES.append(iterations, times)
    return TrialModel(
        trial=T,
        limits=TrialLimits(iterations=PLANNED),
        started=STARTED,
        started_at_s=Seconds(0.0),
        series={"loss": measured},
        times=measured,
        last_at_s=Seconds(float(times[-1])) if len(times) else Seconds(0.0),
    )


def over(elapsed_s: float, outcome: OutcomeKind = OutcomeKind.COMPLETED) -> TrialModel:
    return TrialModel(
        trial=T,
        started=STARTED,
        started_at_s=Seconds(0.0),
        ended=TrialEnded(trial=T, exit_code=0),
        ended_at_s=Seconds(elapsed_s),
        finished=TrialFinished(trial=T, outcome=outcome, iteration=PLANNED),
    )


QUEUED = TrialModel(trial=T, limits=TrialLimits(iterations=PLANNED))


def model(slots: int) -> StudyModel:
    return StudyModel(supervisor=SupervisorStarted(pid=1, slots=slots))


def noisy(seed: int) -> Callable[[int], float]:
    """A tenth of a second an iteration, by a third more or less."""
    steps = np.random.default_rng(seed).uniform(0.067, 0.133, 2 * PLANNED)
    ends = np.concatenate(([0.0], steps.cumsum()))
    return lambda i: 3.0 + float(ends[i])


@pytest.mark.parametrize("seed", range(5))
def test_the_time_left_falls_as_time_passes_or_is_told_anew_by_a_fifth(
    seed: int,
) -> None:
    trials = [running(made, noisy(seed)) for made in range(11, PLANNED, 5)]
    lefts = [(t.last_at_s, trial_left_s(t)) for t in trials]
    known = [(at, left) for at, left in lefts if at is not None and left is not None]
    assert len(known) > 150
    rises = 0
    for (before_at, before), (after_at, after) in pairwise(known):
        expected = before - (after_at - before_at)
        if after != pytest.approx(max(0.0, expected), abs=1e-6):
            rises += 1
    # The last look goes by the newest points, once the told end has passed.
    assert rises <= 4


def test_what_comes_before_the_first_points_is_not_repeated() -> None:
    left = trial_left_s(running(101, lambda i: 60.0 + 0.1 * i))
    assert left == pytest.approx(90.0, rel=0.02)


def test_a_trial_that_slows_down_is_told_anew() -> None:
    def at_s(i: int) -> float:
        return 0.1 * min(i, 300) + 1.0 * max(0, i - 300)

    left = trial_left_s(running(600, at_s))
    assert left is not None
    assert left > 200


def test_nothing_is_said_before_there_is_a_rate() -> None:
    assert trial_left_s(running(3, lambda i: 0.1 * i, every=1)) is None
    assert trial_left_s(QUEUED) is None
    assert trial_left_s(over(10.0)) is None


def test_a_trial_past_its_told_end_has_some_time_left_until_it_ends() -> None:
    left = trial_left_s(running(996, lambda i: 0.1 * i + 3.0 * (i > 990)))
    assert left is not None
    assert 0 <= left < 2


def test_queued_trials_begin_where_a_slot_is_free_first() -> None:
    trials = [over(100.0), over(100.0), QUEUED, QUEUED, QUEUED]
    assert step_left_s(model(1), trials) == pytest.approx(300.0)
    assert step_left_s(model(2), trials) == pytest.approx(200.0)
    assert step_left_s(model(8), trials) == pytest.approx(100.0)


def test_the_longest_running_trial_decides_at_the_end() -> None:
    slow, quick = running(501, lambda i: 0.2 * i), running(981, lambda i: 0.1 * i)
    left = step_left_s(model(2), [slow, quick])
    assert left == pytest.approx(100.0, rel=0.02)


def test_a_trial_that_broke_off_says_nothing_of_the_others() -> None:
    broken = TrialModel(
        trial=T,
        started=STARTED,
        started_at_s=Seconds(0.0),
        ended=TrialEnded(trial=T, exit_code=1),
        ended_at_s=Seconds(1.0),
    )
    assert step_left_s(model(1), [broken, over(100.0), QUEUED]) == pytest.approx(100)


def test_a_step_whose_trials_are_all_over_takes_no_time() -> None:
    assert step_left_s(model(1), [over(10.0)]) is None
    assert step_left_s(model(1), [QUEUED]) is None
