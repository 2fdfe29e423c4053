"""Writes the command line reference from the parser, for `cog` in commands.md."""

import argparse
from collections.abc import Iterator

from tuitrain.cli.parser import EXIT_STATUSES, make_parser


def list_commands() -> str:
    """Return a section a command: what it does, what it takes."""
    lines: list[str] = []
    for name, parser in _subparsers(make_parser()).items():
        actions = [a for a in parser._actions if a.dest != "help"]  # noqa: SLF001 - argparse has no public way
        lines += [f"## {' '.join(_words(name, actions))}", ""]
        lines += [parser.description or "", ""]
        if parser.epilog:
            lines += [parser.epilog, ""]
        if actions:
            lines += ["| argument | meaning |", "| --- | --- |", *_rows(actions), ""]
    return "\n".join(lines).rstrip()


def list_exit_statuses() -> str:
    """Return the exit statuses as a table."""
    rows = [f"| {status} | {meaning} |" for status, meaning in EXIT_STATUSES]
    return "\n".join(["| status | meaning |", "| --- | --- |", *rows])


def _subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:  # noqa: SLF001 - argparse has no public way
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            return dict(action.choices)
    return {}


def _words(name: str, actions: list[argparse.Action]) -> Iterator[str]:
    yield f"tuitrain {name}"
    for action in actions:
        if not action.option_strings:
            shown = str(action.metavar)
            yield shown if action.nargs is None else f"[{shown}]"


def _rows(actions: list[argparse.Action]) -> Iterator[str]:
    for action in actions:
        shown = " ".join(action.option_strings) or str(action.metavar)
        if action.option_strings and action.metavar:
            shown += f" {action.metavar}"
        yield f"| `{shown}` | {action.help} |"
