"""What a running trial shares: its description, its recorder, how far it is."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from tuitrain.clock import SYSTEM_CLOCK, Clock
from tuitrain.events import (
    EpochEnded,
    OutcomeKind,
    OutOfMemory,
    ProbeFailed,
    TrialFinished,
)
from tuitrain.store import TrialFolder, TrialSpec
from tuitrain.units import Seconds
from tuitrain.worker.checkpoint import Progress, UnderWay, make_progress
from tuitrain.worker.checkpoints import Checkpoints
from tuitrain.worker.probes import Schedule
from tuitrain.worker.readings import Number, Reading, read_at_hand
from tuitrain.worker.recorder import Recorder


@dataclass
class Session:
    """One trial while it runs."""

    spec: TrialSpec
    folder: TrialFolder
    recorder: Recorder
    is_supervised: bool = True
    """False: a person started the script, and nothing of it may be changed."""
    ends_at_non_finite: bool = True
    """Whether a loss that is NaN or infinite ends the training."""
    iteration: int = 0
    """The iteration under way, or the last one; those of a resumed trial included."""
    epoch: int = 0
    """Epochs complete, those of a resumed trial included."""
    seed: int = field(init=False)
    """What the data order goes by; a resumed trial keeps the one it began with."""
    checkpoints: Checkpoints = field(init=False)
    """Those of this trial."""
    is_stopping: bool = False
    """Someone asked for the trial to stop."""
    is_fitted: bool = False
    """One pass over the minibatches had no error left."""
    before_finish: list[Callable[[], None]] = field(default_factory=list)
    """Called before the last word is written."""
    outcome: OutcomeKind | None = None
    """How it ended; None: it has not."""
    batch_size: int | None = None
    """Samples in a minibatch of training; None: not known."""
    takes_batch_size: bool = False
    """Whether `batch_size` in the configuration changes it."""
    _failed_probes: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.seed = self.spec.seed
        self.checkpoints = Checkpoints(
            self.spec,
            self.folder,
            self.recorder.put,
            lambda error: self.report_failure("checkpoint", error),
        )

    @property
    def schedule(self) -> Schedule:
        """When the update ratio is measured."""
        return Schedule(self.spec.probe_first, self.spec.probe_every)

    def stop(self) -> None:
        """Ask for an end at the next iteration; callable from a signal handler."""
        self.is_stopping = True

    def is_over(self) -> bool:
        """Whether no further iteration may begin."""
        limit = self.spec.limits.iterations
        return (
            self.is_stopping
            or self.is_fitted
            or (self.ends_at_non_finite and self.recorder.non_finite_at is not None)
            or (limit is not None and self.iteration >= limit)
        )

    def log(self, values: Mapping[str, Number]) -> None:
        """Hand over values of this iteration; tensors must not be changed afterwards."""
        at_hand = {
            name: read_at_hand(value) if isinstance(value, Tensor) else value
            for name, value in values.items()
        }
        self.recorder.put(Reading(self.iteration, at_hand))

    def log_validation(self, values: Mapping[str, Number]) -> None:
        """Hand over what validation measured, named `val_…`."""
        self.log(values)
        self.checkpoints.note_validation(values)

    def end_epoch(self) -> None:
        """Note that one pass over the training data is complete."""
        self.epoch += 1
        self.recorder.put(
            EpochEnded(
                trial=self.spec.trial, epoch=self.epoch, iteration=self.iteration
            )
        )

    def progress(self, under_way: UnderWay | None = None) -> Progress:
        """Return where the training stands, for a checkpoint."""
        return make_progress(
            epoch=self.epoch,
            iteration=self.iteration,
            seed=self.seed,
            under_way=under_way,
        )

    def take_up(self, progress: Progress, source: str) -> None:
        """Stand where a checkpoint was made, and say so where the script's output goes."""
        self.iteration, self.epoch = progress.iteration, progress.epoch
        self.seed = progress.seed
        where = f"iteration {progress.iteration}, {progress.epoch} epochs complete"
        sys.stderr.write(f"tuitrain: carried on from {source} ({where})\n")

    def report_failure(self, probe: str, error: str) -> None:
        """Say once that something is not measured or kept."""
        if probe not in self._failed_probes:
            self._failed_probes.add(probe)
            self.recorder.put(
                ProbeFailed(trial=self.spec.trial, probe=probe, error=error)
            )

    def finish(
        self,
        outcome: OutcomeKind | None = None,
        *,
        message: str = "",
        traceback: str = "",
        out_of_memory: OutOfMemory | None = None,
    ) -> OutcomeKind:
        """Write the last word; None: worked out from how it ended.

        Calling it again returns the outcome that was written.
        """
        if self.outcome is not None:
            return self.outcome
        self._wrap_up()
        self.checkpoints.finish()
        if outcome is None:
            self.recorder.flush()
            outcome, message = self._judge()
        self.recorder.finish(
            TrialFinished(
                trial=self.spec.trial,
                outcome=outcome,
                iteration=self.iteration,
                message=_encodable(message),
                traceback=_encodable(traceback),
                out_of_memory=out_of_memory,
            )
        )
        self.outcome = outcome
        return outcome

    def _wrap_up(self) -> None:
        wrapping, self.before_finish = self.before_finish, []
        for wrap_up in wrapping:
            try:
                wrap_up()
            except Exception as error:  # noqa: BLE001 - the last word must be written
                self.report_failure("description", f"{type(error).__name__}: {error}")

    def _judge(self) -> tuple[OutcomeKind, str]:
        if self.ends_at_non_finite and self.recorder.non_finite_at is not None:
            return (
                OutcomeKind.NON_FINITE,
                f"the loss was not finite at iteration {self.recorder.non_finite_at}",
            )
        if self.is_fitted:
            return OutcomeKind.FITTED, ""
        if self.is_stopping:
            return OutcomeKind.STOPPED, "asked to stop"
        return OutcomeKind.COMPLETED, ""


def _encodable(text: str) -> str:
    """Return `text` without lone surrogates, which odd file names bring along."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class Speedometer:
    """Samples a second, measured over windows long enough to mean something."""

    WINDOW_S = Seconds(0.5)
    """Shortest window within an epoch."""

    def __init__(self, session: Session, clock: Clock = SYSTEM_CLOCK) -> None:
        """Start the first window at the first `begin`."""
        self._session = session
        self._clock = clock
        self._samples = 0
        self._since_s: Seconds | None = None

    def begin(self) -> None:
        """Start a window: what came before, validation say, does not count."""
        self._samples = 0
        self._since_s = self._clock.mono_s()

    def count(self, samples: int) -> None:
        """Note that `samples` more were trained on."""
        self._samples += samples
        if self._since_s is None:
            self.begin()
        elif self._clock.mono_s() - self._since_s >= self.WINDOW_S:
            self.end()

    def end(self) -> None:
        """Log the speed of the window, if anything happened in it, and start the next."""
        if self._since_s is not None and self._samples:
            elapsed_s = max(self._clock.mono_s() - self._since_s, 1e-9)
            self._session.log({"samples_per_s": self._samples / elapsed_s})
        self.begin()


def choose_device(spec_device: str) -> torch.device:
    """Return the GPU that is visible, else the CPU; `cpu` asks for the CPU."""
    if spec_device != "cpu" and torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")


def set_threads(threads: int) -> None:
    """Let this process compute with so many CPU threads."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    torch.set_num_threads(threads)
