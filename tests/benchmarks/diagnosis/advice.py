"""Whether advice helps: it is followed, and the run is trained and measured once more.

Only what a person would do is done. A change of the configuration is made as the finding
says it; advice to change code is followed by taking the fault out, and only where the
finding names it: whoever is sent to the wrong place fixes nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from tests.benchmarks.diagnosis.harm import References, is_back
from tests.benchmarks.diagnosis.running import RunRecord, judge
from tests.benchmarks.diagnosis.scoring import Judged, Share
from tests.benchmarks.diagnosis.setup import Job
from tuitrain.events import Config

ROUNDS = 3
"""How many times advice is followed in a row; the first round is reported by itself."""
MOST_LONGER = 8
"""Largest factor by which a run is prolonged, all rounds together."""

Train = Callable[[Sequence[Job]], list[RunRecord]]


@dataclass(frozen=True)
class Outcome:
    """What following a run's advice led to."""

    run: Judged
    kind: str
    """Of the finding that was followed."""
    is_change: bool
    """Whether the configuration was changed; False: code was."""
    helped_in: int | None
    """The round after which the run was as good as plain ones; None: it never was."""


def follow(
    runs: Sequence[Judged], references: References, train: Train
) -> list[Outcome]:
    """Follow the first finding's advice on each harmful run that has a finding."""
    outcomes: list[Outcome] = []
    open_runs: list[tuple[Judged, str, RunRecord, Config]] = []
    codes: list[tuple[Judged, str]] = []
    for run in runs:
        if not run.is_harmful:
            continue
        kind, change = first_advice(run.record)
        if change is not None:
            open_runs.append((run, kind, run.record, change))
        elif kind:
            codes.append((run, kind))
    for number in range(1, ROUNDS + 1):
        done, open_runs = _round(number, open_runs, references, train)
        outcomes += done
    outcomes += [Outcome(run, kind, True, None) for run, kind, _, _ in open_runs]
    return outcomes + _take_out(codes, references, train)


def first_advice(record: RunRecord) -> tuple[str, Config | None]:
    """Return the first finding's kind, and the change it asks for first.

    No finding: an empty kind. No change: its first advice is about code.
    """
    findings = judge(record)
    if not findings:
        return "", None
    first = findings[0]
    change = first.advice[0].change if first.advice else None
    return first.kind, change


def _round(
    number: int,
    runs: list[tuple[Judged, str, RunRecord, Config]],
    references: References,
    train: Train,
) -> tuple[list[Outcome], list[tuple[Judged, str, RunRecord, Config]]]:
    jobs = [_changed(record, change) for _, _, record, change in runs]
    done: list[Outcome] = []
    still: list[tuple[Judged, str, RunRecord, Config]] = []
    for (run, kind, _, _), new in zip(runs, train(jobs), strict=True):
        if is_back(new, run.record, references.of(new)):
            done.append(Outcome(run, kind, True, number))
            continue
        _, change = first_advice(new)
        if change is None or number == ROUNDS:
            done.append(Outcome(run, kind, True, None))
        else:
            still.append((run, kind, new, change))
    return done, still


def _changed(record: RunRecord, change: Config) -> Job:
    merged = {**record.job.changes, **change}
    if "epochs" in merged:
        longest = MOST_LONGER * record.job.epochs
        merged["epochs"] = min(int(merged["epochs"]), longest)
    return msgspec.structs.replace(record.job, changes=merged)


def _take_out(
    runs: list[tuple[Judged, str]], references: References, train: Train
) -> list[Outcome]:
    named = [(run, kind) for run, kind in runs if kind in run.record.right]
    jobs = [
        msgspec.structs.replace(run.record.job, fault=None, strength=None)
        for run, _ in named
    ]
    outcomes = [
        Outcome(run, kind, False, None)
        for run, kind in runs
        if kind not in run.record.right
    ]
    for (run, kind), new in zip(named, train(jobs), strict=True):
        is_good = is_back(new, run.record, references.of(new))
        outcomes.append(Outcome(run, kind, False, 1 if is_good else None))
    return outcomes


def helped(outcomes: Sequence[Outcome], rounds: int, *, is_change: bool) -> Share:
    """Return how many outcomes of one sort were good after at most `rounds`."""
    same = [each for each in outcomes if each.is_change == is_change]
    hits = [e for e in same if e.helped_in is not None and e.helped_in <= rounds]
    return Share(len(hits), len(same))
