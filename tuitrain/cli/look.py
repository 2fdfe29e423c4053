"""`replay` and `diagnose`: a log is looked at; nothing of it is run."""

import argparse
import sys
from pathlib import Path

from tuitrain.cli.terminal import is_terminal, write_ascii_only


def replay(options: argparse.Namespace) -> int:
    """Show or print a log again."""
    path = Path(options.path)
    if options.headless or options.json or not is_terminal():
        from tuitrain.headless import Printer, find_look, replay_headless

        look = find_look(sys.stdout, ascii_only=options.ascii)
        return replay_headless(path, Printer(sys.stdout, look), as_json=options.json)
    from tuitrain.tui import Glance, ReadAhead, Terms

    if options.ascii:
        write_ascii_only()
    terms = Terms(has_mouse=not options.no_mouse, theme=options.theme)
    with Glance() as glance:
        ahead = ReadAhead.begin(path)
        glance.show(path)
        from tuitrain.tui import run_replay

        return run_replay(path, terms=terms, glance=glance, ahead=ahead)


def diagnose(options: argparse.Namespace) -> int:
    """Print verdicts and findings of a log."""
    from tuitrain.headless import Printer, diagnose_headless, find_look

    look = find_look(sys.stdout, ascii_only=options.ascii)
    printer = Printer(sys.stdout, look)
    return diagnose_headless(Path(options.path), printer, as_json=options.json)
