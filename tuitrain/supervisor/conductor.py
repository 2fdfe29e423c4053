"""What the supervisor decides: journal, model and checklist kept in step."""

import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from tuitrain import checklist
from tuitrain.checklist import Settings, SettingsError, settings_from, settings_to
from tuitrain.commands import Command, StopStudy
from tuitrain.events import (
    BestAccepted,
    Event,
    SettingsChanged,
    StepStarted,
    StudyEnded,
    StudyOpened,
    decode_record,
)
from tuitrain.model import EMPTY_SERIES, Series, SpilledSeries, StudyModel, fold_all
from tuitrain.store import LogWriter, StoreError, StudyFolder, redact
from tuitrain.supervisor.best import write_best
from tuitrain.supervisor.failures import SupervisorError
from tuitrain.supervisor.spill import SpillFile
from tuitrain.supervisor.streams import Line
from tuitrain.supervisor.study_file import StudyFile
from tuitrain.units import Seconds

MAX_DECISIONS: Final = 1000
"""Decisions in a row without anything happening in between; more would be an endless
loop in the checklist."""

_log = logging.getLogger(__name__)

Relay = Callable[[Line], None]
"""Passes a line on to whoever is attached."""


class Conductor:
    """Holds the study as it stands and writes down what is decided about it.

    The journal is written first and the model follows from the line that was written:
    what is not on file did not happen, here as for whoever reads it later.
    """

    def __init__(
        self,
        folder: StudyFolder,
        past: Iterable[Line],
        relay: Relay,
        booted_at_s: Seconds | None = None,
    ) -> None:
        """Carry on from `past`, the journal so far, or open the study.

        `booted_at_s` is what the journal takes for the beginning of this boot.

        Raises:
            SupervisorError: There are no settings to go by.
            StoreError: The journal can't be written.
        """
        self._folder = folder
        self._relay = relay
        self._file = StudyFile(folder)
        self.model = StudyModel()
        self._spill = SpillFile(folder.path)
        self._blank: Series = SpilledSeries(self._spill)
        self.remember(past)
        self.settings = self._first_settings()
        self._journal = LogWriter(folder.journal, "journal", booted_at_s=booted_at_s)
        self._inode = folder.journal.stat().st_ino
        self._unwritten_best: BestAccepted | None = None
        if self.model.best is not None and not folder.best.exists():
            self._unwritten_best = self.model.best
        self.open_study()

    @property
    def is_on_file(self) -> bool:
        """Whether the journal that is written is still the one others find."""
        try:
            return self._folder.journal.stat().st_ino == self._inode
        except FileNotFoundError:
            return False
        except OSError:
            # A network file system that does not answer may do so again.
            return True

    def open_study(self) -> None:
        """Write down what is asked, if it is new."""
        settings = _written(settings_to(self.settings))
        if self.model.opened_at_s is None:
            opened = StudyOpened(
                name=self._folder.name, script=self.settings.script, settings=settings
            )
            self.write([opened])
        elif settings != self.model.settings:
            self.write([SettingsChanged(settings=settings)])

    def write(self, events: Sequence[Event]) -> None:
        """Put `events` on record, then let the model follow and everybody know.

        Secrets among the script's arguments stay out of it.

        Raises:
            StoreError: They could not be written; nothing happened.
        """
        if not events:
            return
        for line in self._journal.append([_without_secrets(e) for e in events]):
            self.take(Line("journal", line, decode_record(line)))
        for event in events:
            if isinstance(event, BestAccepted):
                self._unwritten_best = event
            if isinstance(event, BestAccepted | StudyEnded):
                self._journal.sync()
        with contextlib.suppress(StoreError):
            # It is on record; whoever calls `keep_best` says what keeps the file back.
            self.keep_best()

    def keep_best(self) -> None:
        """Write `best.json` if it is not yet what was accepted.

        Raises:
            StoreError: It can't be written; to be tried again.
        """
        if self._unwritten_best is not None:
            write_best(self._folder, self._unwritten_best, self.settings.script)
            self._unwritten_best = None

    def take(self, line: Line) -> None:
        """Let the model follow one line and pass it on."""
        self.remember([line])
        self._relay(line)

    def remember(self, lines: Iterable[Line]) -> None:
        """Let the model follow lines of the past, which everybody can read for himself."""
        records = (line.record for line in lines)
        self.model = fold_all(self.model, records, self._blank)

    def forget_points(self) -> None:
        """Let the model forget what was measured; all of it is to be remembered again.

        From here on it stays in memory: a disk that lost it once is not to be relied on.
        """
        self._blank = EMPTY_SERIES
        self._spill.close()
        trials = {
            name: replace(
                trial,
                series={},
                times=EMPTY_SERIES,
                epoch_iterations=(),
                failed_probes=(),
            )
            for name, trial in self.model.trials.items()
        }
        self.model = replace(self.model, trials=trials)

    def decide(self) -> None:
        """Write down everything that follows from the study as it stands.

        Raises:
            StoreError: The journal can't be written; to be tried again.
            SpillError: What was measured can't be read back; nothing was decided.
        """
        for _ in range(MAX_DECISIONS):
            events = checklist.next_events(self.model, self.settings)
            if not events:
                return
            changed = next((e for e in events if isinstance(e, SettingsChanged)), None)
            is_start = any(isinstance(event, StepStarted) for event in events)
            if (is_start or changed is not None) and self._follow_edits():
                continue
            if changed is None:
                self.write(events)
            else:
                self._change(changed, events)
        raise SupervisorError("the checklist comes to no end; stopped deciding")

    def answer(self, command: Command) -> None:
        """Do what a person asks.

        Raises:
            RefusedError: It can't be done now; says why.
            SettingsError: `study.toml` was edited and can't be used, or what is asked
                for can't.
            StoreError: The journal or `study.toml` can't be written; nothing was done.
            SpillError: What was measured can't be read back; nothing was done.
        """
        if not isinstance(command, StopStudy):
            self.take_edits()
        events = checklist.answer(self.model, self.settings, command)
        changed = next((e for e in events if isinstance(e, SettingsChanged)), None)
        if changed is None:
            self.write(events)
        else:
            self._change(changed, events)

    def close(self) -> None:
        """Close the journal, forced to the disk."""
        self._spill.close()
        self._journal.sync()
        self._journal.close()

    def take_edits(self) -> bool:
        """Go by `study.toml` as it is now; return whether that changes anything.

        Raises:
            SettingsError: It can't be used.
            StoreError: The journal can't be written.
        """
        settings = self._file.read()
        if settings is None or settings == self.settings:
            return False
        self.write([SettingsChanged(settings=settings_to(settings))])
        self.settings = settings
        return True

    def _change(self, changed: SettingsChanged, events: Sequence[Event]) -> None:
        """Change `study.toml`, put `events` on record, and go by the change.

        The file comes first: a supervisor that ends before the journal says so finds it
        as any other edit.
        """
        settings = settings_from(changed.settings)
        before = self._file.write(settings)
        try:
            self.write(events)
        except StoreError:
            with contextlib.suppress(StoreError):
                self._file.restore(before)
            raise
        self.settings = settings

    def _follow_edits(self) -> bool:
        try:
            return self.take_edits()
        except SettingsError as error:
            # Nobody to refuse: the study goes on by itself, as it was asked to last.
            _log.warning("%s; going on with the settings before", error)
            return False

    def _first_settings(self) -> Settings:
        try:
            settings = self._file.read()
            if settings is not None:
                return settings
        except SettingsError as error:
            if self.model.opened_at_s is None:
                raise SupervisorError(str(error)) from None
            _log.warning("%s; going on with the settings before", error)
        return settings_from(self.model.settings)


def _without_secrets(event: Event) -> Event:
    if isinstance(event, StudyOpened | SettingsChanged):
        return replace(event, settings=_written(event.settings))
    return event


def _written(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {**settings, "arguments": list(redact(settings.get("arguments", ())))}
