"""The benchmark's result as Markdown."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence

from tests.benchmarks.diagnosis.advice import Outcome, helped
from tests.benchmarks.diagnosis.faults import FAULTS, Strength
from tests.benchmarks.diagnosis.harm import References
from tests.benchmarks.diagnosis.running import RunRecord
from tests.benchmarks.diagnosis.scoring import (
    Detection,
    Judged,
    Scores,
    Share,
    count_kinds,
    group,
    score,
)

WANTED_ADVICE = 0.85
"""Share of harmful runs that the first finding's advice must heal."""


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return rows as a Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def summary(runs: Sequence[Judged]) -> str:
    """Return the main figures, by half."""
    halves = group(runs, lambda record: record.split)
    scores = {name: score(part) for name, part in halves.items()}
    rows = [
        (what, *(_cell(read(each)) for each in scores.values()))
        for what, read in _FIGURES
    ]
    return table(["figure (95 % interval)", *scores], rows)


_FIGURES: tuple[tuple[str, Callable[[Scores], Share | Detection]], ...] = (
    ("false alarms on healthy runs (medium or more)", lambda s: s.false_alarms),
    ("… critical", lambda s: s.critical),
    ("no fault, yet failed (left out)", lambda s: s.failed),
    ("harmful faults seen: an alarm, or the right cause named", lambda s: s.recall),
    ("harmful faults with an alarm", lambda s: s.alarmed),
    ("… right cause first", lambda s: s.first),
    ("… right cause among the first three", lambda s: s.three),
    ("latent faults with an alarm", lambda s: s.latent),
    ("… right cause among the first three", lambda s: s.latent_three),
    ("overfitting: score and loss get worse", lambda s: s.overfitting),
    ("overfitting or overconfidence: loss gets worse", lambda s: s.rising),
)


def peers(all_runs: Mapping[str, Sequence[Judged]]) -> str:
    """Return judges beside each other, on the same runs."""
    rows = []
    for name, runs in all_runs.items():
        for part, own in group(runs, lambda record: record.split).items():
            s = score(own)
            figures = (s.false_alarms, s.recall, s.first, s.three, s.latent)
            rows.append((name, part, *figures, f"{s.rising.f1:.2f}"))
    head = ["judge", "half", "false alarms", "recall", "first", "three", "latent"]
    return table([*head, "F1 of rising val loss"], rows)


def by_task(runs: Sequence[Judged]) -> str:
    """Return each data set by itself, which none of the thresholds may depend on."""
    rows = []
    for name, part in group(runs, lambda record: record.job.task).items():
        own, others = score(part), score([r for r in runs if r.record.job.task != name])
        rows.append(
            (
                name,
                part[0].record.split,
                own.false_alarms,
                f"{others.false_alarms.value:.3f}",
                own.recall,
                own.first,
                own.three,
            )
        )
    head = [
        "data set",
        "half",
        "false alarms",
        "… without it",
        "recall",
        "first",
        "three",
    ]
    return table(head, rows)


def by_fault(runs: Sequence[Judged]) -> str:
    """Return what became of each fault, and what was said of it."""
    rows = []
    for name, part in group(
        [run for run in runs if run.is_faulty], lambda r: str(r.job.fault)
    ).items():
        strong = [r for r in part if r.record.job.strength == Strength.STRONG.value]
        scores = score(part)
        rows.append(
            (
                name,
                ", ".join(FAULTS[name].right),
                f"{sum(r.is_harmful for r in part)}/{len(part)}",
                f"{sum(r.is_harmful for r in strong)}/{len(strong)}",
                _plain(scores.recall),
                _plain(scores.first),
                _plain(scores.three),
                _plain(scores.latent),
                _most_named(part),
            )
        )
    head = [
        "fault",
        "right",
        "harmful",
        "strong",
        "recall",
        "first",
        "three",
        "latent",
        "named first",
    ]
    return table(head, rows)


def _most_named(runs: Sequence[Judged]) -> str:
    counts: dict[str, int] = {}
    for run in runs:
        kind = run.named[0].kind if run.named else "nothing"
        counts[kind] = counts.get(kind, 0) + 1
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{kind} {count}" for kind, count in ranked[:3])


def by_kind(runs: Sequence[Judged]) -> str:
    """Return how far each kind of finding can be relied on."""
    rows = []
    for kind, count in sorted(count_kinds(runs).items()):
        mistaken = sorted(count.mistaken_for.items(), key=lambda item: -item[1])
        rows.append(
            (
                kind,
                Share(count.right, count.alarms),
                Share(count.found, count.wanted),
                ", ".join(f"{where} {n}" for where, n in mistaken[:4]),
            )
        )
    return table(["kind", "precision of alarms", "recall", "wrong alarms on"], rows)


def by_trait(runs: Sequence[Judged]) -> str:
    """Return false alarms by what is out of the ordinary in a healthy run."""
    healthy = [run for run in runs if not run.is_faulty]
    words: dict[str, list[Judged]] = {}
    for run in healthy:
        job = run.record.job
        is_hard = bool(job.traits) or job.schedule != "constant"
        own = [
            f"schedule {job.schedule}",
            f"model {job.shape}",
            f"optimizer {job.optimizer}",
        ]
        own += [f"trait {trait}" for trait in job.traits] or ["no trait"]
        for word in [*own, "**hard**" if is_hard else "**plain**"]:
            words.setdefault(word, []).append(run)
    rows = []
    for word, part in sorted(words.items()):
        scores = score(part)
        rows.append(
            (word, scores.false_alarms, _plain(scores.failed), _alarm_kinds(part))
        )
    return table(["healthy runs with", "false alarms", "failed", "kinds"], rows)


def _alarm_kinds(runs: Sequence[Judged]) -> str:
    counts: dict[str, int] = {}
    for run in runs:
        for kind in run.alarms if run.is_healthy else ():
            counts[kind] = counts.get(kind, 0) + 1
    return ", ".join(f"{k} {n}" for k, n in sorted(counts.items(), key=lambda i: -i[1]))


def harms(runs: Sequence[Judged], references: References) -> str:
    """Return why runs count as bad, with and without a fault."""
    words = sorted({run.harm or "none" for run in runs})
    rows = [
        (
            word,
            sum(r.is_faulty and (r.harm or "none") == word for r in runs),
            sum(not r.is_faulty and (r.harm or "none") == word for r in runs),
        )
        for word in words
    ]
    left_out = references.left_out()
    return (
        table(["harm", "with a fault", "without"], rows)
        + f"\n\n{left_out} plain runs far below their group serve as no reference."
    )


def advice(outcomes: Sequence[Outcome]) -> str:
    """Return whether following the first finding's advice healed harmful runs."""
    rows: list[tuple[object, ...]] = []
    for part, word in ((None, "all"), ("tuning", "tuning"), ("held_out", "held_out")):
        own = [o for o in outcomes if part is None or o.run.record.split == part]
        rows.append(
            (
                word,
                helped(own, 1, is_change=True),
                helped(own, 3, is_change=True),
                helped(own, 1, is_change=False),
            )
        )
    kinds = table(
        ["first finding", "sort", "healed at once", "in three rounds"],
        [
            (
                kind,
                "change" if is_change else "code",
                _plain(helped(part, 1, is_change=is_change)),
                _plain(helped(part, 3, is_change=is_change)),
            )
            for (kind, is_change), part in _by_sort(outcomes).items()
        ],
    )
    head = ["runs", "change, at once", "change, in three rounds", "code"]
    goal = f"Wanted: {WANTED_ADVICE:.2f} or more of each sort."
    return f"{table(head, rows)}\n\n{goal}\n\n{kinds}"


def _by_sort(outcomes: Sequence[Outcome]) -> dict[tuple[str, bool], list[Outcome]]:
    sorts: dict[tuple[str, bool], list[Outcome]] = {}
    for outcome in outcomes:
        sorts.setdefault((outcome.kind, outcome.is_change), []).append(outcome)
    return dict(sorted(sorts.items()))


def costs(records: Sequence[RunRecord]) -> str:
    """Return how long a training takes, by model."""
    times: dict[str, list[float]] = {}
    for record in records:
        times.setdefault(record.job.shape, []).append(record.took_s)
    rows = [
        (shape, len(part), f"{statistics.median(part):.2f}", f"{max(part):.2f}")
        for shape, part in sorted(times.items())
    ]
    return table(["model", "runs", "median s", "longest s"], rows)


def _plain(share: Share) -> str:
    return f"{share.hits}/{share.of}" if share.of else "–"


def _cell(figure: Share | Detection) -> str:
    if isinstance(figure, Share):
        return str(figure)
    return f"F1 {figure.f1:.2f}, precision {figure.precision}, recall {figure.recall}"
