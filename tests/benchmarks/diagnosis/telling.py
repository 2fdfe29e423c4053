"""Figures for the pages in docs/, and the least that a slice must show."""

import json
import sys
from collections.abc import Sequence

from tests.benchmarks.diagnosis import frozen, tables
from tests.benchmarks.diagnosis.advice import Outcome
from tests.benchmarks.diagnosis.scoring import (
    Judged,
    Share,
    count_kinds,
    group,
    score,
)

MEASURED = frozen.FIGURES.parent / "findings" / "measured.json"

LEAST = {
    "false alarms": 0.03,
    "critical false alarms": 0.0,
    "harmful faults seen": 0.90,
    "right cause first": 0.80,
}
"""On the held-out half of a slice: looser than on a full run by what its few runs
scatter, tight enough that a rule that breaks shows."""


def check(runs: Sequence[Judged]) -> int:
    """Return 0 if the figures of the held-out runs are as good as a slice must show."""
    scores = score([run for run in runs if run.record.split == "held_out"])
    reached = {
        "false alarms": scores.false_alarms.value,
        "critical false alarms": scores.critical.value,
        "harmful faults seen": scores.recall.value,
        "right cause first": scores.first.value,
    }
    failed = 0
    for name, value in reached.items():
        is_alarm = "alarms" in name
        is_good = value <= LEAST[name] if is_alarm else value >= LEAST[name]
        failed += not is_good
        bound = "at most" if is_alarm else "at least"
        word = "ok" if is_good else "MISSED"
        sys.stderr.write(f"{word}: {name} {value:.3f}, {bound} {LEAST[name]}\n")
    return 1 if failed else 0


def write_figures(
    runs: Sequence[Judged], outcomes: Sequence[Outcome], *, seed: int
) -> None:
    """Write what was measured where the pages take it from."""
    kept = {
        "thresholds": frozen.digest(),
        "seed": seed,
        "runs": len(runs),
        "summary": tables.summary(runs),
        "by_task": tables.by_task(runs),
        "by_fault": tables.by_fault(runs),
        "advice": tables.advice(outcomes) if outcomes else "",
    }
    if frozen.FIGURES.exists():
        there = json.loads(frozen.FIGURES.read_text())
        kept |= {
            name: there[name] for name in ("peers", "overfitting") if name in there
        }
    _write(frozen.FIGURES, kept)
    held_out = group(runs, lambda record: record.split).get("held_out", [])
    counts = count_kinds(held_out)
    _write(
        MEASURED,
        {
            kind: {
                "precision": _numbers(Share(count.right, count.alarms)),
                "recall": _numbers(Share(count.found, count.wanted)),
            }
            for kind, count in sorted(counts.items())
        },
    )


def write_peers(table: str) -> None:
    """Write how the ports of others did beside the figures that are there."""
    kept = json.loads(frozen.FIGURES.read_text()) if frozen.FIGURES.exists() else {}
    _write(frozen.FIGURES, {**kept, "peers": table})


def write_overfitting(
    table: str, *, runs: int, seeds: Sequence[int], held_out: Sequence[int]
) -> None:
    """Write how well overfitting is told beside the figures that are there.

    Args:
        table: The figures.
        runs: How many they are from.
        seeds: Of the draws of both halves.
        held_out: Of further draws of that half alone.
    """
    kept = json.loads(frozen.FIGURES.read_text()) if frozen.FIGURES.exists() else {}
    own = {
        "table": table,
        "runs": runs,
        "seeds": list(seeds),
        "held_out": list(held_out),
        "thresholds": frozen.thresholds_of(*frozen.OVERFITTING),
    }
    _write(frozen.FIGURES, {**kept, "overfitting": own})


def _numbers(share: Share) -> list[float | int] | None:
    if not share.of:
        return None
    low, high = share.interval
    return [round(share.value, 3), round(low, 3), round(high, 3), share.of]


def _write(path, content) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
