"""`doctor`: what this machine has, and what could break a promise on it."""

import argparse
import json
import sys

from tuitrain.cli.studies import RUNS
from tuitrain.doctor import (
    Machine,
    State,
    document,
    examine,
    print_group,
    summarize,
)
from tuitrain.headless import ExitStatus, Printer, find_look


def doctor(options: argparse.Namespace) -> int:
    """Look at everything, and say what is broken."""
    printer = Printer(sys.stdout, find_look(sys.stdout, ascii_only=options.ascii))
    checks = []
    for group in examine(Machine.here(RUNS)):
        checks += group.checks
        if not options.json:
            print_group(printer, group)
    if options.json:
        printer.raw(json.dumps(document(checks), indent=1) + "\n")
    else:
        printer.lines([summarize(checks)])
    is_broken = any(check.state is State.BROKEN for check in checks)
    return ExitStatus.FAILED if is_broken else ExitStatus.DONE
