"""P3: losing the SSH connection loses nothing, and leaves nothing behind."""

import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import psutil
import pytest

from tests.faults.paced_study import (
    SCRIPT,
    PacedStudy,
    attach,
    check_sequence,
    is_gone,
    watch_end,
)
from tests.faults.ssh_host import Link, SshHost, in_shell, kill_session, start_host
from tests.flow.terminal import Terminal
from tests.flow.waiting import wait_for
from tuitrain.events import StepStarted
from tuitrain.store import LogFollower

pytestmark = [pytest.mark.flow, pytest.mark.timeout(600)]

TUITRAIN = (sys.executable, "-m", "tuitrain")
GONE_S = 2.0
RETURN_S = 2.0
REATTACH_S = 0.2
REATTACHES = 10
"""In-process ones after each drop: a p99 wants more than a handful."""


@pytest.fixture(autouse=True, scope="module")
def _signals_count() -> Iterator[None]:
    """What is started here ends by signals, however the tests were started."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture(scope="module")
def host(tmp_path_factory) -> Iterator[SshHost]:
    host = start_host(tmp_path_factory.mktemp("ssh") / "host")
    yield host
    host.close()


@dataclass
class Login:
    """A person's terminal on the host, with the screen of a study in it."""

    terminal: Terminal
    screen: psutil.Process
    link: Link
    opened_s: float
    """From the start of `ssh` to the study on the screen."""


@dataclass
class Drops:
    """Logs in, loses the connection, and keeps what was measured."""

    host: SshHost
    study: PacedStudy
    gone_s: list[float] = field(default_factory=list)
    opened_s: list[float] = field(default_factory=list)
    reattached_s: list[float] = field(default_factory=list)

    def log_in(self) -> Login:
        """Open the screen of the study over SSH."""
        link = Link(self.host.port)
        note = self.study.folder.path.parent / "screen.pid"
        note.unlink(missing_ok=True)
        line = in_shell([*TUITRAIN, "attach", self.study.folder.path], **kept())
        began_s = time.monotonic()
        terminal = Terminal(
            [f"echo $$ >{shlex.quote(str(note))}; exec {line}"],
            self.study.folder.path.parent,
            program=self.host.command("-tt", port=link.port),
        )
        terminal.wait_for("1 initial loss", "0/1 trials")
        opened_s = time.monotonic() - began_s
        assert "no supervisor" not in terminal.text
        screen = psutil.Process(int(note.read_text()))
        return Login(terminal, screen, link, opened_s)

    def lose(self, kind: "Kind") -> None:
        """Log in, lose the connection as `kind` says, and look at what goes on."""
        before = self.study.count_points()
        worker = self.study.worker()
        login = self.log_in()
        self.opened_s.append(login.opened_s)
        try:
            self.gone_s.append(kind(self, login))
        finally:
            login.terminal.close()
            login.link.close()
        seen = self.study.count_points()
        wait_for(lambda: self.study.count_points() > seen > before, "more points")
        assert self.study.worker() == worker
        for _ in range(REATTACHES):
            took_s, trial = attach(self.study, seen)
            check_sequence(trial, at_least=seen)
            self.reattached_s.append(took_s)


Kind = Callable[[Drops, Login], float]
"""Loses a connection; returns seconds from the hang-up until the screen was gone."""


def leave_cleanly(_: Drops, login: Login) -> float:
    """The person ends the connection."""
    return watch_end(login.screen, lambda: login.terminal.press("~."))


def kill_client(_: Drops, login: Login) -> float:
    """The client is killed, as when its machine is switched off in good order."""
    return watch_end(login.screen, lambda: os.kill(login.terminal.pid, signal.SIGKILL))


def kill_own_session(_: Drops, login: Login) -> float:
    """The host's end of the connection is killed."""
    return watch_end(login.screen, lambda: kill_session(login.screen))


def cut_the_link(_: Drops, login: Login) -> float:
    """Nothing comes through any more; the host hangs up when it notices."""
    session = login.screen.parent()
    assert session is not None
    login.link.die()
    wait_for(lambda: is_gone(session), "the host to notice")
    return watch_end(login.screen, lambda: None)


def kill_listener(drops: Drops, login: Login) -> float:
    """The daemon is killed: who is in stays in, until that ends too."""
    drops.host.kill_listener()
    try:
        seen = drops.study.count_points()
        wait_for(lambda: drops.study.count_points() > seen, "more points")
        assert not is_gone(login.screen)
        return watch_end(login.screen, lambda: kill_session(login.screen))
    finally:
        drops.host.start()


KINDS: dict[str, Kind] = {
    "clean exit": leave_cleanly,
    "killed client": kill_client,
    "killed session": kill_own_session,
    "dead link": cut_the_link,
    "killed listener": kill_listener,
}


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Iterator[PacedStudy]:
    study = PacedStudy(tmp_path_factory.mktemp("far") / "study")
    yield study
    study.end()


def kept() -> dict[str, str]:
    """What a login does not bring along, and these tests need."""
    names = ("PATH", "PYTHONPATH", "COVERAGE_PROCESS_CONFIG")
    brought = {name: os.environ[name] for name in names if name in os.environ}
    return {"TERM": "xterm-256color", **brought}


def test_a_study_is_started_over_ssh_and_the_command_returns(host, study, figure):
    arguments = ["run", SCRIPT, "--study", study.folder.path]
    line = in_shell([*TUITRAIN, *arguments, "--headless", "--until", "1"], **kept())
    answered = host.run(f"{line} &", 60)
    returned_s = time.monotonic()
    said = answered.stdout.decode()
    assert "the study goes on" in said, (said, answered.stderr, study.folder.path)
    trial = wait_for(lambda: study.trial, "the trial")
    assert trial is not None
    took_s = returned_s - first_step_s(study)
    met = took_s <= RETURN_S
    figure(
        "P3",
        "`ssh host 'tuitrain run … --headless &'` returns after the study started",
        f"{took_s:.2f} s",
        asked=f"< {RETURN_S:g} s",
        is_met=met,
    )
    wait_for(study.count_points, "the first points")
    assert study.worker().terminal() is None


def first_step_s(study: PacedStudy) -> float:
    """Return when the first step was started, on the monotonic clock."""
    records = LogFollower(study.folder.journal).read()
    return next(r.mono_s for r in records if isinstance(r.event, StepStarted))


def lose_all(host: SshHost, study: PacedStudy, figure, rounds: int) -> None:
    """Lose the connection in every way, so many times each, and tell how it went."""
    drops = Drops(host, study)
    supervisor = study.supervisor()
    base = supervisor.num_fds()
    for _ in range(rounds):
        for kind in KINDS.values():
            drops.lose(kind)
    wait_for(lambda: supervisor.num_fds() <= base, "the supervisor's descriptors")
    assert study.supervisor() == supervisor
    count = len(drops.gone_s)
    asked = rounds * len(KINDS)
    figure(
        "P3",
        "SSH drops survived (5 kinds)",
        f"{count} of {asked}",
        asked="all",
        is_met=count == asked,
    )
    worst_s = max(drops.gone_s)
    figure(
        "P3",
        "the screen's process is gone after the hang-up, longest",
        f"{worst_s:.2f} s",
        asked=f"≤ {GONE_S:g} s",
        is_met=worst_s <= GONE_S,
    )
    p99_s = float(np.quantile(drops.reattached_s, 0.99))
    p50_s = float(np.median(drops.reattached_s))
    figure(
        "P3",
        f"reattach, from connecting to the whole study, ready to be drawn, p99 of "
        f"{len(drops.reattached_s)} (p50 {p50_s:.3f} s)",
        f"{p99_s:.3f} s",
        asked=f"≤ {REATTACH_S:g} s",
        is_met=p99_s <= REATTACH_S,
    )
    opened_s = float(np.median(drops.opened_s))
    figure(
        "P3",
        "from the start of `ssh` to the study on the screen, Python's start included, "
        "median",
        f"{opened_s:.2f} s",
    )


def test_a_lost_connection_loses_nothing(host, study, figure):
    wait_for(study.count_points, "a running study, as the first test leaves it")
    lose_all(host, study, figure, rounds=2)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_lost_connection_loses_nothing_many_times(host, study, figure):
    if not study.count_points():
        line = in_shell(
            [*TUITRAIN, "run", SCRIPT, "--study", study.folder.path, "--headless"],
            **kept(),
        )
        host.run(f"{line} &", 60)
        wait_for(study.count_points, "the first points")
    lose_all(host, study, figure, rounds=10)
    attached_many_times(study, figure, 1000)
    check_sequence(study.let_go(), 1)


def attached_many_times(study: PacedStudy, figure, count: int) -> None:
    """A storm of screens that come and go."""
    supervisor = study.supervisor()
    base = supervisor.num_fds()
    took_s = [attach(study, study.count_points())[0] for _ in range(count)]
    wait_for(lambda: supervisor.num_fds() <= base, "the supervisor's descriptors")
    p99_s = float(np.quantile(took_s, 0.99))
    figure(
        "P3",
        f"reattach in a storm of {count}, p99; 0 descriptors left over",
        f"{p99_s:.3f} s",
        asked=f"≤ {REATTACH_S:g} s",
        is_met=p99_s <= REATTACH_S,
    )


def test_the_trial_reaches_its_end(study):
    before = study.count_points()
    check_sequence(study.let_go(), at_least=before)
