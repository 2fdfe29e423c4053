"""The GPU sampler as the supervisor sees it: a process that may die."""

import logging
import subprocess
from typing import Final

from tuitrain.clock import SYSTEM_CLOCK
from tuitrain.events import GpusSampled
from tuitrain.launch import module_command, module_environment
from tuitrain.store import StudyFolder
from tuitrain.supervisor.streams import Line, StudyStreams
from tuitrain.units import Seconds

ANSWER_S: Final = 15.0
"""Time the first reading has; a driver that hangs must not keep the study from its CPU."""
RESTART_S: Final = 30.0
"""Until a sampler that crashed is started again: a driver may crash each one."""

_END_S: Final = 2.0

_log = logging.getLogger(__name__)


class Sampling:
    """Starts the sampler of a study and takes what it reads."""

    def __init__(self, folder: StudyFolder, booted_at_s: Seconds) -> None:
        """Sample for `folder` once started; its log goes by `booted_at_s`."""
        self._booted_at_s = booted_at_s
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._deadline_s = 0.0
        self._again_at_s: float | None = None
        self.newest: GpusSampled | None = None
        """The newest reading since the start; None: there is none."""

    def start(self) -> None:
        """Start the sampler; readings taken before say nothing about now."""
        self._deadline_s = SYSTEM_CLOCK.mono_s() + ANSWER_S
        self._again_at_s = None
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter
                module_command(
                    "tuitrain.supervisor.gpus",
                    str(self._folder.path),
                    "--booted-at",
                    repr(float(self._booted_at_s)),
                ),
                # It reads nothing from it, but sees its end when we are gone.
                stdin=subprocess.PIPE,
                env=module_environment(),
                start_new_session=True,
            )
        except OSError as error:
            self._deadline_s = 0.0
            _log.warning("no GPU readings: %s", error.strerror)

    @property
    def has_answered(self) -> bool:
        """Whether it is known what GPUs there are, or that nobody can tell."""
        return self.newest is not None or SYSTEM_CLOCK.mono_s() > self._deadline_s

    def poll(self, streams: StudyStreams) -> list[Line]:
        """Return new readings."""
        lines = streams.read_gpus()
        for line in lines:
            if isinstance(line.record.event, GpusSampled):
                self.newest = line.record.event
        if self._process is not None and self._process.poll() is not None:
            if self._process.returncode != 0:
                _log.warning(
                    "the GPU sampler ended with status %d; another one in %g s",
                    self._process.returncode,
                    RESTART_S,
                )
                self._again_at_s = SYSTEM_CLOCK.mono_s() + RESTART_S
            self._drop()
        if self._again_at_s is not None and SYSTEM_CLOCK.mono_s() > self._again_at_s:
            self.start()
        return lines

    def close(self) -> None:
        """End the sampler."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._drop()

    def _drop(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
        self._process = None
        if self.newest is None:
            self._deadline_s = min(self._deadline_s, SYSTEM_CLOCK.mono_s())
