"""Running labelled trainings through the real worker, and keeping what they left behind.

Training and judging are apart: a record holds a run's events as its log had them, so that
rules can be changed and judged again without training again.
"""

import os
import sys
import tempfile
import time
import warnings
import zlib
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch.utils.data import DataLoader, TensorDataset

from tests.benchmarks.diagnosis.behaviour import (
    Behaviour,
    ClassMetric,
    Watcher,
    hits_by_class,
    read_behaviour,
)
from tests.benchmarks.diagnosis.building import build_model, resolve
from tests.benchmarks.diagnosis.faults import FAULTS
from tests.benchmarks.diagnosis.setup import (
    Job,
    Setup,
    make_loss,
    make_optimizer,
    make_scheduler,
)
from tuitrain.diagnosis import examine
from tuitrain.events import (
    Config,
    Finding,
    Record,
    Step,
    TrialId,
    TrialLimits,
    TrialQueued,
    decode_record,
)
from tuitrain.model import StudyModel, fold_all
from tuitrain.store import LogWriter, TrialFolder, TrialSpec
from tuitrain.units import Seconds
from tuitrain.worker.checks import check_task
from tuitrain.worker.last_word import finish_raised
from tuitrain.worker.loop import TaskLoop
from tuitrain.worker.own_config import OwnConfig
from tuitrain.worker.recorder import Recorder
from tuitrain.worker.run import Run
from tuitrain.worker.seeds import set_seeds
from tuitrain.worker.session import Session
from tuitrain.worker.task import Task
from tuitrain.worker.trial import Trial

TRIAL = TrialId("0001")


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One labelled training as it went."""

    job: Job
    split: str
    goal: str
    right: tuple[str, ...]
    """Kinds of finding that name the injected fault; empty: none was injected."""
    config: Config
    epochs: int
    """Epochs planned."""
    events: bytes
    """Its log, compressed."""
    behaviour: Behaviour
    tensors: dict[str, list[tuple[int, float]]] | None = None
    """What the peers' own probes saw; None: they were not attached."""
    error: str = ""
    """Why the training itself broke off; empty: it did not."""
    took_s: float = 0.0

    @property
    def name(self) -> str:
        """That of the job."""
        return self.job.name

    def lines(self) -> list[bytes]:
        """Return the lines of its log."""
        return zlib.decompress(self.events).splitlines()


# --- judging ---


def study_of(record: RunRecord) -> StudyModel:
    """Return the study with this one trial, as a supervisor's screen would have it."""
    limits = TrialLimits(epochs=record.epochs)
    queued = TrialQueued(
        trial=TRIAL,
        step=Step.REFINE_GRID,
        round=1,
        attempt=1,
        config=record.config,
        limits=limits,
        seed=record.job.seed,
    )
    first = Record(seq=0, at_s=Seconds(0.0), mono_s=Seconds(0.0), event=queued)
    records = (decode_record(line) for line in record.lines())
    return fold_all(StudyModel(), [first, *records])


def judge(record: RunRecord) -> tuple[Finding, ...]:
    """Return what tuitrain says of a run, in the order it says it."""
    return examine(study_of(record), TRIAL)


# --- training ---


def train(job: Job, *, with_tensors: bool = False) -> RunRecord:
    """Run one job in this process, on one thread."""
    torch.set_num_threads(1)
    setup = resolve(job)
    started_s = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=_fast_folder()) as name, _quiet():
        folder = TrialFolder(Path(name))
        session = _open_session(setup, folder, job.seed)
        # Data order and initialization differ from those of other jobs with this seed.
        set_seeds(job.seed)
        watcher = Watcher(setup)
        log = _tensor_log() if with_tensors else None
        error = ""
        try:
            run = _run_own_loop if setup.has_own_loop else _run_task
            run(setup, session, watcher, log)
            session.finish()
        except Exception as raised:  # noqa: BLE001 - a broken run is a record, too
            error = f"{type(raised).__name__}: {raised}"
            finish_raised(session, raised)
        content = folder.points.read_bytes()
    fault = FAULTS[job.fault] if job.fault is not None else None
    return RunRecord(
        job=job,
        split=setup.data.split.value,
        goal=setup.data.goal.value,
        right=fault.right if fault is not None else (),
        config=setup.config,
        epochs=setup.epochs,
        events=zlib.compress(content, 3),
        behaviour=read_behaviour(content.splitlines(), setup, watcher),
        tensors=None if log is None else log.values,
        error=error,
        took_s=time.perf_counter() - started_s,
    )


def _open_session(setup: Setup, folder: TrialFolder, seed: int) -> Session:
    spec = TrialSpec(
        trial=TRIAL,
        study="benchmark",
        script="train.py",
        function=None if setup.has_own_loop else "task",
        step=Step.REFINE_GRID,
        config=setup.config,
        limits=TrialLimits(epochs=setup.epochs),
        seed=seed,
    )
    return Session(
        spec, folder, Recorder(TRIAL, LogWriter(folder.points, f"{TRIAL}/points"))
    )


def _run_task(setup: Setup, session: Session, watcher: Watcher, log: Any) -> None:
    model = build_model(setup)
    watcher.follow(model)
    trial = Trial(session.spec.config, seed=session.seed, step=session.spec.step)
    if setup.shape.dropout:
        trial.get("dropout")
    names = {id(each): name for name, each in model.named_parameters()}

    def optimizer(parameters: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        chosen = [
            each
            for each in parameters
            if setup.is_optimized is None or setup.is_optimized(names[id(each)], each)
        ]
        made = make_optimizer(setup, chosen, trial.lr, trial.weight_decay)
        if log is not None:
            log.attach(model, made)
        return made

    has_schedule = setup.schedule != "constant"
    task = Task(
        model=model,
        train=TensorDataset(setup.data.x, setup.data.y),
        val=TensorDataset(setup.data.val_x, setup.data.val_y),
        loss=make_loss(setup),
        metrics=_balanced(setup),
        batch_size=setup.batch_size,
        optimizer=optimizer,
        scheduler=(lambda made: make_scheduler(setup, made)) if has_schedule else None,  # type: ignore[arg-type, return-value]
        scheduler_every="iteration",
        amp="bf16" if setup.amp else None,
        clip_grad_norm=setup.clip,
        accumulate=setup.accumulate,
    )
    TaskLoop(
        check_task(task), trial, session, on_epoch=lambda *_: watcher.end_epoch()
    ).run()


def _run_own_loop(setup: Setup, session: Session, watcher: Watcher, log: Any) -> None:
    """Train as a script with its own loop would, with the mistakes such loops have."""
    run = Run(session, OwnConfig({}, session.spec.config))
    model, loss_fn = build_model(setup), make_loss(setup)
    watcher.follow(model)
    parameters = [each for each in model.parameters() if each.requires_grad]
    optimizer = make_optimizer(
        setup, parameters, run.config["lr"], run.config["weight_decay"]
    )
    scheduler = make_scheduler(setup, optimizer)
    if log is not None:
        log.attach(model, optimizer)
    run.watch(model, optimizer, loss=loss_fn, scheduler=scheduler)
    data, size = setup.data, setup.batch_size
    loader = DataLoader(
        TensorDataset(data.x, data.y),
        batch_size=size,
        shuffle=True,
        drop_last=len(data.x) % size == 1,
    )
    count = 0
    for epoch in run.epochs(setup.epochs):
        model.train(epoch < setup.train_mode_until)
        for x, y in run.batches(loader):
            outputs = model(x)
            loss = loss_fn(outputs, y)
            if count % setup.zero_grad_every == 0:
                optimizer.zero_grad()
            count += 1
            loss.backward()
            if setup.clip is not None:
                torch.nn.utils.clip_grad_norm_(parameters, setup.clip)
            optimizer.step()
            if scheduler is not None:
                scheduler.step()
            run.log({"loss": loss, **_accuracy(setup, outputs, y)})
        run.log_validation(_validate(setup, model, loss_fn))
        watcher.end_epoch()


def _validate(setup: Setup, model: torch.nn.Module, loss_fn: Any) -> dict[str, float]:
    model.train(setup.validates_in_train_mode)
    data = setup.data
    size = setup.val_batch_size or len(data.val_x)
    sums: dict[str, float] = {}
    with torch.no_grad():
        parts = zip(data.val_x.split(size), data.val_y.split(size), strict=True)
        for x, y in parts:
            outputs = model(x)
            values = {"loss": loss_fn(outputs, y), **_accuracy(setup, outputs, y)}
            for name, value in values.items():
                share = len(x) / len(data.val_x)
                sums[name] = sums.get(name, 0.0) + float(value) * share
    return sums


def _accuracy(
    setup: Setup, outputs: torch.Tensor, targets: torch.Tensor
) -> dict[str, torch.Tensor]:
    if setup.data.goal == "regression":
        return {}
    if setup.data.goal == "binary":
        hits = (outputs > 0) == (targets > 0.5)
    else:
        hits = outputs.argmax(1) == targets
    further = {name: each(outputs, targets) for name, each in _balanced(setup).items()}
    return {"accuracy": hits.float().mean(), **further}


def _balanced(setup: Setup) -> dict[str, ClassMetric]:
    """Return what a script logs besides the accuracy, where that says little."""
    if not setup.data.is_imbalanced:
        return {}
    return {"balanced_accuracy": hits_by_class(setup.data)}


def _tensor_log() -> Any:
    """Return the peers' own probes; None: they are not there."""
    try:
        from tests.benchmarks.diagnosis.peers.tensors import TensorLog
    except ImportError:
        return None
    return TensorLog()


def _fast_folder() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


class _quiet(warnings.catch_warnings):  # noqa: N801 - used like the function it stands for
    """Broken runs warn a lot: of shapes that are broadcast, of schedules out of order."""

    def __enter__(self) -> None:
        super().__enter__()
        warnings.simplefilter("ignore")


# --- many of them ---


def train_all(
    jobs: Iterable[Job], folder: Path, *, workers: int = 2, with_tensors: bool = False
) -> list[RunRecord]:
    """Return the record of each job, in order; those in `folder` are not run again."""
    jobs = list(jobs)
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {job.name: job for job in jobs}
    missing = [job for name, job in wanted.items() if not (folder / name).exists()]
    started_s = time.monotonic()
    if missing:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            futures = [
                pool.submit(_train_to_file, job, folder, with_tensors)
                for job in missing
            ]
            for count, future in enumerate(as_completed(futures), 1):
                future.result()
                if count % 50 == 0 or count == len(futures):
                    _tell(
                        f"  {count}/{len(futures)}, {time.monotonic() - started_s:.0f} s"
                    )
    return [read_record(folder / job.name) for job in jobs]


def _train_to_file(job: Job, folder: Path, with_tensors: bool) -> None:
    record = train(job, with_tensors=with_tensors)
    draft = folder / f".{job.name}.{os.getpid()}"
    draft.write_bytes(msgspec.msgpack.encode(record))
    draft.rename(folder / job.name)


def read_record(path: Path) -> RunRecord:
    """Return what `train_all` kept."""
    return msgspec.msgpack.decode(path.read_bytes(), type=RunRecord)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
