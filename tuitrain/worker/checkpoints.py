"""When a trial's checkpoints are written, and which are kept: the newest and the best."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from torch import Tensor

from tuitrain.clock import SYSTEM_CLOCK, Clock
from tuitrain.events import CheckpointSaved, Event
from tuitrain.store import TrialFolder, TrialSpec
from tuitrain.units import Seconds
from tuitrain.worker.checkpoint import (
    Progress,
    State,
    Stateful,
    check_checkpoint,
    hold_state,
    keep_checkpoint,
    read_state,
    write_state,
)
from tuitrain.worker.failures import CheckpointError
from tuitrain.worker.readings import Number

MAX_SHARE: Final = 0.015
"""Of the time a training takes, for all its checkpoints together. 0.02 is what is promised:
the last one may meet a disk that is slow just then."""
LEAST_INTERVAL_S: Seconds = Seconds(30.0)
"""Between two within an epoch: to lose less than that is worth no disk."""
FIRST_GUESS_S: Final = 0.01
"""What a checkpoint of a small model is taken to cost, until one was written."""
FIRST_GUESS_BYTES_PER_S: Final = 250e6
"""The same for what is in it: a disk that others use, too."""
WITH_OPTIMIZER: Final = 3
"""Size of a checkpoint over that of the parameters: Adam keeps two values for each."""


@dataclass(frozen=True)
class _Held:
    """The best epoch, held in memory until it is its turn to be written."""

    state: State
    progress: Progress


class Checkpoints:
    """Writes checkpoints of one trial as often as their cost allows.

    The end of the last epoch is always written. The best epoch is copied where writing it
    would be too much at that moment, and written with the next one or at the end.
    """

    def __init__(
        self,
        spec: TrialSpec,
        folder: TrialFolder,
        put: Callable[[Event], None],
        report: Callable[[str], None],
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """Count the training's time from here on.

        Args:
            spec: Of the trial.
            folder: Where checkpoints lie.
            put: Takes what was written.
            report: Takes why one could not be; training goes on.
            clock: Measures what they cost.
        """
        self._spec = spec
        self._folder = folder
        self._put = put
        self._report = report
        self._clock = clock
        self._begun_s = clock.mono_s()
        self._spent_s = 0.0
        self._cost_s = FIRST_GUESS_S
        self._saved_s = self._begun_s
        self._validation: Mapping[str, Number] = {}
        self._best: float | None = None
        self._held: _Held | None = None
        self._is_checked = False

    def note_validation(self, values: Mapping[str, Number]) -> None:
        """Remember an epoch's validation, which decides whether it is the best."""
        self._validation = values

    def expect(self, parameters: Iterable[Tensor]) -> None:
        """Guess from a model's size what the first one will cost."""
        size = sum(each.numel() * each.element_size() for each in parameters)
        self._cost_s += WITH_OPTIMIZER * size / FIRST_GUESS_BYTES_PER_S

    def is_due(self) -> bool:
        """Whether one is worth its cost between two updates of an epoch."""
        now_s = self._clock.mono_s()
        return now_s - self._saved_s >= LEAST_INTERVAL_S and self._has_time(now_s)

    def end_epoch(
        self, epoch: int, parts: Mapping[str, Stateful], read: Callable[[], Progress]
    ) -> None:
        """Write the end of an epoch if it is the last one, or worth its cost.

        A training without a last epoch has short steps to answer, and is not carried on.

        Args:
            epoch: Complete now.
            parts: What has a state.
            read: Returns where the training stands.
        """
        last = self._spec.limits.epochs
        is_best = self._is_best()
        if last is None:
            return
        begun_s = self._clock.mono_s()
        if epoch >= last or self._has_time(begun_s):
            self.save(parts, read, is_best=is_best)
        elif is_best:
            progress = read()
            self._held = _Held(hold_state(read_state(parts, progress)), progress)
            self._spent_s += self._clock.mono_s() - begun_s

    def save(
        self,
        parts: Mapping[str, Stateful],
        read: Callable[[], Progress],
        *,
        is_best: bool = False,
    ) -> None:
        """Write one now, and the best epoch that waited for it."""
        begun_s = self._clock.mono_s()
        progress = read()
        self._write(read_state(parts, progress), progress, is_best=is_best)
        self._saved_s = self._clock.mono_s()
        cost_s = self._saved_s - begun_s
        self._spent_s += cost_s
        # A disk that was slow lately may be so again.
        self._cost_s = max(cost_s, (self._cost_s + cost_s) / 2)

    def finish(self) -> None:
        """Write the best epoch, if it still waits."""
        held, self._held = self._held, None
        if held is None:
            return
        try:
            write_state(self._folder.best_checkpoint, held.state)
            self._note(self._folder.best_checkpoint, held.progress, is_best=True)
        except CheckpointError as error:
            self._report(str(error))

    def _write(self, state: State, progress: Progress, *, is_best: bool) -> None:
        path, best = self._folder.checkpoint, self._folder.best_checkpoint
        if is_best:
            self._held = None
        self.finish()
        try:
            write_state(path, state)
            self._note(path, progress, is_best=False)
            if is_best:
                keep_checkpoint(path, best)
                self._note(best, progress, is_best=True)
            if not self._is_checked:
                # Told while the script can still be changed, not when it is needed.
                self._is_checked = True
                check_checkpoint(path)
        except CheckpointError as error:
            self._report(str(error))

    def _has_time(self, now_s: float) -> bool:
        allowed_s = MAX_SHARE * (now_s - self._begun_s)
        # The one at the end of the last epoch is written in any case.
        return self._spent_s + 2 * self._cost_s <= allowed_s

    def _note(self, path: Path, progress: Progress, *, is_best: bool) -> None:
        self._put(
            CheckpointSaved(
                trial=self._spec.trial,
                iteration=progress.iteration,
                epoch=progress.epoch,
                path=path.name,
                is_best=is_best,
            )
        )

    def _is_best(self) -> bool:
        """Whether the validation just noted beats every one before; ties go to the first."""
        value = self._validation.get(self._spec.metric or "")
        self._validation = {}
        if value is None or not math.isfinite(number := float(value)):
            return False
        score = number if self._spec.highest else -number
        if self._best is not None and score <= self._best:
            return False
        self._best = score
        return True
