"""Trials as processes: who runs where, who is to stop, who is gone."""

import logging
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tuitrain.checklist import Settings
from tuitrain.clock import SYSTEM_CLOCK, Clock
from tuitrain.events import (
    Event,
    StudyEnded,
    TrialEnded,
    TrialId,
    TrialLost,
    TrialStarted,
    TrialStopRequested,
)
from tuitrain.launch import (
    ExitStatus,
    Fallback,
    Launched,
    Launcher,
    LaunchError,
    ProcessIdentity,
    Unusable,
)
from tuitrain.model import StudyModel, TrialModel, TrialState
from tuitrain.store import StoreError, StudyFolder, write_spec
from tuitrain.supervisor.arguments import KeptArguments
from tuitrain.supervisor.slots import Slots
from tuitrain.supervisor.spec import make_spec
from tuitrain.units import Seconds

MAX_LAUNCHES: Final = 3
"""Shims that may die before their training began, until the trial is given up."""

OF_ANOTHER: Final = "it is of the study that this one was copied from"
"""Why a copied study has lost what ran when it was copied."""

FORCE_S: Final = 8.0
"""From a wish to stop to the end by force, where no shim is left that would see to it;
longer than a shim gives."""

_log = logging.getLogger(__name__)


@dataclass
class _Launch:
    """A trial that was launched and has not yet said so itself."""

    device: str
    has_shim: bool = False
    shim: ProcessIdentity | None = None
    """None: not forked yet, or gone before it could be named."""
    is_stopped: bool = False


class Crew:
    """Brings what runs in line with what the study wants, again and again.

    It remembers only what the logs can't tell yet; after a restart the logs tell all.
    """

    def __init__(
        self,
        folder: StudyFolder,
        launcher: Launcher,
        socket: Path,
        arguments: KeptArguments,
        booted_at_s: Seconds,
        clock: Clock = SYSTEM_CLOCK,
        *,
        is_copy: bool = False,
        umask: int | None = None,
    ) -> None:
        """Launch trials of `folder`, which report to `socket`.

        Args:
            folder: The study.
            launcher: Starts them.
            socket: Where they report to.
            arguments: What their script is given.
            booted_at_s: What their logs take for the beginning of this boot.
            clock: Tells when to end them by force.
            is_copy: The study was copied: whatever its logs say to run is another's.
            umask: As of `TrialSpec`.
        """
        self._umask = umask
        self._arguments = arguments
        self._booted_at_s = booted_at_s
        self._clock = clock
        self._is_copy = is_copy
        self._folder = folder
        self._launcher = launcher
        self._socket = socket
        self._launches: dict[TrialId, _Launch] = {}
        self._tries: dict[TrialId, int] = {}
        self._told_s: dict[TrialId, Seconds] = {}
        self._suspects: set[TrialId] = set()

    def review(self, model: StudyModel) -> list[Event]:
        """Return what has become of the trials beside what their logs say.

        Asks those to stop that should. The logs must have been read since the last
        call: a trial counts as gone when it was gone a call ago and its log still says
        nothing of its end.

        Raises:
            LaunchError: No process can be started any more.
        """
        events = list(self._take_news())
        for trial in list(model.trials.values()):
            if trial.step is None or trial.state.is_over:
                self._forget(trial.trial)
            elif trial.started is not None and self._is_of_another(trial.trial):
                events.append(TrialLost(trial=trial.trial, reason=OF_ANOTHER))
            elif trial.started is not None:
                self._launches.pop(trial.trial, None)
                events += self._review_running(trial, trial.started)
            else:
                is_wanted = model.ended is None and trial.stop_reason is None
                events += self._review_queued(trial, is_wanted=is_wanted)
        return events

    def launch(self, model: StudyModel, settings: Settings, slots: Slots) -> None:
        """Launch trials of the queue while there is room.

        Raises:
            StoreError: A trial's folder can't be written; to be tried again.
            LaunchError: No process can be started; to be tried again.
            ArgumentsGoneError: Secrets among the script's arguments are not known.
            WireError: They can't be kept where only their owner finds them.
        """
        if model.ended is not None:
            return
        for trial in list(model.trials.values()):
            is_queued = trial.step is not None and trial.state is TrialState.QUEUED
            if not is_queued or trial.trial in self._launches or trial.stop_reason:
                continue
            device = slots.choose(self._busy(model))
            if device is None:
                return
            self._launch(model, trial, settings, slots, device)

    def count_living(self, model: StudyModel) -> int:
        """Return how many trials run or wait to run."""
        living = (t for t in model.trials.values() if t.step and not t.state.is_over)
        return sum(1 for _ in living)

    def _launch(
        self,
        model: StudyModel,
        trial: TrialModel,
        settings: Settings,
        slots: Slots,
        device: str,
    ) -> None:
        given = self._arguments.keep(settings)
        folder = self._folder.trial(trial.trial)
        try:
            folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"{folder.path}: can't be made ({error.strerror})"
            ) from None
        spec = make_spec(
            self._folder,
            model,
            trial,
            settings,
            device=device,
            threads=slots.threads,
            socket=self._socket,
            booted_at_s=self._booted_at_s,
            given=given,
            umask=self._umask,
        )
        write_spec(folder.spec, spec)
        self._launches[trial.trial] = _Launch(device)
        self._tries[trial.trial] = self._tries.get(trial.trial, 0) + 1
        try:
            self._launcher.launch(spec, folder)
        except LaunchError:
            del self._launches[trial.trial]
            raise

    def _busy(self, model: StudyModel) -> list[str]:
        running = [
            trial.started.device
            for trial in model.trials.values()
            if trial.started is not None and not trial.state.is_over
        ]
        return running + [launch.device for launch in self._launches.values()]

    def _take_news(self) -> Iterator[Event]:
        for news in self._launcher.poll():
            match news:
                case Launched(trial=trial, shim=shim):
                    if trial in self._launches:
                        self._launches[trial].has_shim = True
                        self._launches[trial].shim = shim
                case Unusable(message=message):
                    yield StudyEnded(state="rejected", message=message)
                case Fallback(reason=reason):
                    _log.warning("a fresh interpreter for each trial: %s", reason)

    def _review_queued(self, trial: TrialModel, *, is_wanted: bool) -> Iterator[Event]:
        launch = self._launches.get(trial.trial)
        if launch is None or not launch.has_shim:
            if not is_wanted and not self._launcher.is_waiting(trial.trial):
                yield from _cancel(trial)
        elif launch.shim is None or not launch.shim.is_alive():
            if self._is_gone(trial.trial):
                yield from self._review_failed_launch(trial, is_wanted=is_wanted)
        elif not is_wanted and not launch.is_stopped:
            launch.is_stopped = launch.shim.send(signal.SIGTERM)

    def _review_failed_launch(
        self, trial: TrialModel, *, is_wanted: bool
    ) -> Iterator[Event]:
        self._forget(trial.trial)
        out = self._folder.trial(trial.trial).out
        if not is_wanted:
            yield from _cancel(trial)
        elif self._tries.get(trial.trial, 0) >= MAX_LAUNCHES:
            yield TrialLost(
                trial=trial.trial, reason=f"it could not be started; see {out}"
            )
        else:
            _log.warning("%s: its shim died at once; see %s", trial.trial, out)

    def _review_running(
        self, trial: TrialModel, started: TrialStarted
    ) -> Iterator[Event]:
        if not self._launcher.is_alive(started):
            if self._is_gone(trial.trial):
                ended = self._launcher.find_exit(started)
                self._launcher.sweep(started, self._folder.trial(trial.trial))
                yield _explain_end(trial, ended)
        elif trial.stop_reason is not None:
            self._stop(trial.trial, started)

    def _stop(self, trial: TrialId, started: TrialStarted) -> None:
        now_s = self._clock.mono_s()
        told_s = self._told_s.get(trial)
        if told_s is None:
            self._told_s[trial] = now_s
            self._launcher.terminate(started)
        elif now_s - told_s > FORCE_S:
            self._launcher.terminate(started, force=True)

    def _is_of_another(self, trial: TrialId) -> bool:
        """Whether what runs is a trial of the study that this one was copied from."""
        return self._is_copy and trial not in self._tries

    def _is_gone(self, trial: TrialId) -> bool:
        """Whether `trial` was found dead before, so that its logs were read since."""
        if trial in self._suspects:
            self._suspects.discard(trial)
            return True
        self._suspects.add(trial)
        return False

    def _forget(self, trial: TrialId) -> None:
        self._launches.pop(trial, None)
        self._told_s.pop(trial, None)
        self._suspects.discard(trial)
        self._launcher.forget(trial)


def _cancel(trial: TrialModel) -> Iterator[Event]:
    """End a trial that never began."""
    if trial.stop_reason is None:
        yield TrialStopRequested(trial=trial.trial, reason="the study ended before it")
    yield TrialEnded(trial=trial.trial)


def _explain_end(trial: TrialModel, ended: ExitStatus | None) -> Event:
    """Say what is known of a trial whose shim died before it could."""
    if ended is not None:
        return TrialEnded(
            trial=trial.trial, exit_code=ended.exit_code, signal=ended.signal
        )
    if trial.finished is not None or trial.stop_reason is not None:
        return TrialEnded(trial=trial.trial)
    return TrialLost(
        trial=trial.trial,
        reason="its process and its shim are gone (killed, or the machine restarted)",
    )
