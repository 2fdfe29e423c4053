"""Sources: a study's files, followed while they grow, the socket only sooner."""

from itertools import zip_longest

import pytest

from tests.studies import StudyMaker, make_finished_study
from tuitrain.events import PointsMeasured, Step, TrialId, encode_record
from tuitrain.model import StudyModel, fold_all
from tuitrain.sources import StudySource
from tuitrain.store import StoreError

SECOND = TrialId("0002")


def _events(records):
    return [record.event for record in records]


def test_all_streams_of_a_study_are_read(tmp_path):
    folder = make_finished_study(tmp_path / "digits")
    model = fold_all(StudyModel(), StudySource(folder.path).read_all())
    assert list(model.trials) == ["0001", "0002", "0003"]
    assert model.trials[SECOND].points == 6
    assert model.trials[SECOND].ended is not None


def test_what_is_appended_later_is_read_once(tmp_path):
    maker = StudyMaker(tmp_path / "digits")
    source = StudySource(maker.folder.path)
    first = source.read_all()
    assert source.read_all() == []
    maker.step(Step.FIND_LR)
    maker.trial("0001", Step.FIND_LR)
    later = source.read_all()
    whole = StudySource(maker.folder.path).read_all()
    assert sorted(map(encode_record, first + later)) == sorted(
        map(encode_record, whole)
    )


def test_lines_of_the_socket_and_of_the_files_give_the_same(tmp_path):
    folder = make_finished_study(tmp_path / "digits")
    points = folder.list_trials()[1].points.read_bytes().splitlines(keepends=True)
    journal = folder.journal.read_bytes().splitlines(keepends=True)
    source = StudySource(folder.path)
    records = []
    for line, point in zip_longest(journal, points):
        records += source.offer("journal", line)
        if point is not None:
            records += source.offer("0002/points", point)
    records += source.read_all()
    whole = StudySource(folder.path).read_all()
    assert sorted(map(encode_record, records)) == sorted(map(encode_record, whole))


def test_a_gap_in_what_the_socket_brings_is_filled_from_the_file(tmp_path):
    folder = make_finished_study(tmp_path / "digits")
    lines = folder.list_trials()[1].points.read_bytes().splitlines(keepends=True)
    source = StudySource(folder.path)
    assert len(source.offer("0002/points", lines[0])) == 1
    assert len(source.offer("0002/points", lines[3])) == 3
    assert source.offer("0002/points", lines[1]) == []


def test_lines_of_a_stream_nobody_knows_are_left_out(tmp_path):
    folder = make_finished_study(tmp_path / "digits")
    assert StudySource(folder.path).offer("../../etc", b"x\n") == []


def test_the_points_may_be_left_out(tmp_path):
    folder = make_finished_study(tmp_path / "digits")
    events = _events(StudySource(folder.path, has_points=False).read_all())
    assert not any(isinstance(event, PointsMeasured) for event in events)
    assert (
        fold_all(StudyModel(), StudySource(folder.path, has_points=False).read_all())
        .trials[TrialId("0001")]
        .state.is_over
    )


@pytest.mark.parametrize("name", ["journal.jsonl", "trials/0001/points.jsonl"])
def test_a_log_stands_for_the_folder_it_lies_in(tmp_path, name):
    folder = make_finished_study(tmp_path / "digits")
    path = folder.path / name
    assert len(StudySource(path).read_all()) == len(StudySource(path.parent).read_all())


def test_a_log_under_another_name_is_read_alone(tmp_path):
    folder = make_finished_study(tmp_path / "digits")
    copy = tmp_path / "mailed.jsonl"
    copy.write_bytes(folder.list_trials()[1].points.read_bytes())
    assert len(StudySource(copy).read_all()) == 4


@pytest.mark.parametrize("name", ["nope", "empty"])
def test_where_no_log_is_the_path_is_named(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(StoreError, match=name):
        StudySource(tmp_path / name)
