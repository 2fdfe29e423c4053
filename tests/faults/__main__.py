"""Inject the faults: `python -m tests.faults [--long] [--write] [tests…]`.

Without `--long` the size of CI, two tests at a time; with it the long sizes alone, one
after the other, since they measure for longer. `--write` keeps the figures in
`docs/promises.json`, from which `docs/promises.md` is made.
"""

import argparse
import sys
import time

import pytest

from tests.faults import figures


def main() -> int:
    """Run the tests and return pytest's exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("tests", nargs="*", default=["tests/faults"])
    asked = parser.parse_args()
    size = "long" if asked.long else "ci"
    marked = "long" if asked.long else "not long"
    at_a_time = [] if asked.long else ["-n", "2", "--dist", "worksteal"]
    which = ["-m", f"{marked} and not gpu", "-v"]
    status = pytest.main([*which, *at_a_time, *asked.tests])
    if asked.write and status == 0:
        command = "python -m tests.faults" + (" --long" if asked.long else "")
        figures.keep(size, command, time.strftime("%Y-%m-%d"))
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
