"""P13: the wall clock may jump; nothing lasts less than no time, and order stays."""

import json
import os
import re
import signal
import time
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from tests.flow.conftest import standin as standin
from tests.flow.supervised import Supervised, running
from tests.flow.waiting import wait_for
from tests.tui.builder import HandClock, StudyBuilder
from tests.tui.studies import falling
from tuitrain.clock import SYSTEM_CLOCK
from tuitrain.commands import RunStep
from tuitrain.events import OutcomeKind, Step, TrialLimits, Verdict
from tuitrain.headless import Look, Printer, replay_headless
from tuitrain.model import Recording, StudyModel, fold_all
from tuitrain.sources import StudySource
from tuitrain.study import Study
from tuitrain.units import Seconds

OTHER_WALL = Path(__file__).with_name("other_wall")
LOOK = Look(columns=120, lines=36, ascii_only=False, has_colour=False)
JUMPS_S = {"an hour back": -3600.0, "a day on": 86400.0, "back and on": -7200.0}
NEGATIVE = re.compile(rb"(?<![\w.])-\d+(?::\d\d|(?:\.\d+)? (?:s|min|h|d)\b)")


class JumpingClock(HandClock):
    """A hand clock whose wall time is set somewhere else now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.jumped_s = 0.0

    def wall_s(self) -> Seconds:
        return Seconds(self.now_s + self.jumped_s)


def build(path: Path, jump_s: float) -> None:
    """A study in which the clock jumps in the middle of a step, and of a trial."""
    study = StudyBuilder(path)
    clock = JumpingClock()
    clock.now_s = study.clock.now_s
    study.clock = clock
    study._writers.clear()
    study.enter(Step.FIND_LR)
    study.start()
    for number in range(4):
        trial = study.queue({"lr": 0.1, "weight_decay": 0.0}, TrialLimits(epochs=1))
        study.begin(trial)
        loss = falling(0.1, 0.1, number)
        for beat in range(6):
            if (number, beat) in ((1, 3), (2, 5)):
                clock.jumped_s += jump_s if number == 1 else -2 * jump_s
            study.train(trial, range(10 * beat + 1, 10 * beat + 11), loss)
        study.finish(trial, OutcomeKind.COMPLETED, 60)
    study.judge(Verdict.PASS, "fine")
    study.close()


@pytest.mark.parametrize("jump", JUMPS_S)
def test_no_duration_is_negative_and_each_stream_keeps_its_order(
    tmp_path, jump, figure
):
    build(tmp_path / "study", JUMPS_S[jump])
    source = StudySource(tmp_path / "study")
    records = source.read_all()
    assert (source.damage.bad_lines, source.damage.missing_records) == (0, 0)
    whole = fold_all(StudyModel(), records)
    recording = Recording()
    recording.add(records)
    durations = check_moments(recording, whole)
    printed = print_all(tmp_path / "study")
    negative = NEGATIVE.findall(printed) + [d for d in durations if d < 0]
    figure(
        "P13",
        f"negative durations shown, the clock set {jump} and back ({len(durations)} "
        "looked at)",
        len(negative),
        asked="0",
        is_met=not negative,
    )
    # By the clock that the builder moves, and that is never set.
    lasted_s = max(record.mono_s for record in records)
    figure(
        "P13",
        f"longest duration shown of a study of {lasted_s:.0f} s, the clock set {jump} "
        "and back",
        f"{max(durations):.0f} s",
        asked=f"at most {lasted_s:.0f} s",
        is_met=max(durations) <= lasted_s,
    )
    jumped_s = [r.wall_s - r.at_s for r in records if r.wall_s is not None]
    assert any(abs(off_s - JUMPS_S[jump]) < 1 for off_s in jumped_s)
    assert max(durations) <= lasted_s
    assert max(durations) > lasted_s / 2
    assert negative == []
    for stream in (("StepEntered", "StepStarted", "TrialQueued", "VerdictReached"),):
        kept = [r for r in recording.events if type(r.event).__name__ in stream]
        assert [r.seq for r in kept] == sorted(r.seq for r in kept)


def check_moments(recording: Recording, whole: StudyModel) -> list[float]:
    """Look at a recording at many moments; return all durations that are shown."""
    durations: list[float] = []
    assert recording.start_s is not None
    assert recording.end_s is not None
    length_s = recording.end_s - recording.start_s
    for share in range(101):
        model = recording.at(recording.start_s + length_s * share / 100)
        study = Study(model)
        shown = [t.elapsed_s for t in study.trials] + [t.left_s for t in study.trials]
        shown += [s.elapsed_s for s in study.steps] + [s.left_s for s in study.steps]
        durations += [float(duration) for duration in shown if duration is not None]
    assert recording.at(recording.end_s) is recording.whole
    assert recording.whole.current == whole.current
    return durations


def print_all(path: Path) -> bytes:
    written = BytesIO()
    printer = Printer(TextIOWrapper(written, encoding="utf-8"), LOOK)
    replay_headless(path, printer, as_json=False)
    replay_headless(path, printer, as_json=True)
    text = written.getvalue()
    document = text[text.index(b"\n{") :]
    assert json.loads(document)["trials"]
    return text


@pytest.fixture
def wall(tmp_path, standin, monkeypatch) -> Path:
    """A file that says how far off the wall clock of the processes is."""
    path = Path(tmp_path) / "wall"
    path.write_text("0")
    monkeypatch.setenv("WALL_OFFSET", str(path))
    folders = [str(OTHER_WALL), os.environ["PYTHONPATH"]]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(folders))
    return path


@pytest.mark.flow
def test_a_real_study_takes_no_notice_of_jumps_and_of_a_suspend(wall, tmp_path, figure):
    supervised = Supervised.create(tmp_path / "digits")
    began_s = SYSTEM_CLOCK.mono_s()
    try:
        live_through(supervised, wall)
        trials = list(supervised.model().trials.values())
        assert {len(trial.get("loss")) for trial in trials} == {2000}
        # The jumps were real: the logs saw them.
        records = supervised.read()
        walls = [r.at_s if r.wall_s is None else r.wall_s for r in records]
        assert max(walls) - min(walls) > 86400
        check_durations(supervised.model(), SYSTEM_CLOCK.mono_s() - began_s, figure)
        wrong = supervised.folder.supervisor_log.read_text().count("dropped")
        figure(
            "P13",
            "timeouts that fire wrongly in a real study: an hour back, a day on, suspend",
            wrong,
            asked="0",
            is_met=wrong == 0,
        )
        assert wrong == 0
    finally:
        supervised.end()


def check_durations(model: StudyModel, lasted_s: float, figure) -> None:
    """See that nothing is said to last longer than the test does."""
    study = Study(model)
    shown = [t.elapsed_s for t in study.trials] + [s.elapsed_s for s in study.steps]
    longest_s = max(float(duration) for duration in shown if duration is not None)
    assert model.last_at_s is not None
    assert model.opened_at_s is not None
    longest_s = max(longest_s, model.last_at_s - model.opened_at_s)
    figure(
        "P13",
        "durations shown of a real study that go beyond the time it took: an hour back, "
        "a day on, suspend, another supervisor",
        int(longest_s > lasted_s),
        asked="0",
        is_met=longest_s <= lasted_s,
    )
    assert longest_s <= lasted_s


def live_through(supervised: Supervised, wall: Path) -> None:
    """Run a step while the clock jumps; one client stays attached all the time."""
    text = supervised.folder.settings.read_text().replace("200", "2000")
    supervised.folder.settings.write_text(text)
    connection = supervised.connect()
    before = supervised.identify()
    assert connection.ask(RunStep()).accepted
    wait_for(lambda: running(supervised, 2), "two trials")
    for offset in ("-3600", "86400", "-3600"):
        wall.write_text(offset)
        seen = count_points(supervised)
        wait_for(lambda seen=seen: count_points(supervised) > seen + 20, "more points")  # type: ignore[misc]
        assert "is running already" in connection.ask(RunStep()).message
    before.send(signal.SIGSTOP)
    time.sleep(2)
    wall.write_text("7200")
    before.send(signal.SIGCONT)
    assert "is running already" in connection.ask(RunStep()).message
    assert supervised.identify() == before
    # Another supervisor takes over while the clock is elsewhere.
    supervised.kill()
    supervised.ensure()
    supervised.let_go()
    wait_for(supervised.verdict, "the verdict")


def count_points(supervised: Supervised) -> int:
    return sum(trial.points for trial in supervised.model().trials.values())
