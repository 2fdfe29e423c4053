"""The loop of a task: what the limits of a step ask for, from start to end."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, takewhile
from pathlib import Path

from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from tuitrain.events import LossFacts, TaskDescribed
from tuitrain.worker.checkpoint import Stateful, UnderWay, load_checkpoint
from tuitrain.worker.checks import check_takes_trial, check_task
from tuitrain.worker.data import Batch, Minibatches, grouped
from tuitrain.worker.describe import describe_batches, describe_task
from tuitrain.worker.engine import Engine, Measured, average, evaluate
from tuitrain.worker.failures import RejectedError
from tuitrain.worker.fit import FitWatch
from tuitrain.worker.inspection.of_task import inspect_task
from tuitrain.worker.making import (
    Schedule,
    choose_batch_size,
    make_optimizer,
    make_scheduler,
    materialize,
)
from tuitrain.worker.probes import StepProbes
from tuitrain.worker.readings import Number
from tuitrain.worker.regularization import switch_off
from tuitrain.worker.seeds import (
    RandomState,
    read_random_state,
    restore_random_state,
)
from tuitrain.worker.session import Session, Speedometer
from tuitrain.worker.task import Task
from tuitrain.worker.trial import Trial

OnEpoch = Callable[[int, dict[str, Number]], None]
"""Told each complete epoch and its values: `loss`, `val_loss`, …."""


class TaskLoop:
    """One trial of one task."""

    def __init__(
        self,
        task: Task,
        trial: Trial,
        session: Session,
        *,
        on_epoch: OnEpoch | None = None,
    ) -> None:
        """Move everything to the device and make the optimizer.

        Args:
            task: Checked already.
            trial: What the task was made for.
            session: Where it runs.
            on_epoch: Told each epoch, for a person who watches; None: nobody does.

        Raises:
            RejectedError: The optimizer can't be used.
        """
        self._task = task
        self._trial = trial
        self._session = session
        self._on_epoch = on_epoch
        self._limits = session.spec.limits
        self._switched_off = (
            [] if self._limits.regularize else switch_off(task.model, task.loss)
        )
        task.model.to(trial.device)
        if isinstance(task.loss, nn.Module):
            task.loss.to(trial.device)
        self._train = self._prepare(task.train, shuffle=True)
        session.batch_size = self._train.batch_size
        session.takes_batch_size = (
            self._train.makes_batches or "batch_size" in trial.asked
        )
        self._val = None if task.val is None else self._prepare(task.val, shuffle=False)
        materialize(task.model, self._train)
        self._optimizer = make_optimizer(task, trial)
        self._scheduler: Schedule | None = None
        if task.scheduler is not None and self._limits.schedule:
            self._scheduler = make_scheduler(task.scheduler, self._optimizer)
        elif task.scheduler is not None:
            self._switched_off.append("LR schedule")
        self._engine = Engine(task, self._optimizer, trial.device)
        session.checkpoints.expect(task.model.parameters())
        self._probes = self._attach_probes()
        self._inspector = inspect_task(
            task, self._optimizer, session, self._train, self._val
        )
        self._speed = Speedometer(session)
        self._is_described = False
        self._under_way: UnderWay | None = None

    def run(self) -> None:
        """Train, or only measure, until a limit is reached or someone asks for an end.

        Raises:
            RejectedError: The data can't be used.
            CheckpointError: The trial can't be carried on.
        """
        try:
            self._resume()
            self._task.model.train()
            if self._limits.batches is not None:
                self._repeat(self._collect(self._limits.batches))
            elif self._limits.update:
                self._train_epochs()
            else:
                self._measure(self._train.epoch(1))
            self._speed.end()
            self._describe(None, ())
            if self._inspector is not None:
                self._inspector.finish()
        finally:
            self._probes.remove()
            if self._inspector is not None:
                self._inspector.remove()

    # --- what the limits ask for ---

    def _train_epochs(self) -> None:
        epochs = self._limits.epochs
        while not self._session.is_over():
            if epochs is not None and self._session.epoch >= epochs:
                return
            if not self._train_epoch():
                return

    def _train_epoch(self) -> bool:
        """Return whether the epoch is complete."""
        self._probes.begin_epoch()
        measured = None
        seen: list[tuple[dict[str, Number], int]] = []
        batches, done, begin = self._begin_epoch()
        is_taken_up = done > 0
        self._speed.begin()
        for group in grouped(batches, self._task.accumulate):
            if self._session.is_over():
                self._save_under_way(measured, UnderWay(done, begin))
                return False
            measured = self._update(group)
            done += len(group)
            if self._on_epoch is not None:
                seen.append((measured.values(), measured.samples))
            if done != self._train.batches and self._session.checkpoints.is_due():
                self._save_under_way(measured, UnderWay(done, begin))
        if measured is None and not is_taken_up:
            raise RejectedError(
                "the data set train gave no minibatch; check its length and drop_last="
            )
        self._end_epoch(measured, average(seen))
        return True

    def _begin_epoch(self) -> tuple[Iterator[Batch], int, RandomState]:
        """Return the minibatches to come, how many are done, and the random state at 0.

        Those a checkpoint has seen are loaded once more: loading may draw from the random
        state, and a loader knows no other way to its middle.
        """
        under_way, self._under_way = self._under_way, None
        if under_way is None:
            begin = read_random_state()
            return self._train.epoch(self._session.epoch + 1), 0, begin
        now = read_random_state()
        restore_random_state(under_way.random_state)
        batches = self._train.epoch(self._session.epoch + 1)
        for _ in islice(batches, under_way.batches):
            pass
        restore_random_state(now)
        return batches, under_way.batches, under_way.random_state

    def _save_under_way(self, newest: Measured | None, under_way: UnderWay) -> None:
        """Write a checkpoint between two updates, if there was one and its loss is sound."""
        if newest is None or self._limits.epochs is None:
            return
        if math.isfinite(newest.loss.item()):
            self._session.checkpoints.save(
                self._parts(), lambda: self._session.progress(under_way)
            )

    def _repeat(self, batches: list[Batch]) -> None:
        if not self._limits.update:
            self._measure(batches)
            return
        passes = self._limits.epochs
        if passes is None and self._limits.iterations is None:
            passes = 1
        fit = FitWatch(self._facts(None, batches).constant_loss)
        self._speed.begin()
        while not self._session.is_over() and passes != 0:
            for group in grouped(batches, self._task.accumulate):
                if self._session.is_over():
                    return
                measured = self._update(group, batches)
                fit.see(measured.loss, measured.values().get("accuracy"))
            if self._limits.stop_at_fit:
                self._session.is_fitted = fit.is_reached()
            passes = None if passes is None else passes - 1

    def _measure(self, batches: Iterable[Batch]) -> None:
        seen = list(batches) if self._limits.batches is not None else batches
        targets = seen if isinstance(seen, list) else []
        for batch in seen:
            if self._session.is_over():
                return
            self._session.iteration += 1
            self._note_batch(batch)
            measured = self._engine.measure(batch)
            if self._inspector is not None:
                self._inspector.look_without_update()
            self._session.log(measured.values())
            self._describe(measured, targets or [batch])

    # --- one iteration, one epoch ---

    def _update(self, group: Sequence[Batch], known: Sequence[Batch] = ()) -> Measured:
        session = self._session
        session.iteration += 1
        self._note_batch(group[0])
        measured = self._engine.update(group)
        session.log(measured.values())
        self._speed.count(measured.samples)
        if self._scheduler is not None and self._task.scheduler_every == "iteration":
            self._advance_schedule(measured)
        if not self._is_described:
            self._describe(measured, known or group)
        return measured

    def _end_epoch(self, last: Measured | None, means: dict[str, Number]) -> None:
        self._speed.end()
        values = self._validate() if self._limits.validate else {}
        if values is None:
            return
        self._session.end_epoch()
        if self._scheduler is not None and self._task.scheduler_every == "epoch":
            self._advance_schedule(last, values.get("val_loss"))
        # The only wait for the device in an epoch; the checkpoint waits for it anyway.
        if last is not None and not math.isfinite(last.loss.item()):
            self._session.recorder.flush()
            return
        self._session.checkpoints.end_epoch(
            self._session.epoch, self._parts(), self._session.progress
        )
        if self._on_epoch is not None:
            self._on_epoch(self._session.epoch, {**means, **values})

    def _validate(self) -> dict[str, Number] | None:
        """Return the epoch's validation values; None: someone asked for an end."""
        if self._val is None:
            return {}
        batches = takewhile(lambda _: not self._session.is_stopping, self._val.epoch(1))
        values = evaluate(self._engine, self._task.model, batches)
        if self._session.is_stopping:
            return None
        self._session.log_validation(values)
        return values

    def _advance_schedule(
        self, measured: Measured | None, val_loss: Number | None = None
    ) -> None:
        if isinstance(self._scheduler, ReduceLROnPlateau):
            loss = measured.loss if val_loss is None and measured else val_loss
            if loss is not None:
                self._scheduler.step(float(loss))
        elif self._scheduler is not None:
            self._scheduler.step()

    # --- making the parts ---

    def _prepare(self, data: object, *, shuffle: bool) -> Minibatches:
        return Minibatches(
            data,  # type: ignore[arg-type]
            batch_size=choose_batch_size(self._task, self._trial),
            device=self._trial.device,
            seed=self._session.seed,
            shuffle=shuffle,
            workers=self._task.num_workers,
        )

    def _attach_probes(self) -> StepProbes:
        return StepProbes(
            self._optimizer,
            self._task.model.named_parameters(),
            trial=self._session.spec.trial,
            put=self._session.recorder.put,
            iteration=lambda: self._session.iteration,
            schedule=self._session.schedule,
            measures_norm=self._task.clip_grad_norm is None,
        )

    def _note_batch(self, batch: Batch) -> None:
        if self._inspector is not None and not isinstance(self._task.loss, nn.Module):
            inputs = next(iter((*batch.inputs, *batch.named_inputs.values())), None)
            self._inspector.note_batch(inputs, batch.targets)

    def _collect(self, count: int) -> list[Batch]:
        batches = self._train.first(count)
        if not batches:
            raise RejectedError(
                "the data set train gave no minibatch; check its length and drop_last="
            )
        return batches

    # --- carrying on ---

    def _parts(self) -> dict[str, Stateful]:
        parts: dict[str, Stateful] = {
            "model": self._task.model,
            "optimizer": self._optimizer,
        }
        if self._scheduler is not None:
            parts["scheduler"] = self._scheduler
        if self._engine.scaler is not None:
            parts["scaler"] = self._engine.scaler
        return parts

    def _resume(self) -> None:
        source = self._session.spec.resume_from
        if source is None:
            return
        progress = load_checkpoint(Path(source), self._parts())
        self._session.take_up(progress, source)
        self._under_way = progress.under_way
        self._train.reseed(progress.seed)
        restore_random_state(progress.random_state)

    # --- saying what was found ---

    def _facts(self, measured: Measured | None, batches: Sequence[Batch]) -> LossFacts:
        return describe_batches(
            self._task,
            self._train,
            measured=measured,
            batches=batches,
            is_sample=self._limits.batches is not None,
            may_ask=not self._limits.update,
        )

    def _describe(self, measured: Measured | None, batches: Sequence[Batch]) -> None:
        if self._is_described:
            return
        self._is_described = True
        try:
            self._session.recorder.put(self._make_description(measured, batches))
        except Exception as error:  # noqa: BLE001 - training goes on undescribed
            self._session.report_failure(
                "description", f"{type(error).__name__}: {error}"
            )

    def _make_description(
        self, measured: Measured | None, batches: Sequence[Batch]
    ) -> TaskDescribed:
        return describe_task(
            self._task,
            self._trial,
            self._session,
            (self._train, self._val),
            facts=self._facts(measured, batches),
            measured=measured,
            layers=self._probes.layers,
            switched_off=self._switched_off,
        )


def run_function(
    function: Callable[[Trial], object],
    trial: Trial,
    session: Session,
    *,
    where: str,
    on_epoch: OnEpoch | None = None,
) -> None:
    """Call a task function and train what it returns.

    Args:
        function: The script's.
        trial: Its argument.
        session: Where the training runs.
        where: Names the function in messages: `train.py: task()`.
        on_epoch: As of `TaskLoop`.

    Raises:
        RejectedError: What it returned can't be trained; says where.
        CheckpointError: The trial can't be carried on.
    """
    try:
        check_takes_trial(function)
        task = check_task(function(trial))
        TaskLoop(task, trial, session, on_epoch=on_epoch).run()
    except RejectedError as error:
        raise RejectedError(f"{where}: {error}") from error.__cause__
