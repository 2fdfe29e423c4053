"""A script's own loop, seen by tuitrain: `init`, `watch`, `epochs`, `batches`, `log`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from torch import Tensor, nn
from torch.optim import Optimizer

from tuitrain.events import MOST_ITERATIONS, Scalar, Step
from tuitrain.worker.checkpoint import (
    KeptValues,
    Progress,
    Stateful,
    load_checkpoint,
)
from tuitrain.worker.failures import RejectedError
from tuitrain.worker.last_word import finish_raised
from tuitrain.worker.lone import finish_at_exit, open_lone_session
from tuitrain.worker.own_config import OwnConfig
from tuitrain.worker.pace import Pace, is_finite
from tuitrain.worker.readings import Number, Reading, read_at_hand
from tuitrain.worker.seeds import restore_random_state
from tuitrain.worker.session import Session
from tuitrain.worker.supervised import claim_session
from tuitrain.worker.watching import Watched, describe_own_loop

_T = TypeVar("_T")

Loggable = float | Tensor
"""A number, or a tensor that holds one; numpy's numbers are welcome too."""


def init(
    config: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    dir: str | Path = "runs",  # noqa: A002 - the word people know from other trackers
) -> "Run":
    """Begin a run of a script's own loop.

    Launched by tuitrain, the run is the trial it was launched for. Started by hand, the
    script runs as it always did and a trial folder is written beside it.

    Args:
        config: Hyperparameters and their defaults; `run.config` holds those in force.
        name: Of the trial folder of a run started by hand; None: that of the script.
        dir: Where that folder is made.
    """
    own = dict(config or {})
    session = claim_session()
    if session is None:
        values = {key: value for key, value in own.items() if _is_scalar(value)}
        session = open_lone_session(name, Path(dir), values)
        session.ends_at_non_finite = False
        finish_at_exit(session)
        return Run(session, OwnConfig(own, {}))
    return Run(session, OwnConfig(own, session.spec.config))


class Run:
    """One run of a script's own loop.

    Attributes:
        config: Hyperparameters in force: the script's own, the trial's over them.
    """

    def __init__(self, session: Session, config: OwnConfig) -> None:
        """Made by `init`."""
        self.config = config
        self._session = session
        self._put = session.recorder.put
        self._pace = Pace(session)
        self._watched: list[Watched] = []
        self._kept: dict[str, Stateful] = {}
        self._progress: Progress | None = None
        self._loader: object = None
        self._names: dict[str, None] = {}
        self._last: Mapping[str, Number] = {}
        self._counts = "logs"
        self._is_described = False
        session.before_finish.append(self._wrap_up)

    @property
    def step(self) -> Step | None:
        """Which of the six steps asks; None: started by hand."""
        return self._session.spec.step if self._session.is_supervised else None

    @property
    def folder(self) -> Path:
        """Where the log of this run lies."""
        return self._session.folder.path

    def watch(
        self,
        model: nn.Module,
        optimizer: Optimizer | Sequence[Optimizer],
        loss: object = None,
        scheduler: Stateful | None = None,
        *,
        expected_initial_loss: float | None = None,
    ) -> None:
        """Measure update ratios, gradient norm and LR of each optimizer step.

        In a step without regularization, dropout of `model` and label smoothing of `loss`
        are switched off; a trial that carries on gets its state back here.

        Args:
            model: The one that is trained; call again for a second one.
            optimizer: One or several.
            loss: The criterion, for the check of the initial loss; None: not checked.
            scheduler: LR schedule, kept in checkpoints; None: there is none.
            expected_initial_loss: The loss before any update, where no formula knows it.
        """
        optimizers = (
            [optimizer] if isinstance(optimizer, Optimizer) else list(optimizer)
        )
        if not self._watched and self._counts == "logs":
            self._counts = "steps"
            optimizers[0].register_step_pre_hook(self._count_step)
        number = len(self._watched)
        watched = Watched(
            self._session,
            model,
            optimizers,
            loss,
            scheduler,
            expected=expected_initial_loss,
            suffix=f"/{number}" if number else "",
        )
        self._watched.append(watched)
        self._session.checkpoints.expect(model.parameters())
        source = self._session.spec.resume_from
        if source is not None:
            self._progress = watched.resume(Path(source))
            if not self._watched[:-1]:
                self._session.take_up(self._progress, source)

    def keep(self, **things: Stateful | dict[str, Any]) -> None:
        """Keep more than `watch` knows of in every checkpoint.

        A trial that carries on gets it back here.

        Args:
            things: By name: whatever has `state_dict` and `load_state_dict`, such as a
                gradient scaler, or a dict of plain values and tensors, such as counters of
                the script's own, which is updated in place.

        Raises:
            CheckpointError: The checkpoint does not hold them.
        """
        parts: dict[str, Stateful] = {
            f"kept/{name}": KeptValues(thing) if isinstance(thing, dict) else thing
            for name, thing in things.items()
        }
        self._kept.update(parts)
        source = self._session.spec.resume_from
        if source is not None:
            load_checkpoint(Path(source), parts)

    def epochs(self, count: int) -> Iterator[int]:
        """Yield the epochs to train, counted from 0 like `range(count)`.

        Launched by tuitrain, the step decides how many there are, and a trial that
        carries on begins where it stood.
        """
        if self._progress is not None:
            restore_random_state(self._progress.random_state)
        for epoch in self._pace.count_epochs(count, self._end_epoch):
            for watched in self._watched:
                watched.begin_epoch()
            yield epoch

    def batches(self, loader: Iterable[_T]) -> Iterator[_T]:
        """Yield the minibatches of one pass over the training data.

        Launched by tuitrain, the step decides: a few minibatches over and over, or an
        end after so many iterations.

        Raises:
            RejectedError: The step needs `watch` to be called before.
        """
        self._counts = "batches"
        self._loader = loader
        self._session.takes_batch_size = "batch_size" in self.config.asked
        self._check_watched()
        yield from self._pace.hand_out(loader, self._after_batch)

    def log(self, values: Mapping[str, Loggable], iteration: int | None = None) -> None:
        """Note what this iteration measured; costs microseconds and never waits.

        Args:
            values: Series name to a number; `loss` and `accuracy` (0..1) are those the
                steps are judged by. A tensor on a GPU is copied, and read later.
            iteration: For a script that counts for itself; None: tuitrain counts.
        """
        if iteration is not None and (
            type(iteration) is not int or abs(iteration) > MOST_ITERATIONS
        ):
            iteration = self._to_count(iteration)
        if iteration is None:
            if self._counts == "logs":
                self._session.iteration += 1
            iteration = self._session.iteration
        try:
            kept = {
                name: value if type(value) is float else _keep(value)
                for name, value in values.items()
            }
        except AttributeError:
            self._session.report_failure(
                "log", "run.log() needs a dict of name to number"
            )
            return
        self._last = kept
        self._put(Reading(iteration, kept))
        if self._pace.fit is not None:
            self._pace.fit.see(kept.get("loss"), kept.get("accuracy"))

    def log_validation(self, values: Mapping[str, Loggable]) -> None:
        """Note what an epoch's validation measured: `loss` becomes `val_loss`."""
        last = self._last
        named = {
            name if name.startswith("val_") else f"val_{name}": value
            for name, value in values.items()
        }
        self.log(named, iteration=self._session.iteration)
        if self._last is not last:
            self._session.checkpoints.note_validation(self._last)
        self._last = last

    def finish(self) -> None:
        """Write what is left; calling it again does nothing."""
        self._session.finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        # A supervised script's error is told by whoever runs it, rejections included.
        if error is not None and self._session.is_supervised:
            return
        if error is not None:
            finish_raised(self._session, error)
        self.finish()

    def _wrap_up(self) -> None:
        self._describe()
        for watched in self._watched:
            watched.remove()

    def _to_count(self, given: Any) -> int | None:  # noqa: ANN401 - as above
        """Return a script's own count as a whole number; None: it is none."""
        try:
            count = float(given)
            if count.is_integer() and abs(count) <= MOST_ITERATIONS:
                return int(given)
        except (TypeError, ValueError, OverflowError):
            pass
        # Python does not write out numbers of thousands of digits.
        shown = "…" if type(given) is int else repr(given)
        self._session.report_failure(
            "iteration",
            f"run.log(iteration={shown}) is no whole number up to 2**62; "
            "counted here instead",
        )
        return None

    def _count_step(self, *_: object) -> None:
        if self._counts == "steps":
            self._session.iteration += 1

    def _after_batch(self, batch: object) -> None:
        if self._is_described:
            return
        for watched in self._watched:
            watched.loss.see_batch(batch)
        if not self._watched or self._watched[0].loss.is_complete:
            self._describe()

    def _end_epoch(self) -> None:
        self._describe()
        session = self._session
        session.end_epoch()
        if not session.is_supervised or not self._watched:
            return
        if is_finite(self._last.get("loss")):
            parts = dict(self._kept)
            for watched in self._watched:
                parts.update(watched.parts)
            session.checkpoints.end_epoch(session.epoch, parts, session.progress)
        else:
            session.recorder.flush()

    def _describe(self) -> None:
        if self._is_described:
            return
        self._is_described = True
        described = describe_own_loop(
            self._session,
            self._watched,
            loader=self._loader,
            metrics=[name for name in self._last if not name.startswith("val_")],
            asked=self.config.asked,
        )
        if self._pace.fit is not None:
            self._pace.fit.constant_loss = described.loss.constant_loss
        self._session.recorder.put(described)

    def _check_watched(self) -> None:
        limits = self._session.spec.limits
        if self._watched or (limits.update and limits.regularize):
            return
        raise RejectedError(
            f"{Path(self._session.spec.script).name}: run.batches() before run.watch(); "
            "the first steps hold the weights and switch dropout off, so call "
            "run.watch(model, optimizer, loss=loss) first"
        )


def _keep(value: Any) -> Number:  # noqa: ANN401 - whatever a script logs
    """Return a value that stays as it is; what is no number is told by the sender."""
    number: Number = read_at_hand(value) if isinstance(value, Tensor) else value
    return number.detach().clone() if isinstance(number, Tensor) else number


def _is_scalar(value: object) -> bool:
    return isinstance(value, Scalar)
