"""The daemon: one loop that reads, decides, launches, and serves whoever is attached."""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Final

from tuitrain.checklist import RefusedError, SettingsError
from tuitrain.commands import (
    Command,
    RerunStep,
    ResumeTrial,
    RunStep,
    SetAuto,
    StopStudy,
    StopTrial,
)
from tuitrain.events import (
    Event,
    LogVersionError,
    StudyEnded,
    SupervisorStarted,
    SupervisorStopped,
    TrialId,
)
from tuitrain.launch import Launcher, LaunchError
from tuitrain.model import SpillError, StudyModel
from tuitrain.store import StoreError, StudyFolder
from tuitrain.supervisor.arguments import ArgumentsGoneError, KeptArguments
from tuitrain.supervisor.conductor import Conductor
from tuitrain.supervisor.crew import Crew
from tuitrain.supervisor.disk import find_disk_trouble
from tuitrain.supervisor.garbage import collect_for_good
from tuitrain.supervisor.past import Past
from tuitrain.supervisor.sampling import Sampling
from tuitrain.supervisor.server import Server
from tuitrain.supervisor.slots import DeviceError, Slots, plan_slots
from tuitrain.supervisor.streams import Line, StudyStreams
from tuitrain.supervisor.trouble import TroubleLog
from tuitrain.supervisor.watch import Watch
from tuitrain.supervisor.whereabouts import (
    Whereabouts,
    find_booted_at,
    is_copy,
    write_whereabouts,
)
from tuitrain.wire import Answered, WireError

BUSY_TICK_S: Final = 0.1
"""Between two looks at the files while something runs; most news come sooner."""
IDLE_TICK_S: Final = 1.0
"""The same when nothing runs."""
IDLE_END_S: Final = 60.0
"""Without a client and without a trial for so long, the daemon ends."""
STOP_LIMIT_S: Final = 20.0
"""Time the trials have to end after `StopStudy`, before the daemon ends anyway."""

_REFUSALS: Final = (ArgumentsGoneError, RefusedError, SettingsError, StoreError)
"""Why a command is not done, each in one line."""
_PLACES_CHECK_S: Final = 3.0
_RETRY_S: Final = 1.0

_log = logging.getLogger(__name__)


class Daemon:
    """One study's supervisor, once it holds the lock."""

    def __init__(
        self, folder: StudyFolder, socket: Path, umask: int | None = None
    ) -> None:
        """Read the journal and get ready; `run` does the rest.

        Args:
            folder: The study.
            socket: Where to listen.
            umask: For the processes of trials; None: that of this process.

        Raises:
            SupervisorError: The study has no settings to go by.
            StoreError: The journal can't be read or written.
            LogVersionError: A newer tuitrain wrote it.
        """
        self._folder = folder
        self._booted_at_s = find_booted_at(folder)
        self._server = Server(socket, folder.name, self)
        self._streams = StudyStreams(folder)
        self._conductor = Conductor(
            folder,
            self._streams.read_journal(),
            self._server.relay,
            self._booted_at_s,
        )
        self._launcher = Launcher(folder.name)
        self._arguments = KeptArguments(folder, socket)
        self._crew = Crew(
            folder,
            self._launcher,
            socket,
            self._arguments,
            self._booted_at_s,
            is_copy=is_copy(folder),
            umask=umask,
        )
        self._past = Past(self._streams, self._conductor.remember)
        self._sampling = Sampling(folder, self._booted_at_s)
        self._watch = Watch(self.notice)
        self._slots: Slots | None = None
        self._settled: set[TrialId] = set()
        self._changed = asyncio.Event()
        self._end_reason = ""
        self._stop_by_s: float | None = None
        self._quiet_since_s: float | None = None
        self._is_held_up = False
        self._disk_trouble = ""
        self._troubles = TroubleLog()

    @property
    def _model(self) -> StudyModel:
        return self._conductor.model

    async def run(self, ready: Callable[[], None]) -> None:
        """Serve until there is nothing left to do, or a signal comes.

        Raises:
            OSError: The socket can't be bound.
            WireError: The socket's folder is not ours alone.
            StoreError: The study folder can't be written.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end, f"signal {number.name}")
        await self._server.open()
        try:
            write_whereabouts(
                self._folder,
                Whereabouts.of_this_process(
                    self._folder, self._server.path, self._booted_at_s
                ),
            )
            ready()
            self._take_charge()
            beside = self._keep_places(), self._catch_up(), collect_for_good()
            async with _beside(*beside):
                while not self._end_reason:
                    self._tick()
                    await self._wait()
        finally:
            self._close()

    def take_line(self, trial: TrialId, line: bytes) -> None:
        """A trial offers a line it has just written."""
        if trial not in self._model.trials or trial in self._settled:
            return
        # Before its file is read once, the file brings it in its turn.
        if self._past.is_behind(trial):
            return
        try:
            self._take(self._streams.offer_points(trial, line))
        except (StoreError, LogVersionError) as error:
            self._report(str(error))

    def take_command(self, command: Command) -> Answered | None:
        """Do what a client asks, or say why not; None: too early to tell."""
        if not self._past.is_read and not isinstance(command, StopTrial | StopStudy):
            return None
        try:
            if _launches(command):
                self._conductor.take_edits()
                self._arguments.find(self._conductor.settings)
            self._conductor.answer(command)
        except _REFUSALS as error:
            return Answered(id=0, accepted=False, message=str(error))
        except SpillError as error:
            self._read_again(error)
            return None
        if isinstance(command, StopStudy):
            self._stop_by_s = asyncio.get_running_loop().time() + STOP_LIMIT_S
        self.notice()
        return Answered(id=0, accepted=True)

    def notice(self) -> None:
        """Somebody came or went, or a trial ended: look again without delay."""
        self._changed.set()

    # --- one turn of the loop ---------------------------------------------------------

    def _tick(self) -> None:
        """Read, decide, launch; what can't be written now is tried again next time."""
        try:
            self._read()
            self._conductor.write(self._crew.review(self._model))
            self._plan_slots()
            if self._past.is_read:
                self._conductor.decide()
                # A decision may be that fewer trials share a GPU.
                self._plan_slots()
                self._use_devices()
            if self._past.is_read and self._slots is not None:
                self._launch(self._slots)
            self._conductor.keep_best()
        except SpillError as error:
            self._read_again(error)
        except (
            StoreError,
            LaunchError,
            LogVersionError,
            WireError,
            OSError,
        ) as error:
            # An `OSError` is want of descriptors or processes, which may pass.
            self._report(str(error))
            self._is_held_up = True
        else:
            self._is_held_up = False
            self._server.tell_trouble(self._disk_trouble)
        self._watch.follow(self._model)
        self._look_for_end()

    def _read(self) -> None:
        self._take(self._sampling.poll(self._streams))
        for trial in list(self._model.trials):
            if trial in self._settled:
                continue
            try:
                self._read_trial(trial)
            except (StoreError, LogVersionError) as error:
                # One damaged file must not hold up the others.
                self._troubles.add(str(error))

    def _read_trial(self, trial: TrialId) -> None:
        self._take(self._streams.read_state(trial))
        if self._past.is_behind(trial):
            if not self._model.trials[trial].state.is_over:
                self._past.look_for_last_word(trial)
            return
        # All of an ended trial's points come before it is judged.
        is_over = self._model.trials[trial].state.is_over
        while bite := self._streams.read_points(trial):
            self._take(bite)
            if not is_over:
                break
        if is_over:
            self._settled.add(trial)

    def _use_devices(self) -> None:
        devices = self._conductor.settings.devices
        self._launcher.use(cold=devices.cold, python=devices.python)

    def _plan_slots(self) -> None:
        """Work out the places for trials, once it is known what GPUs there are."""
        settings = self._conductor.settings
        if settings.devices.gpus != "none" and not self._sampling.has_answered:
            return
        gpus = self._sampling.newest
        try:
            slots = plan_slots(settings, gpus, len(os.sched_getaffinity(0)))
        except DeviceError as error:
            if self._model.ended is None:
                self._conductor.write(
                    [StudyEnded(state="rejected", message=str(error))]
                )
            return
        if slots != self._slots:
            self._conductor.write([self._describe(slots)])
            self._slots = slots

    def _launch(self, slots: Slots) -> None:
        try:
            self._crew.launch(self._model, self._conductor.settings, slots)
        except ArgumentsGoneError as error:
            # No trial can be started, now or later, until they are given again.
            self._conductor.write([StudyEnded(state="rejected", message=str(error))])

    def _take(self, lines: list[Line]) -> None:
        for line in lines:
            self._conductor.take(line)

    async def _wait(self) -> None:
        living = self._crew.count_living(self._model)
        is_busy = living > 0 or not self._sampling.has_answered
        tick_s = BUSY_TICK_S if is_busy else IDLE_TICK_S
        if self._is_held_up:
            tick_s = _RETRY_S
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), tick_s)
        self._changed.clear()

    # --- beginning and end ------------------------------------------------------------

    def _take_charge(self) -> None:
        """Learn what runs and what ended: costs as much as there are trials.

        Their points, which may be millions, are read later and beside everything else.
        """
        try:
            self._streams.skip_gpus()
            self._sampling.start()
            self._use_devices()
            self._launcher.warm_up()
        except (StoreError, LaunchError) as error:
            self._report(str(error))
        trials = list(self._model.trials)
        for trial in trials:
            try:
                self._conductor.remember(self._streams.read_state(trial))
            except (StoreError, LogVersionError) as error:
                self._troubles.add(str(error))
        self._past.begin(trials)

    async def _catch_up(self) -> None:
        while True:
            await self._past.read()
            self._server.answer_held()
            self.notice()
            await self._past.wait_for_more()

    def _read_again(self, error: SpillError) -> None:
        """Take what was measured from the logs once more, which hold all of it."""
        _log.error("%s; reading the logs of all trials again", error)
        self._conductor.forget_points()
        trials = list(self._model.trials)
        self._streams.rewind_points(trials)
        self._settled.clear()
        self._past.begin(trials)

    async def _keep_places(self) -> None:
        while True:
            await asyncio.sleep(_PLACES_CHECK_S)
            if not self._conductor.is_on_file:
                # Another study may be made in its place, and needs the lock.
                self._end("the study folder is gone")
                return
            try:
                await self._server.reopen_if_lost()
            except (OSError, WireError) as error:
                self._report(f"{self._server.path}: can't be bound again ({error})")
            self._disk_trouble = find_disk_trouble(self._folder.path)

    def _look_for_end(self) -> None:
        now_s = asyncio.get_running_loop().time()
        living = self._crew.count_living(self._model)
        if self._stop_by_s is not None:
            if living == 0 or now_s > self._stop_by_s:
                self._end("the study was stopped")
            return
        if living or self._server.clients:
            self._quiet_since_s = None
        elif self._quiet_since_s is None:
            self._quiet_since_s = now_s
        elif now_s - self._quiet_since_s > IDLE_END_S:
            self._end("nothing runs and nobody is attached")

    def _end(self, reason: str) -> None:
        self._end_reason = self._end_reason or reason
        self.notice()

    def _close(self) -> None:
        """Leave; trials that run go on, and the next supervisor finds them."""
        try:
            if self._end_reason:
                self._conductor.write([SupervisorStopped(reason=self._end_reason)])
            self._conductor.close()
        except StoreError as error:
            self._report(str(error))
        self._watch.close()
        self._server.close()
        self._sampling.close()
        self._launcher.close()

    def _describe(self, slots: Slots) -> Event:
        return SupervisorStarted(
            pid=os.getpid(), slots=slots.total, devices=list(slots.devices)
        )

    def _report(self, trouble: str) -> None:
        """Tell the clients too: the log may be on the very disk that is full."""
        self._troubles.add(trouble)
        self._server.tell_trouble(trouble)


def _launches(command: Command) -> bool:
    """Whether trials may follow from it at once."""
    is_going = isinstance(command, SetAuto) and command.on
    return is_going or isinstance(command, RunStep | RerunStep | ResumeTrial)


@contextlib.asynccontextmanager
async def _beside(*works: Coroutine[None, None, None]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
