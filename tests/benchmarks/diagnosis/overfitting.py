"""How well overfitting is told: `python -m tests.benchmarks.diagnosis.overfitting`.

The other runs of the benchmark hardly overfit unless they are made to, so that a figure
from them says little. These are drawn to lie on both sides of the line and near it: few
samples, wrong labels and large nets trained long, the same with regularization or stopped
early, and well-sized data with curves that bounce or grow sure of themselves. No recipe
is a label; what became of a run is (`turning`).

    --more           other data sets, for tuning alone
    --records DIR    where runs are kept; those there already are not trained again
    --seed N [N ...] draw other runs; of several, all are counted together
    --held-out N [N ...]  further draws of the held-out half alone: a larger sample
    --workers N      trainings at a time
    --write          write the figures into docs/, for the page there

It takes about six minutes on two cores, and three for each further held-out draw.
"""

import argparse
import math
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from torch import Tensor

from tests.benchmarks.diagnosis import tables
from tests.benchmarks.diagnosis.building import resolve
from tests.benchmarks.diagnosis.folders import default_folder
from tests.benchmarks.diagnosis.harm import is_overfit
from tests.benchmarks.diagnosis.models import SHAPES, fitting
from tests.benchmarks.diagnosis.running import RunRecord, train_all
from tests.benchmarks.diagnosis.scoring import Judged, detect, tuitrain_judge
from tests.benchmarks.diagnosis.setup import Job
from tests.benchmarks.diagnosis.tasks import Data, Goal, Split, load, names
from tests.benchmarks.diagnosis.telling import write_overfitting
from tests.benchmarks.diagnosis.turning import count_answers
from tests.benchmarks.diagnosis.variants import OPTIMIZERS, rate

MOST_OF_IT: Final = 0.7
"""Share of a data set that well-sized runs train on; the rest is looked at by nobody."""


def jobs(seed: int, part: Split | None = None) -> list[Job]:
    """Return the runs of one draw, the same every time: of both halves, or one part."""
    return [job for _, job in drawn(seed, part)]


def drawn(seed: int, part: Split | None = None) -> list[tuple[str, Job]]:
    """Return the same with the recipe of each."""
    found = []
    for task in names(part):
        for recipe, change in RECIPES.items():
            draw = random.Random(f"{seed}/{task}/{recipe}")
            for index in range(COUNTS[recipe]):
                data = load(task)
                plain = _plain(draw, data, 1000 * seed + 500 + index)
                found.append((recipe, change(draw, data, plain)))
    return found


def _plain(draw: random.Random, data: Data, seed: int) -> Job:
    shape, optimizer = draw.choice(fitting(data)), draw.choice(OPTIMIZERS)
    return Job(
        task=data.name,
        shape=shape,
        optimizer=optimizer,
        lr=rate(data, shape, optimizer) * draw.choice((0.7, 1.0, 1.4)),
        epochs=data.epochs,
        batch_size=data.batch_size,
        seed=seed,
    )


def _few(draw: random.Random, data: Data, job: Job) -> Job:
    """A few dozen samples."""
    count = draw.choice((24, 40, 60, 100))
    job = _sized(job, count, batch_size=8, epochs=draw.choice((40, 60, 80)))
    return _wide(draw, job)


def _noisy(draw: random.Random, data: Data, job: Job) -> Job:
    """Some hundred samples, a part of them with wrong labels."""
    count = draw.choice((80, 150, 250))
    job = _sized(job, count, batch_size=16, epochs=draw.choice((40, 60)))
    return _wide(draw, _and(job, f"wrong_labels:{draw.choice((0.1, 0.2, 0.3, 0.4))}"))


def _long(draw: random.Random, data: Data, job: Job) -> Job:
    """More samples, and a net that could still learn them by heart."""
    count = draw.choice((150, 250, 400))
    job = _sized(job, count, batch_size=32, epochs=draw.choice((40, 60)))
    return _wide(draw, job)


def _regularized(draw: random.Random, data: Data, job: Job) -> Job:
    """Few or wrong samples, and something against it."""
    job = draw.choice((_few, _noisy))(draw, data, job)
    means = ["decay", "dropout"]
    if data.goal in (Goal.CLASSES, Goal.TOKENS):
        means.append("label_smoothing")
    match draw.choice(means):
        case "decay":
            decay = {"sgd": 0.02, "adamw": 1.0}.get(job.optimizer, 0.01)
            return msgspec.structs.replace(job, weight_decay=decay)
        case "dropout" if SHAPES[job.shape].family in ("mlp", "cnn"):
            return _and(job, "dropout:0.5")
        case "label_smoothing":
            return _and(job, "label_smoothing")
        case _:
            return msgspec.structs.replace(job, lr=0.2 * job.lr)


def _stopped(draw: random.Random, data: Data, job: Job) -> Job:
    """Few or wrong samples, and an early end."""
    job = draw.choice((_few, _noisy))(draw, data, job)
    return msgspec.structs.replace(job, epochs=draw.choice((6, 9, 12)))


def _well_sized(draw: random.Random, data: Data, job: Job) -> Job:
    """Most of the data, a sensible net, and up to twice the time it takes."""
    longer = draw.choice((1, 1.5, 2))
    return _sized(job, len(data.x), epochs=round(longer * data.epochs))


def _bouncy(draw: random.Random, data: Data, job: Job) -> Job:
    """A high LR on small minibatches, and few validation samples."""
    job = _sized(job, len(data.x), batch_size=8)
    job = msgspec.structs.replace(job, lr=job.lr * draw.choice((0.7, 1.0)))
    return _and(job, f"val_samples:{draw.choice((50, 80))}")


def _sure(draw: random.Random, data: Data, job: Job) -> Job:
    """Most of the data, a large net, and four times the time it takes."""
    job = _sized(job, len(data.x), epochs=4 * data.epochs)
    return _wide(draw, job)


RECIPES: Final[dict[str, Callable[[random.Random, Data, Job], Job]]] = {
    "few": _few,
    "noisy": _noisy,
    "long": _long,
    "regularized": _regularized,
    "stopped": _stopped,
    "well_sized": _well_sized,
    "bouncy": _bouncy,
    "sure": _sure,
}
"""How a run is drawn, by name."""

COUNTS: Final = {
    "few": 1,
    "noisy": 4,
    "long": 2,
    "regularized": 1,
    "stopped": 1,
    "well_sized": 1,
    "bouncy": 1,
    "sure": 1,
}
"""Runs of each recipe on each data set: more of those that overfit more often."""


def _sized(
    job: Job, count: float, *, batch_size: int | None = None, epochs: int | None = None
) -> Job:
    """Return the job on `count` samples; the LR follows the size of its minibatches."""
    size = batch_size or job.batch_size
    share = size / job.batch_size
    most = MOST_OF_IT * len(load(job.task).x)
    lower = share if job.optimizer == "sgd" else share**0.5
    return _and(
        msgspec.structs.replace(
            job, batch_size=size, epochs=epochs or job.epochs, lr=job.lr * lower
        ),
        f"samples:{int(min(count, most))}",
    )


def _wide(draw: random.Random, job: Job) -> Job:
    shape = SHAPES[job.shape]
    if shape.family == "linear":
        return job
    wide = (96, 160) if shape.family == "mlp" else (2 * shape.width, 3 * shape.width)
    return _and(job, f"width:{draw.choice(wide)}", "dropout:0")


def _and(job: Job, *traits: str) -> Job:
    return msgspec.structs.replace(job, traits=(*job.traits, *traits))


# --- what became of them, and what is said of them ---


class Label(NamedTuple):
    """Whether a run overfits by some samples."""

    plain: bool | None
    """None: it is so near the line that nobody can say."""
    guess: bool
    """The same, with each run on the side of the line where it was measured."""


class Told(NamedTuple):
    """One run: what became of it, and what was said."""

    run: Judged
    on_validation: Label
    """By the samples that the judge sees the curves of, too."""
    on_unseen: Label
    """By samples that nobody else sees."""


def tell(record: RunRecord) -> Told:
    """Judge one run, and label it."""
    setup, behaviour = resolve(record.job), record.behaviour
    assert setup.unseen is not None
    scores, losses = behaviour.unseen_scores, behaviour.unseen_losses
    return Told(
        Judged(record, None, tuple(tuitrain_judge(record))),
        _label(record, behaviour.scores, behaviour.val_losses, setup.data.val_y),
        _label(record, scores, losses, setup.unseen[1]),
    )


def _label(
    record: RunRecord, scores: list[float], losses: list[float], targets: Tensor
) -> Label:
    is_balanced = load(record.job.task).is_imbalanced
    answers = count_answers(targets, is_balanced=is_balanced)
    guess = is_overfit(record, scores, losses, answers, errors=0.0)
    return Label(is_overfit(record, scores, losses, answers), guess is True)


def figures(told: Sequence[Told]) -> str:
    """Return the figures of each part as a table."""
    rows = []
    for split in (Split.HELD_OUT, Split.TUNING, Split.MORE):
        own = [each for each in told if each.run.record.split == split.value]
        for name, counted, read in _LABELS if own else ():
            labels = [(each.run, read(each)) for each in own]
            found = detect(labels, "overfitting")
            counts = Counter(label for _, label in labels)
            runs = " / ".join(str(counts[key]) for key in (True, False, None))
            low, high = interval(labels)
            f1 = f"{found.f1:.2f} ({low:.2f}–{high:.2f})"
            curves = "–" if name == _SEEN else f"{_f1_of_curves(own, read):.2f}"
            shares = found.precision, found.recall
            rows.append((split.value, name, counted, runs, f1, *shares, curves))
    head = ["half", "told from", "runs counted", "overfit / not / left out", "F1"]
    return tables.table([*head, "precision", "recall", "F1 of the curve itself"], rows)


_SEEN: Final = "the validation samples"
_UNSEEN: Final = "samples nobody saw"
_LABELS: Final[tuple[tuple[str, str, Callable[[Told], bool | None]], ...]] = (
    (_SEEN, "off the line", lambda each: each.on_validation.plain),
    (_SEEN, "all", lambda each: each.on_validation.guess),
    (_UNSEEN, "off the line", lambda each: each.on_unseen.plain),
    (_UNSEEN, "all", lambda each: each.on_unseen.guess),
)


def _f1_of_curves(told: Sequence[Told], read: Callable[[Told], bool | None]) -> float:
    """Return the F1 of who says of each run what its validation curves themselves show.

    It is what can be asked of a rule that sees these curves and nothing else: on which
    side of the line a run was measured says no more of other samples than that.
    """
    known = [(read(each), each.on_validation.guess) for each in told]
    pairs = Counter(pair for pair in known if pair[0] is not None)
    right, wrong = pairs[True, True], pairs[True, False] + pairs[False, True]
    return 2 * right / (2 * right + wrong) if right + wrong else math.nan


def interval(labels: Sequence[tuple[Judged, bool | None]]) -> tuple[float, float]:
    """Return the 95 % interval of the F1, from a thousand draws of runs with return."""
    chance = random.Random(0)
    values = sorted(
        detect(chance.choices(labels, k=len(labels)), "overfitting").f1
        for _ in range(1000)
    )
    return values[25], values[974]


def by_recipe(recipes: Sequence[str], told: Sequence[Told]) -> str:
    """Return how often runs of each recipe overfit, without those of the held-out half."""
    rows = []
    for recipe in RECIPES:
        own = [
            each
            for name, each in zip(recipes, told, strict=True)
            if name == recipe and each.run.record.split != Split.HELD_OUT.value
        ]
        overfit = sum(each.on_validation.plain is True for each in own)
        named = sum(each.run.has("overfitting") for each in own)
        rows.append((recipe, len(own), overfit, named))
    return tables.table(["recipe", "runs", "overfit", "named"], rows)


def main() -> int:
    """Train what is missing, judge it, print the figures."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.diagnosis.overfitting"
    )
    parser.add_argument("--records", type=Path, default=None)
    parser.add_argument("--more", action="store_true")
    parser.add_argument("--seed", type=int, nargs="+", default=[0])
    parser.add_argument("--held-out", type=int, nargs="+", default=[])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    folder = options.records or default_folder()
    part = Split.MORE if options.more else None
    pairs = [pair for seed in options.seed for pair in drawn(seed, part)]
    for seed in options.held_out:
        pairs += drawn(seed, Split.HELD_OUT)
    sys.stderr.write(f"{len(pairs)} runs in {folder}\n")
    started_s = time.monotonic()
    records = train_all((job for _, job in pairs), folder, workers=options.workers)
    told = [tell(record) for record in records]
    sys.stderr.write(f"done: {time.monotonic() - started_s:.0f} s\n")
    table = figures(told)
    sys.stdout.write(f"{table}\n\n{by_recipe([name for name, _ in pairs], told)}\n")
    if options.write and not options.more:
        write_overfitting(
            table, runs=len(told), seeds=options.seed, held_out=options.held_out
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
