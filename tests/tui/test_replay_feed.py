"""What a replay posts: a study from its start, a single log whole and at once."""

import threading
from collections.abc import Callable
from pathlib import Path

from textual.message import Message

from tests.flow.waiting import wait_for
from tests.tui.studies import build_coarse_grid
from tuitrain.events import NonFinite, PointsMeasured, TrialId
from tuitrain.store import LogWriter
from tuitrain.tui.ahead import ReadAhead
from tuitrain.tui.feed.replay import ReplayFeed
from tuitrain.tui.messages import FeedFailed, LinkChanged, StudyAdvanced

TRIAL = TrialId("0001")
Posted = list[Message]


def replay(
    path: Path,
    is_enough: Callable[[Posted], bool],
    *,
    is_drawing: bool = False,
    feed: ReplayFeed | None = None,
) -> Posted:
    """Run a feed until it has posted enough, and stop it."""
    posted, feed = Posted(), feed or ReplayFeed(path)

    def post(message: Message) -> None:
        posted.append(message)
        if is_drawing:
            feed.go_on()

    thread = threading.Thread(target=feed.run, args=[post], daemon=True)
    thread.start()
    wait_for(lambda: is_enough(list(posted)), "what is posted")
    feed.stop()
    thread.join(10.0)
    assert not thread.is_alive()
    return posted


def is_read(posted: Posted) -> bool:
    links = [m.link for m in posted if isinstance(m, LinkChanged)]
    return bool(links) and not links[-1].is_reading


def write_points(path: Path, lines: int, loss: float | NonFinite = 0.5) -> None:
    """Write a log of 100 iterations a line."""
    writer = LogWriter(path, f"{TRIAL}/points")
    for line in range(lines):
        first = 100 * line + 1
        event = PointsMeasured(
            trial=TRIAL,
            iteration=list(range(first, first + 100)),
            values={"loss": [loss] * 100},
        )
        writer.append([event])
    writer.close()


def points_of(message: StudyAdvanced) -> int:
    trial = message.study.model.trials.get(TRIAL)
    return trial.points if trial is not None else 0


def test_a_long_log_is_shown_while_it_is_read_and_then_whole(tmp_path: Path) -> None:
    write_points(tmp_path / "points.jsonl", 400)
    posted = replay(tmp_path, is_read)
    shown = [points_of(m) for m in posted if isinstance(m, StudyAdvanced)]
    links = [m.link for m in posted if isinstance(m, LinkChanged)]
    assert 0 < shown[0] < 40_000
    assert links[0].is_reading
    assert shown[-1] == 40_000
    assert not links[-1].is_playing
    assert links[-1].position_s == links[-1].length_s


def test_reading_goes_on_once_the_picture_is_drawn(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("tuitrain.tui.feed.replay.DRAW_S", 3600.0)
    write_points(tmp_path / "points.jsonl", 400)
    assert len(replay(tmp_path, is_read, is_drawing=True)) > 2


def test_a_trial_is_not_judged_by_a_part_of_its_log(tmp_path: Path) -> None:
    write_points(tmp_path / "points.jsonl", 400, loss="nan")
    posted = replay(tmp_path, is_read)
    studies = [m.study for m in posted if isinstance(m, StudyAdvanced)]
    assert studies[0].is_partial
    assert not studies[0].findings(TRIAL)
    assert studies[-1].findings(TRIAL)


def test_a_short_log_is_posted_once(tmp_path: Path) -> None:
    write_points(tmp_path / "points.jsonl", 3)
    posted = replay(tmp_path, is_read)
    assert [points_of(m) for m in posted if isinstance(m, StudyAdvanced)] == [300]


def test_a_study_plays_from_its_start(tmp_path: Path) -> None:
    build_coarse_grid(tmp_path / "digits").close()
    posted = replay(tmp_path / "digits", is_read)
    first = next(m for m in posted if isinstance(m, StudyAdvanced))
    link = next(m.link for m in posted if isinstance(m, LinkChanged))
    assert not first.study.model.trials
    assert link.is_playing
    assert link.position_s == 0.0


def test_a_folder_without_a_log_ends_the_replay_with_a_reason(tmp_path: Path) -> None:
    posted = replay(tmp_path, bool)
    assert isinstance(posted[0], FeedFailed)
    assert "holds no log" in posted[0].reason


def test_a_look_at_the_beginning_of_a_log_shows_it_and_loses_nothing(
    tmp_path: Path,
) -> None:
    write_points(tmp_path / "points.jsonl", 400)
    feed = ReplayFeed(tmp_path)
    peek = feed.peek()
    assert peek is not None
    assert peek.study.is_partial
    assert peek.link.is_reading
    assert 0 < peek.study.model.trials[TRIAL].points < 40_000
    posted = replay(tmp_path, is_read, feed=feed)
    shown = [points_of(m) for m in posted if isinstance(m, StudyAdvanced)]
    assert shown[-1] == 40_000


def test_what_is_read_ahead_in_time_is_the_first_picture_and_the_only_one(
    tmp_path: Path,
) -> None:
    write_points(tmp_path / "points.jsonl", 40)
    ahead = ReadAhead(tmp_path)
    wait_for(lambda: ahead.is_done(0.1), "all that is read ahead")
    feed = ReplayFeed(tmp_path, ahead=ahead)
    peek = feed.peek()
    assert peek is not None
    assert not peek.study.is_partial
    assert peek.study.model.trials[TRIAL].points == 4_000
    posted = replay(tmp_path, is_read, feed=feed)
    assert not [m for m in posted if isinstance(m, StudyAdvanced)]
    assert [m.link for m in posted if isinstance(m, LinkChanged)] == [peek.link]


def test_what_comes_after_it_was_read_ahead_is_shown_as_well(tmp_path: Path) -> None:
    write_points(tmp_path / "points.jsonl", 40)
    ahead = ReadAhead(tmp_path)
    wait_for(lambda: ahead.is_done(0.1), "all that is read ahead")
    feed = ReplayFeed(tmp_path, ahead=ahead)
    feed.peek()
    writer = LogWriter(tmp_path / "points.jsonl", f"{TRIAL}/points")
    writer.append(
        [PointsMeasured(trial=TRIAL, iteration=[4_001], values={"loss": [0.5]})]
    )
    writer.close()
    posted = replay(tmp_path, is_read, feed=feed)
    shown = [points_of(m) for m in posted if isinstance(m, StudyAdvanced)]
    assert shown[-1] == 4_001


def test_a_study_is_not_read_while_the_screen_waits(
    tmp_path: Path, monkeypatch
) -> None:
    build_coarse_grid(tmp_path / "digits").close()
    read: list[object] = []
    monkeypatch.setattr("tuitrain.sources.StudySource.read", read.append)
    assert ReplayFeed(tmp_path / "digits").peek() is None
    assert not read


def test_a_folder_without_a_log_is_told_of_by_the_replay_itself(tmp_path: Path) -> None:
    feed = ReplayFeed(tmp_path)
    assert feed.peek() is None
    assert isinstance(replay(tmp_path, bool, feed=feed)[0], FeedFailed)
