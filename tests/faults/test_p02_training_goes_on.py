"""P2: training never blocks or dies because of the monitor, whatever becomes of that."""

import os
import resource
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.chaos import Books
from tests.faults.latency import Window, tell_latency
from tests.faults.processes import find_processes, of_kind
from tests.faults.real_study import FAKE_DRIVER, RealStudy
from tests.flow.waiting import wait_for
from tuitrain.commands import RunStep, StopTrial
from tuitrain.events import OutcomeKind, TrialId
from tuitrain.model import TrialState
from tuitrain.wire import ConnectionLostError, connect

TRIALS = 3
STOPPED_S = 3.0


@pytest.fixture
def runtime():
    """A folder for the socket that is this test's own, so that it may be taken away."""
    path = Path(tempfile.mkdtemp(prefix="tt-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def study(tmp_path, runtime):
    known = os.environ.get("PYTHONPATH", "")
    study = RealStudy.create(
        tmp_path,
        trials=TRIALS,
        slots=TRIALS,
        PYTHONPATH=os.pathsep.join(filter(None, [str(FAKE_DRIVER), known])),
        FAKE_DRIVER_CRASH=str(tmp_path / "crash"),
        XDG_RUNTIME_DIR=str(runtime),
        PAUSE_S="0.005",
    )
    yield study
    study.end()


class Faults:
    """Each fault of the promise, in force until the method returns."""

    def __init__(self, study: RealStudy, runtime: Path, crash: Path) -> None:
        self._study = study
        self._runtime = runtime
        self._crash = crash

    def none(self) -> None:
        time.sleep(STOPPED_S)

    def stopped(self) -> None:
        (supervisor,) = of_kind(self._study.name, "supervisor")
        supervisor.kill(signal.SIGSTOP)
        time.sleep(STOPPED_S)
        supervisor.kill(signal.SIGCONT)

    def killed(self) -> None:
        (supervisor,) = of_kind(self._study.name, "supervisor")
        supervisor.kill()
        wait_for(lambda: not supervisor.identity.is_alive(), "its end")
        time.sleep(0.5)
        self._answers()

    def without_socket(self) -> None:
        shutil.rmtree(self._runtime / "tuitrain")
        wait_for(lambda: list(self._runtime.glob("tuitrain/*.sock")), "a new socket")
        self._answers()

    def without_descriptors(self) -> None:
        (supervisor,) = of_kind(self._study.name, "supervisor")
        pid = supervisor.identity.pid
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        in_use = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
        lowest_free = next(n for n in range(len(in_use) + 1) if n not in in_use)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest_free, before[1]))
        socket = next(self._runtime.glob("tuitrain/*.sock"))
        try:
            for _ in range(4):
                with pytest.raises(ConnectionLostError):
                    connect(socket, self._study.name, timeout_s=0.5)
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        self._answers()
        assert supervisor.identity.is_alive()

    def crashed_sampler(self) -> None:
        (sampler,) = of_kind(self._study.name, "sampler")
        self._crash.touch()
        wait_for(lambda: not sampler.identity.is_alive(), "the sampler's crash")
        self._crash.unlink()
        self._answers()

    def _answers(self) -> None:
        answer = self._study.ask(StopTrial(trial=TrialId("0099")))
        assert answer.message == "there is no trial 0099"


def test_no_training_is_stopped_or_slowed_by_its_monitor(
    study, runtime, tmp_path, figure
):
    faults = Faults(study, runtime, tmp_path / "crash")
    cases: list[tuple[str, Callable[[], None], int]] = [
        ("no fault, to compare", faults.none, 1),
        ("supervisor stopped for 3 s", faults.stopped, 1),
        ("supervisor killed", faults.killed, 3),
        ("socket folder removed", faults.without_socket, 2),
        ("supervisor out of descriptors", faults.without_descriptors, 2),
        ("GPU sampler crashed", faults.crashed_sampler, 1),
    ]
    assert study.ask(RunStep()).accepted
    wait_for(lambda: len(study.running()) == TRIALS, "the trainings")
    trainings = of_kind(study.name, "trial")
    assert len(trainings) == TRIALS
    windows = []
    for fault, inject, times in cases:
        for _ in range(times):
            began_s = time.monotonic()
            inject()
            windows.append(Window(fault, began_s, time.monotonic()))
            dead = [t.command for t in trainings if not t.identity.is_alive()]
            assert not dead, fault
    before = {trial.trial: trial.points for trial in study.running()}
    assert len(before) == TRIALS, "a trial counts as over"

    def goes_on() -> bool:
        now = study.running()
        return len(now) == TRIALS and all(t.points > before[t.trial] for t in now)

    wait_for(goes_on, "more points of all trainings")
    study.finish()
    wait_for(lambda: all(t.state.is_over for t in study.model().trials.values()), "end")
    trials = study.model().trials.values()
    assert [t.state for t in trials] == [TrialState.FINISHED] * TRIALS
    for trial in trials:
        assert trial.finished is not None
        assert trial.finished.outcome is OutcomeKind.COMPLETED
        assert trial.failed_probes == ()
    tell_latency(figure, study.outside, windows)
    figure("P2", "trainings that died of a fault", 0, asked="0", is_met=True)
    books = Books(study)
    assert books.acknowledged > 0
    assert (books.lost, books.duplicated, books.mangled, books.holes) == (0, 0, 0, 0)
    assert study.stop() == 0
    wait_for(lambda: not find_processes(study.name), "the end of all processes")
