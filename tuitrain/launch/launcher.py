"""The one door to starting, watching and ending trials on this machine."""

import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from typing import Final

import msgspec

from tuitrain.events import TrialId, TrialStarted
from tuitrain.launch.channel import (
    CHANNEL_BYTES,
    Declined,
    Fork,
    Forked,
    NotReady,
    Ready,
    decode_report,
    encode_request,
)
from tuitrain.launch.exit_status import ExitKeeper, ExitStatus
from tuitrain.launch.failures import LaunchError
from tuitrain.launch.identity import ProcessIdentity
from tuitrain.launch.interpreter import (
    module_command,
    module_environment,
    patient_threads,
)
from tuitrain.launch.remains import find_remains, remove_drafts
from tuitrain.store import TrialFolder, TrialSpec

STARTER_LIVES: Final = 3
"""Starters tried before every trial gets a fresh interpreter."""

_END_S: Final = 2.0


@dataclass(frozen=True)
class Launched:
    """A shim runs for a trial; the trial's own log says the rest."""

    trial: TrialId
    shim: ProcessIdentity | None
    """None: it is gone already."""


@dataclass(frozen=True)
class Unusable:
    """No trial can be trained here at all."""

    message: str
    """One line: what is missing, where, and what to do."""


@dataclass(frozen=True)
class Fallback:
    """Trials get a fresh interpreter from here on, which is slower."""

    reason: str


LaunchNews = Launched | Unusable | Fallback
"""What a launcher may have to tell."""


class Launcher:
    """Starts trials as processes of this machine, warm where that is safe.

    All calls return at once. A trial that runs belongs to its shim, not to this
    object: closing it, or dying with it, ends no trial.
    """

    def __init__(self, study: str) -> None:
        """Get ready to launch trials of `study`, whose name is for process titles."""
        self._study = study
        self._python: str | None = None
        self._wants_cold = False
        self._has_given_up = False
        self._lives = STARTER_LIVES
        self._starter: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._asked: dict[TrialId, TrialFolder] = {}
        self._fresh: set[int] = set()
        self._news: list[LaunchNews] = []
        self._exits = ExitKeeper()

    @property
    def _is_cold(self) -> bool:
        return self._wants_cold or self._has_given_up

    def use(self, *, cold: bool, python: str | None) -> None:
        """Launch in this way from here on.

        Args:
            cold: Use a fresh interpreter for every trial.
            python: Interpreter that runs the script; None: this one. Another one is
                never forked from, so it implies `cold`.

        Raises:
            LaunchError: A trial that waited for the starter can't be started.
        """
        self._python = python
        self._wants_cold = cold or python not in (None, sys.executable)
        if self._wants_cold and self._channel is not None:
            self._go_cold()

    def warm_up(self) -> None:
        """Start the starter, so that the first launch need not wait for torch."""
        if not self._is_cold and self._channel is None:
            self._start_starter()

    def launch(self, spec: TrialSpec, folder: TrialFolder) -> None:
        """Start the trial described by `spec` in `folder`, which holds it already.

        Launching a trial twice is harmless: one shim wins, the other leaves.

        Raises:
            LaunchError: No process can be started.
        """
        self.warm_up()
        if self._is_cold:
            self._launch_fresh(spec.trial, folder)
            return
        self._asked[spec.trial] = folder
        self._ask_starter(spec.trial, folder)

    def poll(self) -> list[LaunchNews]:
        """Return what became known since the last call.

        Raises:
            LaunchError: The starter is gone and no other process can be started.
        """
        self._reap_fresh()
        while self._channel is not None:
            try:
                packet = self._channel.recv(CHANNEL_BYTES)
            except BlockingIOError:
                break
            except OSError:
                packet = b""
            if packet:
                self._take(packet)
            else:
                self._replace_starter()
        news, self._news = self._news, []
        return news

    def is_waiting(self, trial: TrialId) -> bool:
        """Whether a launch was asked for and no shim runs yet."""
        return trial in self._asked

    def is_alive(self, started: TrialStarted) -> bool:
        """Whether the trial's shim or its training process runs."""
        self._exits.hold(started.trial, ProcessIdentity.of_training(started))
        return (
            ProcessIdentity.of_shim(started).is_alive()
            or ProcessIdentity.of_training(started).is_alive()
        )

    def terminate(self, started: TrialStarted, *, force: bool = False) -> bool:
        """Ask a trial to end; its shim sees to it that all of it does.

        Args:
            started: Which trial.
            force: Do not ask but end it; only used when its shim is gone.

        Returns:
            False: it is gone already.
        """
        if ProcessIdentity.of_shim(started).send(signal.SIGTERM):
            return True
        training = ProcessIdentity.of_training(started)
        return training.send(signal.SIGKILL if force else signal.SIGTERM)

    def find_exit(self, started: TrialStarted) -> ExitStatus | None:
        """Return how a trial ended whose shim did not live to see it; None: who knows."""
        return self._exits.tell(started.trial)

    def sweep(self, started: TrialStarted, folder: TrialFolder) -> None:
        """End what a trial left behind whose shim is gone too."""
        for remains in find_remains(started, folder.path):
            remains.send(signal.SIGKILL)
        remove_drafts(folder)

    def forget(self, trial: TrialId) -> None:
        """Let go of what was held of a trial that is over."""
        self._exits.release(trial)

    def close(self) -> None:
        """Let the starter go; trials go on."""
        self._exits.close()
        self._drop_starter()

    def _start_starter(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)  # noqa: FBT003 - its only parameter
        try:
            self._starter = subprocess.Popen(  # noqa: S603 - our own interpreter
                module_command(
                    "tuitrain.launch.starter",
                    self._study,
                    "--channel",
                    str(theirs.fileno()),
                ),
                stdin=subprocess.DEVNULL,
                # Threads of a BLAS would make every fork unsafe.
                env=module_environment(OPENBLAS_NUM_THREADS="1", **patient_threads()),
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise LaunchError(
                f"{sys.executable}: can't be started ({error.strerror})"
            ) from None
        finally:
            theirs.close()
        self._channel = ours
        self._lives -= 1

    def _ask_starter(self, trial: TrialId, folder: TrialFolder) -> None:
        if self._channel is None:
            return
        try:
            self._channel.send(
                encode_request(Fork(trial=trial, folder=str(folder.path.resolve())))
            )
        except BlockingIOError:
            # It has a long queue already; this one need not wait in it.
            del self._asked[trial]
            self._launch_fresh(trial, folder)
        except OSError:
            # Its end is noticed, and the trial asked for again, by `poll`.
            return

    def _take(self, packet: bytes) -> None:
        try:
            report = decode_report(packet)
        except msgspec.DecodeError:
            self._replace_starter()
            return
        match report:
            case Ready():
                return
            case NotReady(message=message, is_final=True):
                self._drop_starter()
                self._asked.clear()
                self._news.append(Unusable(message))
            case NotReady(message=message):
                self._lives = 0
                self._replace_starter(message)
            case Forked(trial=trial, pid=pid):
                self._asked.pop(trial, None)
                self._news.append(Launched(trial, ProcessIdentity.of(pid)))
            case Declined(reason=reason):
                self._lives = 0
                self._replace_starter(reason)

    def _replace_starter(
        self, reason: str = "the starter died again and again"
    ) -> None:
        """Go on without the starter that was: with another one, or without any."""
        self._drop_starter()
        if self._lives > 0:
            self._start_starter()
            for trial, folder in list(self._asked.items()):
                self._ask_starter(trial, folder)
            return
        self._has_given_up = True
        self._news.append(Fallback(reason))
        self._go_cold()

    def _go_cold(self) -> None:
        self._drop_starter()
        for trial, folder in self._asked.items():
            self._launch_fresh(trial, folder)
        self._asked.clear()

    def _drop_starter(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._starter is None:
            return
        # It ends at the end of the channel; while it still imports it can't notice.
        self._starter.terminate()
        try:
            self._starter.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._starter.kill()
            self._starter.wait()
        self._starter = None

    def _launch_fresh(self, trial: TrialId, folder: TrialFolder) -> None:
        arguments = [str(folder.path.resolve())]
        if self._python is not None:
            arguments += ["--python", self._python]
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        try:
            pid = os.posix_spawn(
                sys.executable,
                module_command("tuitrain.launch.shim", *arguments),
                module_environment(),
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 1, str(folder.out), flags, 0o600),
                    (os.POSIX_SPAWN_DUP2, 1, 2),
                ],
            )
        except OSError as error:
            raise LaunchError(
                f"{folder.path}: its shim can't be started ({error.strerror})"
            ) from None
        self._fresh.add(pid)
        self._news.append(Launched(trial, ProcessIdentity.of(pid)))

    def _reap_fresh(self) -> None:
        for pid in list(self._fresh):
            try:
                if os.waitpid(pid, os.WNOHANG)[0] == 0:
                    continue
            except ChildProcessError:
                pass
            self._fresh.discard(pid)
