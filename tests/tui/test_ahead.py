"""Reading ahead: the same as reading, done by another process."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tuitrain.events import PointsMeasured, TrialId, to_column
from tuitrain.model import Recording, StudyModel
from tuitrain.sources import StudySource
from tuitrain.store import LogWriter
from tuitrain.tui.ahead import ReadAhead

LOGS = Path(__file__).parents[1] / "logs"
LONG = 400_000


def write_log(folder: Path, points: int) -> Path:
    log = LogWriter(folder / "points.jsonl", "0001/points")
    for first in range(1, points, 100):
        iterations = list(range(first, first + 100))
        values = {"loss": to_column([1.0 / i for i in iterations])}
        event = PointsMeasured(
            trial=TrialId("0001"), iteration=iterations, values=values
        )
        log.append([event])
    log.close()
    return folder


def run_apart(code: str, folder: Path) -> str:
    """Return what `code` prints in a process of its own."""
    run = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return run.stdout.strip()


def columns(model: StudyModel) -> dict[tuple[str, str], tuple[list[int], list[float]]]:
    return {
        (name, key): (series.iterations.tolist(), series.values.tolist())
        for name, trial in model.trials.items()
        for key, series in trial.series.items()
    }


def test_what_was_read_ahead_is_what_is_read() -> None:
    path = LOGS / "digits_cnn"
    read = ReadAhead(path).take(30.0)
    assert read is not None
    recording = Recording()
    source = StudySource(path)
    while records := source.read():
        recording.add(records)
    assert columns(read.recording.whole) == columns(recording.whole)
    assert read.recording.events == recording.events
    assert recording.start_s is not None
    assert recording.end_s is not None
    middle_s = (recording.start_s + recording.end_s) / 2
    assert columns(read.recording.at(middle_s)) == columns(recording.at(middle_s))
    assert read.source.read() == []


def test_what_is_asked_for_early_is_read_on(tmp_path: Path) -> None:
    read = ReadAhead(write_log(tmp_path, LONG)).take(0.0)
    assert read is not None
    before = len(read.recording.whole.trials[TrialId("0001")].series["loss"])
    while records := read.source.read():
        read.recording.add(records)
    series = read.recording.whole.trials[TrialId("0001")].series["loss"]
    assert 0 < before < LONG
    assert series.iterations.tolist() == list(range(1, LONG + 1))
    assert series.columns(0, LONG, 10).low.tolist()[0] == series.values[LONG // 10 - 2]


def test_nothing_comes_of_what_can_not_be_read(tmp_path: Path) -> None:
    assert ReadAhead(tmp_path / "missing").take(30.0) is None
    (tmp_path / "points.jsonl").write_bytes(b"no log\n" * 9)
    assert ReadAhead(tmp_path).take(30.0) is None


def test_the_process_is_gone_once_it_was_asked() -> None:
    before = set(psutil.Process().children())
    assert ReadAhead(LOGS / "own_loop").take(30.0) is not None
    assert set(psutil.Process().children()) == before


def test_without_a_process_to_spare_nothing_is_read_ahead(tmp_path: Path) -> None:
    code = (
        "import os, resource, sys; from pathlib import Path; "
        "from tuitrain.tui.ahead import ReadAhead; "
        "os.setuid(65534); resource.setrlimit(resource.RLIMIT_NPROC, (0, 0)); "
        "print(ReadAhead.begin(Path(sys.argv[1])))"
    )
    if os.getuid() != 0:
        pytest.skip("needs another user, who is bound by limits")
    assert run_apart(code, tmp_path) == "None"


def test_it_ends_with_who_started_it(tmp_path: Path) -> None:
    write_log(tmp_path, 2000)
    code = (
        "import psutil, sys; from pathlib import Path; "
        "from tuitrain.tui.ahead import ReadAhead; "
        "ahead = ReadAhead(Path(sys.argv[1])); "
        "print(psutil.Process().children()[0].pid, flush=True)"
    )
    pid = int(run_apart(code, tmp_path))
    deadline_s = time.monotonic() + 30
    while psutil.pid_exists(pid):
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
