"""Printing a log: the one way for live, replayed and diagnosed studies."""

from pathlib import Path

from tuitrain.headless.document import document, encode
from tuitrain.headless.lines import ProgressLines
from tuitrain.headless.load import Loaded, load
from tuitrain.headless.outcome import ExitStatus, exit_status
from tuitrain.headless.output import Printer
from tuitrain.headless.report import print_diagnosis, print_report


def print_result(loaded: Loaded, results: Printer, *, as_json: bool) -> ExitStatus:
    """Print what a study came to, and return the exit status that says the same."""
    if as_json:
        results.raw(encode(document(loaded.study, loaded.damage)))
    else:
        print_report(results, loaded.study, loaded.damage)
    return exit_status(loaded.study)


def replay_headless(path: Path, results: Printer, *, as_json: bool) -> ExitStatus:
    """Print what happened in a log and what it came to, or its document only.

    Raises:
        StoreError: `path` can't be read or is no log.
        LogVersionError: A newer tuitrain wrote it.
    """
    loaded = load(path)
    if not as_json:
        results.lines(ProgressLines().lines(loaded.told, loaded.study))
    return print_result(loaded, results, as_json=as_json)


def diagnose_headless(path: Path, results: Printer, *, as_json: bool) -> ExitStatus:
    """Print verdicts and findings of a log.

    Raises:
        StoreError: `path` can't be read or is no log.
        LogVersionError: A newer tuitrain wrote it.
    """
    loaded = load(path)
    if as_json:
        return print_result(loaded, results, as_json=True)
    print_diagnosis(results, loaded.study, loaded.damage)
    return exit_status(loaded.study)
