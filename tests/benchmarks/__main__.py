"""All benchmarks: `python -m tests.benchmarks [--quick] [SECTION …]`.

Each section runs in a fresh process of its own, so that none inherits the memory or the
threads of another. Progress goes to stderr, the table to stdout.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time

from tests.benchmarks.figures import Figure, as_table

SECTIONS = {
    "log": "run.log()",
    "probes": "Probes, digits CNN",
    "looks": "Looks inside, digits CNN, whole trainings",
    "checkpoints": "Checkpoints",
    "judging": "Judging a long trial",
    "redraw": "Redraw of two plots with four series each",
    "starting": "Start of a program and of a trial",
    "opening": "Opening a finished log on the screen",
    "terminal": "The screen, live and at rest, at 120 × 40 and 80 × 24",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("sections", nargs="*", help=f"all, or: {', '.join(SECTIONS)}")
    parser.add_argument("--quick", action="store_true", help="smaller sizes")
    options = parser.parse_args()
    chosen: list[str] = options.sections
    unknown = set(chosen) - set(SECTIONS)
    if unknown:
        print(f"no such section: {', '.join(unknown)}", file=sys.stderr)
        return 2
    sections: dict[str, list[Figure]] = {}
    for name in chosen or SECTIONS:
        started_s = time.monotonic()
        print(f"{name} …", file=sys.stderr, flush=True)
        sections[SECTIONS[name]] = _run(name, quick=options.quick)
        print(f"{name}: {time.monotonic() - started_s:.0f} s", file=sys.stderr)
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}\n"
    )
    print(as_table(sections))
    return 0


def _run(name: str, *, quick: bool) -> list[Figure]:
    asked = ["--quick"] if quick else []
    run = subprocess.run(
        [sys.executable, "-m", f"tests.benchmarks.{name}", *asked],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if run.returncode:
        return [Figure("failed", f"exit status {run.returncode}", is_met=False)]
    return [
        Figure(**json.loads(line))
        for line in run.stdout.splitlines()
        if line.startswith("{")
    ]


if __name__ == "__main__":
    sys.exit(main())
