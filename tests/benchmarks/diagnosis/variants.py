"""Which runs the benchmark makes: healthy ones, plain and hard, and faulty ones.

All sizes follow from a `Size`, so that a slice is the same benchmark with smaller counts.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from tests.benchmarks.diagnosis.building import resolve
from tests.benchmarks.diagnosis.faults import FAULTS, Strength
from tests.benchmarks.diagnosis.models import SHAPES, fitting
from tests.benchmarks.diagnosis.setup import Job
from tests.benchmarks.diagnosis.tasks import Data, Form, Goal, Split, load, names

OPTIMIZERS = ("sgd", "adamw", "adam", "rmsprop")
SCHEDULES = ("constant", "cosine", "late_step", "warmup_cosine", "one_cycle", "cyclic")
FAULTY_SEED = 10
"""Where seeds of faulty runs begin; those before are of the healthy ones."""

_RATES: dict[str, dict[str, float]] = {
    "linear": {"sgd": 0.03, "adamw": 0.02, "adam": 0.02, "rmsprop": 0.01},
    "mlp": {"sgd": 0.05, "adamw": 4e-3, "adam": 4e-3, "rmsprop": 2e-3},
    "cnn": {"sgd": 0.02, "adamw": 5e-3, "adam": 5e-3, "rmsprop": 2e-3},
    "gru": {"sgd": 0.07, "adamw": 8e-3, "adam": 8e-3, "rmsprop": 3e-3},
    "transformer": {"sgd": 0.03, "adamw": 1e-2, "adam": 1e-2, "rmsprop": 6e-3},
}
"""LR by family of models and optimizer: the middle of what learned best in a sweep of
LRs over all data sets, without any rule looking on."""

_FACTORS: dict[str, tuple[float, float]] = {
    "blobs": (0.4, 0.4),
    "diabetes": (0.2, 0.6),
    "teacher": (0.5, 0.7),
    "several_labels": (0.7, 0.8),
    "rare": (1.2, 1.2),
    "sparse": (0.4, 0.5),
    "arm": (0.4, 0.7),
    "demand": (0.2, 0.7),
    "seldom": (0.3, 0.4),
    "harvest": (0.3, 1.0),
    "committee": (0.3, 0.7),
    "headlines": (0.4, 0.4),
    "tides": (0.4, 1.0),
}
"""How much lower or higher the LR must be for some data sets, from the same sweep: that
of SGD, and that of the adaptive optimizers."""

_DECAYS = {
    "sgd": (0.0, 1e-4, 1e-3),
    "adamw": (0.01, 0.05, 0.1),
    "adam": (0.0, 1e-5, 1e-4),
    "rmsprop": (0.0, 1e-5),
}


@dataclass(frozen=True)
class Size:
    """How many runs of each sort."""

    variants: dict[Split, int]
    """Healthy runs drawn from all that is sensible."""
    bases_per_fault: int
    """Setups, of each half, that each fault is put into, at each strength."""
    base_seeds: int = 5
    """Plain runs of each setup that a faulty run is compared with."""
    has_all_bases: bool = True
    """Whether faults go into all setups, or into as few as show every fault."""


SLICE = Size({Split.TUNING: 24, Split.HELD_OUT: 40}, 1, has_all_bases=False)
FULL = Size({Split.TUNING: 60, Split.HELD_OUT: 340}, 2)
MORE = Size({Split.MORE: 40}, 1, has_all_bases=False)
"""Data sets to tune on beside those of a full run."""


def rate(data: Data, shape: str, optimizer: str) -> float:
    """Return a sensible LR."""
    factor = _FACTORS.get(data.name, (1.0, 1.0))[optimizer != "sgd"]
    lr = _RATES[SHAPES[shape].family][optimizer] * factor
    return lr * 0.4 if (shape, optimizer) == ("mlp_batch_deep", "sgd") else lr


# --- the plain setups that faults are put into ---


def bases(part: Split) -> list[Job]:
    """Return the plain setups of one half: each architecture with two optimizers."""
    found = []
    for index, name in enumerate(names(part)):
        data = load(name)
        for place, shape in enumerate(fitting(data)):
            for step in _STEPS[min(len(fitting(data)), 4)]:
                optimizer = OPTIMIZERS[(index + place + step) % len(OPTIMIZERS)]
                found.append(_plain(data, shape, optimizer))
    return found


def few_bases(part: Split) -> list[Job]:
    """Return one setup a data set, and what more it takes to fit every fault."""
    known = bases(part)
    chosen: list[Job] = []
    for index, name in enumerate(names(part)):
        own = [job for job in known if job.task == name]
        chosen.append(own[index % len(own)])
    for fault in FAULTS.values():
        fitting_bases = [job for job in known if fault.fits(resolve(job))]
        if fitting_bases and not any(job in fitting_bases for job in chosen):
            chosen.append(fitting_bases[0])
    return chosen


_STEPS = {1: (0, 1, 2, 3), 2: (0, 2), 3: (0, 2), 4: (0,)}
"""Optimizers each architecture is tried with, by how many architectures there are."""


def _plain(data: Data, shape: str, optimizer: str) -> Job:
    return Job(
        task=data.name,
        shape=shape,
        optimizer=optimizer,
        lr=rate(data, shape, optimizer),
        weight_decay=_DECAYS[optimizer][0],
        epochs=data.epochs,
        batch_size=data.batch_size,
    )


def faulty(size: Size, seed: int) -> list[Job]:
    """Return the faulty runs: each fault at each strength, over the setups that fit."""
    jobs = []
    for part in size.variants:
        known = bases(part) if size.has_all_bases else few_bases(part)
        used = {job.name: 0 for job in known}
        for fault in FAULTS.values():
            draw = random.Random(f"{seed}/{part}/{fault.name}")
            fitting_bases = [job for job in known if fault.fits(resolve(job))]
            for strength in Strength:
                # Setups used least come first, tasks by turns, so that all are covered.
                draw.shuffle(fitting_bases)
                fitting_bases.sort(key=lambda job: used[job.name])
                for job in _by_turns(fitting_bases, size.bases_per_fault):
                    used[job.name] += 1
                    jobs.append(
                        msgspec.structs.replace(
                            job,
                            fault=fault.name,
                            strength=strength.value,
                            seed=FAULTY_SEED + strength.level,
                        )
                    )
    return jobs


def _by_turns(jobs: list[Job], count: int) -> Iterator[Job]:
    """Yield the first jobs, no data set again before each had its turn."""
    waiting = list(jobs)
    seen: set[str] = set()
    for _ in range(min(count, len(jobs))):
        fresh = [job for job in waiting if job.task not in seen]
        if not fresh:
            seen.clear()
            fresh = list(waiting)
        chosen = fresh[0]
        seen.add(chosen.task)
        waiting.remove(chosen)
        yield chosen


def references(jobs: list[Job], size: Size) -> list[Job]:
    """Return the plain runs that `jobs` are compared with."""
    plain = {job.base.name: job.base for job in jobs}
    return [
        msgspec.structs.replace(job, seed=seed)
        for job in plain.values()
        for seed in range(size.base_seeds)
    ]


# --- healthy runs of all sorts ---


def variants(size: Size, seed: int) -> list[Job]:
    """Return healthy runs, drawn from tasks, models, optimizers, schedules and traits."""
    jobs = []
    for part, count in size.variants.items():
        draw = random.Random(f"{seed}/{part}/healthy")
        tasks = names(part)
        jobs += [
            _variant(draw, load(tasks[index % len(tasks)]), 100 + index)
            for index in range(count)
        ]
    return jobs


def _variant(draw: random.Random, data: Data, seed: int) -> Job:
    shape = draw.choice(fitting(data))
    optimizer = draw.choice(OPTIMIZERS)
    job = msgspec.structs.replace(
        _plain(data, shape, optimizer),
        lr=rate(data, shape, optimizer) * draw.choice((0.7, 1.0, 1.4)),
        weight_decay=draw.choice(_DECAYS[optimizer]),
        schedule=draw.choice(SCHEDULES),
        seed=seed,
    )
    for trait in draw.sample(_traits_for(job, data), draw.choice((0, 1, 1, 2))):
        job = _with_trait(job, trait, draw)
    if job.schedule in ("one_cycle", "cyclic", "warmup_cosine"):
        # Half of the run is at a low LR, so the peak may be higher, as these are meant.
        job = msgspec.structs.replace(job, lr=job.lr * 1.5)
    return job


def _traits_for(job: Job, data: Data) -> list[str]:
    family = SHAPES[job.shape].family
    traits = ["tiny_batches", "accumulation", "clipping", "more_decay", "own_loop"]
    if data.goal in (Goal.CLASSES, Goal.TOKENS):
        traits.append("label_smoothing")
    if data.is_imbalanced or data.goal is Goal.CLASSES:
        traits.append("class_weights")
    if family in ("mlp", "cnn"):
        traits.append("bf16")
        if job.shape != "mlp_batch_deep" and data.form in (Form.IMAGE, Form.FLAT):
            traits.append("fine_tuning")
    return traits


def _with_trait(job: Job, trait: str, draw: random.Random) -> Job:
    traits = (*job.traits, trait)
    if trait in ("own_loop", "bf16") and {"own_loop", "bf16", "accumulation"} & {
        *job.traits
    }:
        return job  # the benchmark's own loop has neither
    if trait == "accumulation" and "own_loop" in job.traits:
        return job
    if trait == "tiny_batches":
        # Batch norm can't do with four samples.
        size = 8 if "batch" in job.shape else draw.choice((4, 8))
        share = size / job.batch_size
        lower = share if job.optimizer == "sgd" else share**0.5
        return msgspec.structs.replace(
            job,
            traits=traits,
            batch_size=size,
            lr=job.lr * lower,
            epochs=max(6, round(job.epochs * max(share, 0.4))),
        )
    if trait == "more_decay":
        stronger = {"sgd": 3e-3, "adamw": 0.3}.get(job.optimizer, 3e-4)
        return msgspec.structs.replace(job, traits=traits, weight_decay=stronger)
    return msgspec.structs.replace(job, traits=traits)
