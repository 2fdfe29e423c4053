"""Winding a recording back gives what folding its events up to there gives."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.samples import EVENTS, TRIAL, make_records, record_all
from tests.unit.model.compared import MEASURED, plain
from tuitrain.events import PointsMeasured
from tuitrain.model import Recording, StudyModel, fold_all

EVERY = st.lists(st.one_of(MEASURED, st.sampled_from(EVENTS)), min_size=1, max_size=14)


@settings(deadline=None)
@given(EVERY, st.lists(st.integers(-1, 14), min_size=1, max_size=6))
def test_a_moment_is_what_folding_up_to_it_gives_wherever_one_comes_from(
    events, moments
):
    records = make_records(events)
    recording = record_all(records)
    for moment in moments:
        at_s = records[0].at_s + moment
        expected = fold_all(StudyModel(), [r for r in records if r.at_s <= at_s])
        assert plain(recording.at(at_s)) == plain(expected)


@settings(deadline=None)
@given(EVERY, st.integers(0, 14))
def test_what_comes_in_bites_is_recorded_as_what_comes_at_once(events, cut):
    records = make_records(events)
    bites = Recording()
    bites.add(records[:cut])
    bites.at(records[0].at_s)
    bites.add(records[cut:])
    whole = record_all(records)
    for record in records:
        assert plain(bites.at(record.at_s)) == plain(whole.at(record.at_s))


def test_points_written_while_the_clock_was_set_back_come_after_those_before():
    events = [
        PointsMeasured(trial=TRIAL, iteration=[n], values={"loss": [0.5]})
        for n in (1, 2, 3)
    ]
    first, late, last = make_records(events)
    late = msgspec.structs.replace(late, at_s=first.at_s - 60)
    recording = record_all([first, late, last])
    assert recording.at(first.at_s - 30).trials == {}
    assert recording.at(first.at_s).trials[TRIAL].iteration == 2
    assert recording.at(last.at_s).trials[TRIAL].iteration == 3


def test_a_moment_holds_the_points_that_the_whole_holds():
    records = make_records(
        [
            PointsMeasured(trial=TRIAL, iteration=[n], values={"loss": [0.5]})
            for n in range(1, 5)
        ]
    )
    recording = record_all(records)
    loss = recording.at(records[1].at_s).trials[TRIAL].get("loss")
    assert len(loss) == 2
    assert recording.whole.trials[TRIAL].get("loss").continues(loss)
