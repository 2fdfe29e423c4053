"""A recorded study as a film."""

from pathlib import Path

import pytest

from tests.samples import record_all
from tests.tui.studies import build_coarse_grid
from tuitrain.events import Record, Step
from tuitrain.model import Recording, StudyModel, fold_all
from tuitrain.sources import StudySource
from tuitrain.study import Study
from tuitrain.tui.player import SPEEDS, Player


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    path: Path = tmp_path_factory.mktemp("study") / "digits"
    build_coarse_grid(path).close()
    return StudySource(path).read_all()


def in_short(model: StudyModel) -> tuple[object, ...]:
    points = [(t.trial, t.state, t.points, t.epoch) for t in model.trials.values()]
    return model.runs, points, model.last_at_s


def test_the_end_of_a_replay_is_what_folding_everything_gives(
    records: list[Record],
) -> None:
    player = Player(record_all(records))
    player.seek_end()
    ordered = sorted(records, key=lambda record: record.at_s)
    assert in_short(player.model) == in_short(fold_all(StudyModel(), ordered))
    assert player.is_at_end
    assert not player.is_playing


def test_playing_reaches_the_end_and_stops_there(records: list[Record]) -> None:
    player = Player(record_all(records))
    frames = 0
    while player.advance(0.25):
        frames += 1
    assert player.is_at_end
    assert frames == pytest.approx(player.length_s / player.speed / 0.25, abs=1.5)


def test_a_replay_lasts_about_twenty_seconds_at_its_first_speed(
    records: list[Record],
) -> None:
    player = Player(record_all(records))
    assert player.speed in SPEEDS
    assert 8 <= player.length_s / player.speed <= 20


def test_a_paused_replay_does_not_move(records: list[Record]) -> None:
    player = Player(record_all(records))
    player.toggle()
    assert not player.advance(5.0)
    assert player.position_s == 0.0


def test_seeking_goes_from_scene_to_scene_and_back(records: list[Record]) -> None:
    player = Player(record_all(records))
    steps = []
    for _ in range(12):
        player.seek_scene(1)
        current = Study(player.model).current
        steps.append(current.step if current else None)
    assert Step.COARSE_GRID in steps
    forward = player.position_s
    player.seek_scene(-1)
    assert player.position_s < forward


def test_a_moment_looks_the_same_from_both_sides(records: list[Record]) -> None:
    player = Player(record_all(records))
    for _ in range(6):
        player.seek_scene(1)
    moment, before = player.position_s, in_short(player.model)
    player.seek_end()
    while player.position_s > moment:
        player.seek_scene(-1)
    assert player.position_s == moment
    assert in_short(player.model) == before


def test_speed_stays_within_its_bounds(records: list[Record]) -> None:
    player = Player(record_all(records))
    for _ in range(30):
        player.change_speed(1)
    assert player.speed == SPEEDS[-1]
    for _ in range(30):
        player.change_speed(-1)
    assert player.speed == SPEEDS[0]


def test_space_at_the_end_plays_from_the_start(records: list[Record]) -> None:
    player = Player(record_all(records))
    player.seek_end()
    player.toggle()
    assert player.is_playing
    assert player.position_s == 0.0


def test_an_empty_log_is_a_replay_at_its_end() -> None:
    player = Player(Recording())
    assert player.is_at_end
    player.seek_end()
    player.seek_scene(1)
    assert player.length_s == 0.0


def test_seeking_by_time_stays_within_the_recording(records: list[Record]) -> None:
    player = Player(record_all(records))
    player.seek_by(10)
    assert player.position_s == 10.0
    player.seek_by(-60)
    assert player.position_s == 0.0
    player.seek_by(1e9)
    assert player.position_s == player.length_s
    assert player.is_at_end


def test_seeking_goes_to_the_moment_of_each_finding_and_names_it(
    records: list[Record],
) -> None:
    player = Player(record_all(records))
    player.seek_finding(1)
    first, place = player.position_s, player.place
    assert "non finite" in place
    assert place.endswith("in trial 0004")
    assert any(Study(player.model).findings(t) for t in player.model.trials)
    player.seek_finding(1)
    assert player.position_s > first
    player.seek_finding(-1)
    assert (player.position_s, player.place) == (first, place)
    player.advance(1.0)
    assert player.place == ""
