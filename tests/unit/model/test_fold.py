"""The fold: live and replay, whatever the order in which the streams arrive."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.samples import EVENTS, GPUS, JOURNAL, POINTS, STATE, TRIAL, make_records
from tests.unit.model.compared import MEASURED, plain
from tuitrain.events import (
    AutoSet,
    EpochEnded,
    OutcomeKind,
    PointsMeasured,
    Step,
    StepEntered,
    StudyEnded,
    TrialEnded,
    TrialFinished,
    TrialId,
    TrialQueued,
    TrialStarted,
    TrialStopRequested,
)
from tuitrain.model import StudyModel, TrialState, fold, fold_all, whole_series

OTHER = TrialId("0002")


def _of_other(events):
    """The same stream of another trial."""
    return [
        msgspec.structs.replace(event, trial=OTHER)
        if hasattr(event, "trial")
        else event
        for event in events
    ]


STREAMS = [
    make_records(list(events), at_s=at_s)
    for events, at_s in (
        (JOURNAL, 100.0),
        (STATE, 105.5),
        (POINTS, 107.25),
        (GPUS, 103.0),
        (_of_other(STATE), 150.0),
        (_of_other(POINTS), 151.0),
    )
]


IN_ORDER = plain(fold_all(StudyModel(), [r for stream in STREAMS for r in stream]))


@settings(deadline=None)
@given(st.permutations([n for n, stream in enumerate(STREAMS) for _ in stream]))
def test_any_interleaving_of_the_streams_gives_the_same_model(turns):
    waiting = [iter(stream) for stream in STREAMS]
    model = fold_all(StudyModel(), (next(waiting[turn]) for turn in turns))
    assert plain(model) == IN_ORDER


@settings(deadline=None)
@given(st.integers(0, sum(len(stream) for stream in STREAMS)))
def test_folding_in_two_parts_is_folding_at_once(cut):
    records = [record for stream in STREAMS for record in stream]
    half = fold_all(StudyModel(), records[:cut])
    assert plain(fold_all(half, records[cut:])) == IN_ORDER


@settings(deadline=None)
@given(st.lists(st.one_of(MEASURED, st.sampled_from(JOURNAL)), max_size=12))
def test_folding_many_points_is_folding_one_by_one(events):
    records = make_records(events)
    one_by_one = StudyModel()
    for record in records:
        one_by_one = fold(one_by_one, record)
    assert plain(fold_all(StudyModel(), records)) == plain(one_by_one)


@settings(deadline=None)
@given(st.integers(0, sum(len(stream) for stream in STREAMS)))
def test_a_model_never_changes_when_more_is_folded(cut):
    records = [record for stream in STREAMS for record in stream]
    half = fold_all(StudyModel(), records[:cut])
    before = plain(half)
    fold_all(half, records[cut:])
    assert plain(half) == before


@pytest.mark.parametrize("record", make_records(EVENTS), ids=lambda r: str(r.seq))
def test_every_event_can_come_first(record):
    assert fold(StudyModel(), record).last_at_s == record.at_s


def _fold_events(*events):
    return fold_all(StudyModel(), make_records(list(events)))


def _queued(trial, resumes=None):
    return TrialQueued(
        trial=trial,
        step=Step.REFINE_GRID,
        round=1,
        attempt=1,
        config={"lr": 0.1},
        limits=JOURNAL[6].limits,  # type: ignore[union-attr]
        seed=0,
        resumes=resumes,
    )


def _finished(outcome):
    return TrialFinished(trial=TRIAL, outcome=outcome, iteration=5, message="")


STARTED = STATE[1]
assert isinstance(STARTED, TrialStarted)
ENDED = TrialEnded(trial=TRIAL, exit_code=0)


@pytest.mark.parametrize(
    ("events", "state", "reason"),
    [
        ([_queued(TRIAL)], TrialState.QUEUED, ""),
        ([_queued(TRIAL), STARTED], TrialState.RUNNING, ""),
        ([STARTED, _finished(OutcomeKind.COMPLETED)], TrialState.RUNNING, ""),
        ([STARTED, _finished(OutcomeKind.COMPLETED), ENDED], TrialState.FINISHED, ""),
        ([STARTED, _finished(OutcomeKind.NON_FINITE), ENDED], TrialState.FINISHED, ""),
        ([STARTED, _finished(OutcomeKind.RAISED), ENDED], TrialState.FAILED, ""),
        ([STARTED, _finished(OutcomeKind.STOPPED), ENDED], TrialState.STOPPED, ""),
        (
            [STARTED, TrialEnded(trial=TRIAL, signal=9)],
            TrialState.FAILED,
            "killed by signal 9 (SIGKILL)",
        ),
        (
            [STARTED, TrialEnded(trial=TRIAL, signal=9, oom_kills=1)],
            TrialState.FAILED,
            "likely out of memory: killed by signal 9 (SIGKILL) as memory ran out",
        ),
        (
            [STARTED, TrialEnded(trial=TRIAL, signal=11, oom_kills=1)],
            TrialState.FAILED,
            "killed by signal 11 (SIGSEGV)",
        ),
        (
            [STARTED, TrialEnded(trial=TRIAL)],
            TrialState.FAILED,
            "ended in an unknown way: its shim, which would know, was killed",
        ),
        (
            [STARTED, TrialEnded(trial=TRIAL, exit_code=3)],
            TrialState.FAILED,
            "ended with exit status 3 and no last word; see its log",
        ),
        (
            [
                STARTED,
                TrialStopRequested(trial=TRIAL, reason="by key"),
                TrialEnded(trial=TRIAL, signal=15),
            ],
            TrialState.STOPPED,
            "by key",
        ),
    ],
)
def test_a_trial_is_in_the_state_its_events_say(events, state, reason):
    trial = _fold_events(*events).trials[TRIAL]
    assert trial.state is state
    assert trial.reason == reason


def test_entering_a_step_takes_an_end_back():
    model = _fold_events(
        StudyEnded(state="reached"),
        StepEntered(step=Step.FIND_LR, round=1, attempt=1),
    )
    assert model.ended is None
    assert model.current is not None
    assert model.current.step is Step.FIND_LR


def test_auto_off_is_no_auto():
    model = _fold_events(AutoSet(on=True), AutoSet(on=False))
    assert model.auto is None


def test_points_count_all_series_and_the_newest_iteration():
    trial = _fold_events(*POINTS).trials[TRIAL]
    assert trial.points == 10
    assert trial.iteration == 45
    assert trial.epoch_iterations == (45,)
    assert trial.elapsed_s is None


def test_the_time_of_points_goes_on_even_when_the_clock_is_set_back():
    events = [
        PointsMeasured(trial=TRIAL, iteration=[n, n + 1], values={"loss": [1.0, 2.0]})
        for n in (1, 3, 5)
    ]
    records = [
        record
        for event, at_s in zip(events, (10.0, 8.0, 12.0), strict=True)
        for record in make_records([event], at_s=at_s)
    ]
    times = fold_all(StudyModel(), records).trials[TRIAL].times
    assert times.iterations.tolist() == [2, 4, 6]
    assert times.values.tolist() == [10.0, 10.0, 12.0]


def test_a_column_of_the_wrong_length_is_left_out():
    event = PointsMeasured(
        trial=TRIAL, iteration=[1, 2], values={"loss": [0.5], "lr": [0.1, 0.1]}
    )
    trial = _fold_events(event).trials[TRIAL]
    assert list(trial.series) == ["lr"]


def test_a_resumed_trial_carries_on_its_ancestors_curve():
    def points(trial, start, end):
        return PointsMeasured(
            trial=trial,
            iteration=list(range(start, end)),
            values={"loss": [float(n) for n in range(start, end)]},
        )

    third = TrialId("0003")
    model = _fold_events(
        _queued(TRIAL),
        _queued(OTHER, TRIAL),
        _queued(third, OTHER),
        points(TRIAL, 1, 12),
        points(OTHER, 10, 20),
        EpochEnded(trial=OTHER, epoch=1, iteration=20),
    )
    whole = whole_series(model, OTHER, "loss")
    assert whole.iterations.tolist() == list(range(1, 20))
    assert whole_series(model, third, "loss").values.tolist() == whole.values.tolist()
    assert model.trials[TRIAL].get("loss").last == 11.0
    assert len(whole_series(model, TrialId("0099"), "loss")) == 0


def test_trials_that_resume_each_other_do_not_hang():
    model = _fold_events(_queued(TRIAL, OTHER), _queued(OTHER, TRIAL))
    assert len(whole_series(model, TRIAL, "loss")) == 0
