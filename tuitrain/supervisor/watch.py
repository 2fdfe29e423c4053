"""Noticing at once that a trial ended, by the kernel's word on its shim."""

import asyncio
import os
from collections.abc import Callable

from tuitrain.events import TrialId
from tuitrain.launch import ProcessIdentity
from tuitrain.model import StudyModel


class Watch:
    """Calls back when the shim of a running trial ends.

    Only for speed: whatever it misses, the next regular look at the files finds.
    """

    def __init__(self, notice: Callable[[], None]) -> None:
        """Call `notice` each time."""
        self._notice = notice
        self._descriptors: dict[TrialId, int | None] = {}

    def follow(self, model: StudyModel) -> None:
        """Watch the trials that run now, and no others."""
        running = {
            trial.trial: trial.started
            for trial in model.trials.values()
            if trial.started is not None and not trial.state.is_over
        }
        for trial in self._descriptors.keys() - running.keys():
            self._drop(trial)
        for trial, started in running.items():
            if trial not in self._descriptors:
                self._add(trial, ProcessIdentity.of_shim(started))

    def close(self) -> None:
        """Watch nothing any more."""
        for trial in list(self._descriptors):
            self._drop(trial)

    def _add(self, trial: TrialId, shim: ProcessIdentity) -> None:
        try:
            descriptor = shim.open()
        except OSError:
            descriptor = None
        self._descriptors[trial] = descriptor
        if descriptor is not None:
            loop = asyncio.get_running_loop()
            loop.add_reader(descriptor, self._on_end, trial)

    def _on_end(self, trial: TrialId) -> None:
        self._stop_watching(trial)
        self._notice()

    def _drop(self, trial: TrialId) -> None:
        self._stop_watching(trial)
        del self._descriptors[trial]

    def _stop_watching(self, trial: TrialId) -> None:
        descriptor = self._descriptors.get(trial)
        if descriptor is not None:
            asyncio.get_running_loop().remove_reader(descriptor)
            os.close(descriptor)
            self._descriptors[trial] = None
