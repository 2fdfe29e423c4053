"""Places on the x axis: there and back again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuitrain.events import Event, PointsMeasured, Record, TrialId, TrialStarted
from tuitrain.model import StudyModel, TrialModel, fold_all
from tuitrain.tui.curves.scale import EvenScale, TimeScale, time_scale
from tuitrain.units import Seconds

STEPS = st.lists(
    st.tuples(st.integers(0, 50), st.floats(0, 100)), min_size=1, max_size=60
)


def scale_from(steps: list[tuple[int, float]]) -> TimeScale:
    iterations = 1 + np.cumsum([step for step, _ in steps])
    at_s = 1.7e9 + np.cumsum([wait_s for _, wait_s in steps])
    return TimeScale(iterations.astype(np.int64), at_s, 1.7e9 - 1.0)


@given(STEPS)
def test_each_writing_lies_at_its_time(steps: list[tuple[int, float]]) -> None:
    scale = scale_from(steps)
    first = np.unique(scale.iterations, return_index=True)[1]
    x = scale.to_x(scale.iterations[first].astype(np.float64))
    np.testing.assert_allclose(x, scale.at_s[first] - scale.start_s, atol=1e-5)


@given(STEPS, st.lists(st.floats(-10, 5000), min_size=2, max_size=40).map(sorted))
def test_neither_way_ever_turns_back(
    steps: list[tuple[int, float]], places: list[float]
) -> None:
    scale = scale_from(steps)
    assert (np.diff(scale.to_x(np.array(places))) >= -1e-6).all()
    assert (np.diff(scale.to_iterations(np.array(places))) >= -1e-6).all()


@given(STEPS, st.floats(0, 1))
def test_back_and_there_again_is_the_same_time(
    steps: list[tuple[int, float]], share: float
) -> None:
    scale = scale_from([(step + 1, wait_s + 0.01) for step, wait_s in steps])
    x = share * (scale.at_s[-1] - scale.start_s)
    back = scale.to_x(scale.to_iterations(np.array([x])))[0]
    assert back == pytest.approx(x, abs=1e-4)


def test_nothing_lies_after_the_last_writing_or_before_the_start() -> None:
    scale = TimeScale(np.array([10, 20]), np.array([5.0, 6.0]), 4.0)
    assert scale.to_iterations(np.array([-0.5, 0.0, 1.0, 2.0, 2.1])).tolist() == [
        *(-1.0, 0.0, 10.0),
        *(20.0, 21.0),
    ]


def test_epochs_are_shorter_than_iterations() -> None:
    scale = EvenScale(1 / 20)
    assert scale.to_x(np.array([40.0])).tolist() == [2.0]
    assert scale.to_iterations(np.array([2.0])).tolist() == [40.0]


def part(trial: str, started_s: float, *writings: tuple[int, float]) -> TrialModel:
    started = TrialStarted(
        trial=TrialId(trial),
        pid=1,
        start_ticks=1,
        boot_id="b",
        shim_pid=1,
        shim_start_ticks=1,
        device="cpu",
        threads=1,
        how="warm",
    )
    points = [
        PointsMeasured(trial=TrialId(trial), iteration=[i], values={"loss": [1.0]})
        for i, _ in writings
    ]
    events: list[Event] = [started, *points]
    times_s = [started_s, *(at_s for _, at_s in writings)]
    records = [
        Record(seq=n, at_s=Seconds(at_s), mono_s=Seconds(at_s), event=event)
        for n, (at_s, event) in enumerate(zip(times_s, events, strict=True))
    ]
    return fold_all(StudyModel(), records).trials[TrialId(trial)]


def test_the_time_between_a_trial_and_the_one_that_carries_it_on_is_left_out() -> None:
    first = part("0001", 100.0, (10, 101.0), (20, 102.0))
    second = part("0002", 500.0, (30, 503.0), (40, 504.0))
    scale = time_scale([first, second])
    assert scale is not None
    x = scale.to_x(np.array([10.0, 20.0, 30.0, 40.0]))
    np.testing.assert_allclose(x, [1.0, 2.0, 5.0, 6.0])


def test_what_a_successor_measured_anew_counts_in_its_own_time() -> None:
    first = part("0001", 100.0, (10, 101.0), (20, 109.0))
    second = part("0002", 500.0, (11, 501.0), (20, 502.0))
    scale = time_scale([first, second])
    assert scale is not None
    np.testing.assert_allclose(scale.to_x(np.array([10.0, 20.0])), [1.0, 3.0])


def test_a_trial_that_wrote_nothing_has_no_times() -> None:
    assert time_scale([TrialModel(trial=TrialId("0001"))]) is None
