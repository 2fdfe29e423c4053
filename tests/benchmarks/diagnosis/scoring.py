"""How well a judge names what is wrong: alarms on healthy runs, recall, right causes.

A judge is any function from a record to what it names, so that tuitrain and the ports of
other products' rules are scored by the same code.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.benchmarks.diagnosis.harm import References, find_harm, overfits, rose
from tests.benchmarks.diagnosis.peers.contract import Port
from tests.benchmarks.diagnosis.peers.view import view_of
from tests.benchmarks.diagnosis.running import TRIAL, RunRecord, judge, study_of
from tuitrain.events import Severity


class Named(NamedTuple):
    """One thing that a judge names."""

    kind: str
    """Kind of finding; of a peer's rule the kind that it would be."""
    severity: str
    is_cause: bool = True
    """Whether it follows from nothing else that is named."""


Judge = Callable[[RunRecord], Sequence[Named]]
"""Names causes first, then what follows from them, the most important first."""


@dataclass(frozen=True)
class Share:
    """So many of so many."""

    hits: int
    of: int

    @property
    def value(self) -> float:
        """0..1; NaN of none."""
        return self.hits / self.of if self.of else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval."""
        if not self.of:
            return math.nan, math.nan
        z, p = 1.96, self.value
        middle = p + z * z / (2 * self.of)
        spread = z * math.sqrt(p * (1 - p) / self.of + z * z / (4 * self.of**2))
        scale = 1 + z * z / self.of
        return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)

    def __str__(self) -> str:
        if not self.of:
            return "–"
        low, high = self.interval
        return f"{self.hits}/{self.of} = {self.value:.3f} ({low:.2f}–{high:.2f})"


@dataclass(frozen=True)
class Judged:
    """One run, what became of it, and what a judge said."""

    record: RunRecord
    harm: str | None
    named: tuple[Named, ...]

    @property
    def is_faulty(self) -> bool:
        """Whether a fault was injected."""
        return self.record.job.fault is not None

    @property
    def is_healthy(self) -> bool:
        """Whether none was, and it did as well as others."""
        return not self.is_faulty and self.harm is None

    @property
    def is_harmful(self) -> bool:
        """Whether a fault was injected and did harm."""
        return self.is_faulty and self.harm is not None

    @property
    def alarms(self) -> list[str]:
        """Causes that are named with severity medium or more."""
        return [
            each.kind
            for each in self.named
            if each.is_cause and Severity(each.severity).rank >= _MEDIUM
        ]

    @property
    def is_critical(self) -> bool:
        """Whether something critical is named."""
        return any(
            each.is_cause and each.severity == Severity.CRITICAL.value
            for each in self.named
        )

    def is_right(self, first: int) -> bool:
        """Whether a right cause is among the first so many that are named."""
        return any(each.kind in self.record.right for each in self.named[:first])

    def has(self, *kinds: str) -> bool:
        """Whether one of these kinds is named, however severe."""
        return any(each.kind in kinds for each in self.named)


def tuitrain_judge(record: RunRecord) -> list[Named]:
    """Return what tuitrain says, in its order.

    Where every finding is said to follow from another, in a circle, none is fine print.
    """
    findings = judge(record)
    has_cause = any(finding.consequence_of is None for finding in findings)
    return [
        Named(
            finding.kind,
            finding.severity.value,
            finding.consequence_of is None or not has_cause,
        )
        for finding in findings
    ]


def peer_judge(port: Port) -> Judge:
    """Return a port of another product's rules as a judge; each alarm counts as high.

    Its alarms are told by our kinds, as the ports' own table translates them, so that a
    right cause is a right cause whoever names it.
    """

    def name(record: RunRecord) -> list[Named]:
        view = view_of(
            study_of(record),
            TRIAL,
            tensors=record.tensors or {},
            optimizer=_OPTIMIZERS.get(record.job.optimizer),
            dropout=float(record.config.get("dropout", 0.0)),
        )
        return [Named(alarm.says, Severity.HIGH.value) for alarm in port.alarms(view)]

    return name


_OPTIMIZERS = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop"}


def judge_all(
    records: Iterable[RunRecord], references: References, name: Judge = tuitrain_judge
) -> list[Judged]:
    """Return all runs with what became of them and what `name` says of each."""
    return [
        Judged(record, find_harm(record, references.of(record)), tuple(name(record)))
        for record in records
    ]


# --- figures ---


@dataclass(frozen=True)
class Scores:
    """All that is said of one judge on some runs."""

    false_alarms: Share
    """Healthy runs with an alarm."""
    critical: Share
    """Healthy runs with a critical one."""
    failed: Share
    """Runs without a fault that failed all the same, and are left out."""
    recall: Share
    """Harmful runs with an alarm, or whose right cause is named, however severe: that a
    training was too short is no alarm, but it was seen."""
    alarmed: Share
    """Harmful runs with an alarm."""
    latent: Share
    """Runs whose fault did no harm, with an alarm."""
    first: Share
    """Harmful runs whose first finding names a right cause."""
    three: Share
    """The same for the first three."""
    latent_three: Share
    """The same for the first three, where the fault did no harm."""
    overfitting: "Detection"
    """Runs whose validation loss and score both got worse again."""
    rising: "Detection"
    """Runs whose validation loss rose, whatever the score did."""


@dataclass(frozen=True)
class Detection:
    """One condition that is there or not, and named or not."""

    precision: Share
    recall: Share

    @property
    def f1(self) -> float:
        """Harmonic mean of both; NaN where there is nothing to be found."""
        found, known = self.precision.hits, self.recall.of + self.precision.of
        return 2 * found / known if known else math.nan


def score(runs: Sequence[Judged]) -> Scores:
    """Return the figures of some judged runs."""
    free = [run for run in runs if not run.is_faulty]
    healthy = [run for run in free if run.is_healthy]
    harmful = [run for run in runs if run.is_harmful]
    latent = [run for run in runs if run.is_faulty and not run.is_harmful]
    # Overfitting that came by itself counts, other faults' curves say nothing about it.
    curves = [
        run
        for run in runs
        if not run.is_faulty or str(run.record.job.fault).startswith("overfit")
    ]
    return Scores(
        false_alarms=_share(healthy, lambda run: bool(run.alarms)),
        critical=_share(healthy, lambda run: run.is_critical),
        failed=_share(free, lambda run: run.harm is not None),
        recall=_share(harmful, lambda run: bool(run.alarms) or run.is_right(99)),
        alarmed=_share(harmful, lambda run: bool(run.alarms)),
        latent=_share(latent, lambda run: bool(run.alarms)),
        first=_share(harmful, lambda run: run.is_right(1)),
        three=_share(harmful, lambda run: run.is_right(3)),
        latent_three=_share(latent, lambda run: run.is_right(3)),
        overfitting=detect(
            [(run, overfits(run.record)) for run in curves], "overfitting"
        ),
        rising=detect(
            [(run, rose(run.record)) for run in curves], "overfitting", "overconfidence"
        ),
    )


@dataclass
class KindCount:
    """One kind of finding over all runs."""

    right: int = 0
    """Alarms of this kind on runs whose fault it names."""
    alarms: int = 0
    wanted: int = 0
    """Harmful runs whose fault it names."""
    found: int = 0
    """Those of them on which it is named, however severe."""
    mistaken_for: dict[str, int] = field(default_factory=dict)
    """Faults on which it was a wrong alarm, `healthy` among them."""


def count_kinds(runs: Iterable[Judged]) -> dict[str, KindCount]:
    """Return the counts of each kind that is named or wanted."""
    counts: dict[str, KindCount] = {}
    for run in runs:
        if not run.is_faulty and not run.is_healthy:
            continue
        for kind in dict.fromkeys(run.alarms):
            count = counts.setdefault(kind, KindCount())
            count.alarms += 1
            if kind in run.record.right:
                count.right += 1
            else:
                where = run.record.job.fault or "healthy"
                count.mistaken_for[where] = count.mistaken_for.get(where, 0) + 1
        if run.is_harmful:
            for kind in run.record.right:
                count = counts.setdefault(kind, KindCount())
                count.wanted += 1
                count.found += run.has(kind)
    return counts


def group(
    runs: Iterable[Judged], key: Callable[[RunRecord], str]
) -> dict[str, list[Judged]]:
    """Return runs by a word of their record, in the order of the words."""
    groups: dict[str, list[Judged]] = {}
    for run in runs:
        groups.setdefault(key(run.record), []).append(run)
    return dict(sorted(groups.items()))


def _share(runs: Sequence[Judged], is_hit: Callable[[Judged], bool]) -> Share:
    return Share(sum(is_hit(run) for run in runs), len(runs))


def detect(runs: Sequence[tuple[Judged, bool | None]], *kinds: str) -> Detection:
    """Return how well `kinds` are named where something is so; None: nobody can say."""
    known = [(run, is_so) for run, is_so in runs if is_so is not None]
    there = [run for run, is_so in known if is_so]
    named = [is_so for run, is_so in known if run.has(*kinds)]
    return Detection(
        precision=Share(sum(named), len(named)),
        recall=_share(there, lambda run: run.has(*kinds)),
    )


_MEDIUM = Severity.MEDIUM.rank
