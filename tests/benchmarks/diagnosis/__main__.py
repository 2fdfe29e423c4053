"""How well tuitrain names what is wrong: `python -m tests.benchmarks.diagnosis`.

    --slice          about three minutes on two cores (what is run without a word)
    --full           about half an hour on two cores
    --more           other data sets, for tuning alone; a quarter of an hour
    --records DIR    where runs are kept; those there already are not trained again
    --judge-only     judge what is there, train nothing
    --with-tensors   let the peers' own probes look on
    --peers          score the ports of other products' rules, too
    --seed N         draw other runs
    --workers N      trainings at a time
    --check          end with 1 if a figure is below what a slice must show
    --write          write figures and thresholds into docs/, for the pages there

Trainings are kept by default below the system's folder for temporary files, under a name
that changes with the worker and with the benchmark itself, so that no stale run is judged.
Tables go to stdout, progress to stderr.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tests.benchmarks.diagnosis import tables
from tests.benchmarks.diagnosis.advice import Outcome, follow
from tests.benchmarks.diagnosis.folders import default_folder
from tests.benchmarks.diagnosis.harm import References
from tests.benchmarks.diagnosis.peers import ALL_PORTS
from tests.benchmarks.diagnosis.running import (
    RunRecord,
    read_record,
    train_all,
)
from tests.benchmarks.diagnosis.scoring import Judged, judge_all, peer_judge
from tests.benchmarks.diagnosis.setup import Job
from tests.benchmarks.diagnosis.telling import check, write_figures, write_peers
from tests.benchmarks.diagnosis.variants import (
    FULL,
    MORE,
    SLICE,
    Size,
    faulty,
    references,
    variants,
)


def main() -> int:
    """Train what is missing, judge everything, print the tables."""
    options = _read_options()
    size = _size(options)
    folder = options.records or default_folder()
    broken = faulty(size, options.seed)
    plain = references(broken, size)
    jobs = [*plain, *variants(size, options.seed), *broken]
    _tell(f"{len(jobs)} runs in {folder}")
    started_s = time.monotonic()
    train = partial(
        _train,
        folder=folder,
        workers=options.workers,
        with_tensors=options.with_tensors,
        only_there=options.judge_only,
    )
    records = train(jobs)
    _tell(f"trained: {time.monotonic() - started_s:.0f} s")
    plain_names = {job.name for job in plain}
    known = References(record for record in records if record.name in plain_names)
    runs = judge_all(records, known)
    _tell(f"judged: {time.monotonic() - started_s:.0f} s")
    outcomes = [] if options.judge_only or options.check else follow(runs, known, train)
    _tell(f"advice followed: {time.monotonic() - started_s:.0f} s")
    print(_report(runs, known, outcomes))
    if options.peers:
        ports = {
            port.name: judge_all(records, known, peer_judge(port)) for port in ALL_PORTS
        }
        compared = tables.peers({"tuitrain": runs, **ports})
        print(f"\n## Peers\n\n{compared}")
        if options.write:
            write_peers(compared)
    elif options.write:
        write_figures(runs, outcomes, seed=options.seed)
    return check(runs) if options.check else 0


def _train(
    jobs: Sequence[Job],
    *,
    folder: Path,
    workers: int,
    with_tensors: bool,
    only_there: bool,
) -> list[RunRecord]:
    if not only_there:
        return train_all(jobs, folder, workers=workers, with_tensors=with_tensors)
    there = [folder / job.name for job in jobs]
    return [read_record(path) for path in there if path.exists()]


def _report(
    runs: Sequence[Judged], known: References, outcomes: Sequence[Outcome]
) -> str:
    parts = {
        "Summary": tables.summary(runs),
        "By data set": tables.by_task(runs),
        "By fault": tables.by_fault(runs),
        "By kind of finding": tables.by_kind(runs),
        "Healthy runs": tables.by_trait(runs),
        "Harm": tables.harms(runs, known),
        "Cost of a training": tables.costs([run.record for run in runs]),
    }
    if outcomes:
        parts["Advice"] = tables.advice(outcomes)
    return "\n\n".join(f"## {name}\n\n{text}" for name, text in parts.items())


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.diagnosis")
    parser.add_argument("--slice", action="store_true")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--more", action="store_true")
    parser.add_argument("--records", type=Path, default=None)
    parser.add_argument("--judge-only", action="store_true")
    parser.add_argument("--with-tensors", action="store_true")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    return parser.parse_args()


def _size(options: argparse.Namespace) -> Size:
    if options.more:
        return MORE
    return FULL if options.full else SLICE


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
