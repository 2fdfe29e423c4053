"""P7: a full or failing disk is visible, costs nothing acknowledged, and heals."""

import errno
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.chaos import Books
from tests.faults.latency import Window, tell_latency
from tests.faults.processes import of_kind
from tests.faults.real_study import RealStudy
from tests.faults.small_disk import fill, small_disk
from tests.flow.terminal import Terminal
from tests.flow.waiting import wait_for
from tuitrain.commands import RunStep
from tuitrain.model import TrialState

CYCLES = 3
LONG_CYCLES = 200
FULL_S = 2.5
FULL = "disk full"


def start(study: RealStudy) -> None:
    """Run the study's one training until it has measured something."""
    assert study.ask(RunStep()).accepted
    wait_for(study.running, "the training")


def wait_for_more(study: RealStudy) -> None:
    """Wait until the training, which goes on, has written more."""
    before = study.trial().points
    wait_for(lambda: study.trial().points > before, "points after the disk is mended")
    assert len(of_kind(study.name, "trial")) == 1, "the training died of its disk"


def end(study: RealStudy) -> Books:
    """Let the training end and return the books about it."""
    study.finish()
    wait_for(lambda: study.trial().state.is_over, "the end")
    assert study.trial().state is TrialState.FINISHED, study.trial().reason
    return Books(study)


def count_drops(study: RealStudy) -> int:
    """Return the points that the log itself says are lost."""
    drops = [
        re.match(r"(\d+) points lost", failed.error)
        for failed in study.trial().failed_probes
        if failed.probe == "log"
    ]
    return sum(int(match.group(1)) for match in drops if match)


def tell(figure, books: Books, what: str) -> None:
    for name in ("lost", "duplicated", "mangled"):
        value = getattr(books, name)
        figure("P7", f"{what}: {name}", value, asked="0", is_met=value == 0)
    assert books.acknowledged > 0
    assert (books.lost, books.duplicated, books.mangled) == (0, 0, 0)


def tell_drops(figure, study: RealStudy, books: Books, what: str) -> None:
    """Compare what the log says is lost with the gaps between what it holds."""
    dropped, missing = count_drops(study), books.missing_counts
    # `loss` and `count` are one point each; probes measure beside them.
    figure(
        "P7",
        f"{what}: dropped, and counted in a record",
        f"{2 * missing} of loss and count, {dropped} in all",
        asked="every one",
        is_met=dropped >= 2 * missing,
    )
    assert dropped >= 2 * missing > 0


def fill_and_free(tmp_path: Path, cycles: int, figure) -> None:
    # What the training writes in between must not fill the disk for good.
    with small_disk(tmp_path / "disk", f"{1 + cycles // 4}m") as disk:
        outside = tmp_path / "outside"
        study = RealStudy.create(disk, outside=outside, PAUSE_S="0.002")
        flood = outside / "flood"
        screen = None
        try:
            start(study)
            (training,) = of_kind(study.name, "trial")
            arguments = ["attach", str(study.folder.path)]
            screen = Terminal(arguments, tmp_path, columns=160)
            screen.wait_for(study.name)
            with (tmp_path / "said").open("wb") as said:
                headless = study.start(*study.headless(), stderr=said, stdout=said)
                windows = []
                for cycle in range(cycles):
                    began_s = time.monotonic()
                    filler = fill(disk)
                    if cycle == 0:
                        flood.touch()
                    screen.wait_for(FULL)
                    time.sleep(FULL_S)
                    flood.unlink(missing_ok=True)
                    windows.append(Window("disk full", began_s, time.monotonic()))
                    assert training.identity.is_alive()
                    filler.unlink()
                    wait_for_more(study)
                    screen.wait_until(lambda: FULL not in screen.text, "no banner")
                books = end(study)
                headless.terminate()
                headless.wait()
            words = (tmp_path / "said").read_text()
            figure("P7", f"{cycles} full disks: seen on the screen", cycles)
            assert words.count(FULL) >= 1
            tell(figure, books, f"{cycles} full disks")
            tell_drops(figure, study, books, f"{cycles} full disks")
            tell_latency(figure, study.outside, windows)
        finally:
            if screen is not None:
                screen.close()
            study.end()


def test_a_full_disk_is_seen_costs_nothing_acknowledged_and_heals(tmp_path, figure):
    fill_and_free(tmp_path, CYCLES, figure)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_disk_may_be_full_again_and_again(tmp_path, figure):
    fill_and_free(tmp_path, LONG_CYCLES, figure)


@pytest.fixture(scope="module")
def failing_write(tmp_path_factory):
    """The fake of a failing disk, compiled."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler for the fake of a failing disk")
    library = tmp_path_factory.mktemp("fake") / "failing_write.so"
    source = Path(__file__).with_name("failing_write.c")
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source)]
    subprocess.run([*command, "-ldl"], check=True)
    probe = "import os; os.write(1, b'ok')"
    environment = {"LD_PRELOAD": str(library)}
    done = subprocess.run(
        [sys.executable, "-S", "-c", probe], env=environment, capture_output=True
    )
    if done.stdout != b"ok":
        pytest.skip("this Python can't be given a fake of write()")
    return library


def test_errors_of_the_disk_cost_nothing_acknowledged_and_heal(
    tmp_path, failing_write, figure
):
    wish = tmp_path / "fail"
    study = RealStudy.create(
        tmp_path,
        PAUSE_S="0.002",
        LD_PRELOAD=str(failing_write),
        FAIL_WRITE=str(wish),
    )
    kinds = {"EIO": errno.EIO, "EDQUOT": errno.EDQUOT, "half a batch": 0}
    try:
        start(study)
        for number in kinds.values():
            draft = tmp_path / "draft"
            draft.write_text(str(number))
            draft.rename(wish)
            # Longer than two tries, so that it is met in any case.
            time.sleep(FULL_S)
            wish.unlink()
            wait_for_more(study)
        books = end(study)
        tell(figure, books, ", ".join(kinds))
        out = (study.folder.trial(study.trial().trial).out).read_text()
        assert "Input/output error; training goes on" in out
        assert "Disk quota exceeded; training goes on" in out
        assert "no space left" in out
    finally:
        study.end()
