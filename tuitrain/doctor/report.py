"""The doctor's report: groups of lines for people, one document for programs."""

import textwrap
from collections.abc import Iterable
from typing import Any, Final

from tuitrain.doctor.check import Check, State
from tuitrain.doctor.examine import Group
from tuitrain.headless import Look, Printer
from tuitrain.units import sanitize

FORMAT: Final = "tuitrain/1"
"""Name and version of the document."""
NAME_COLUMNS: Final = 16
STATE_COLUMNS: Final = 9

_MOST_COLUMNS: Final = 100
_LEAST_COLUMNS: Final = 24
_COLOURS: Final = {
    State.FINE: "32",
    State.WARNING: "33",
    State.BROKEN: "1;31",
    State.UNKNOWN: "36",
}


def document(checks: Iterable[Check]) -> dict[str, Any]:
    """Return what `--json` prints, as plain values."""
    return {
        "format": FORMAT,
        "checks": [
            {
                "name": check.name,
                "state": check.state.value,
                "found": sanitize(check.found),
                "mend": sanitize(check.mend),
            }
            for check in checks
        ],
    }


def print_group(printer: Printer, group: Group) -> None:
    """Print one group: its name, and below it a line or more for each check."""
    lines = [group.name]
    for check in group.checks:
        lines += write_check(check, printer.look)
    printer.picture([*lines, ""])


def write_check(check: Check, look: Look) -> list[str]:
    """Return the lines of one check; the mend stands below what was found."""
    indent = 2 + STATE_COLUMNS + NAME_COLUMNS
    columns = min(look.columns, _MOST_COLUMNS)
    if columns - indent < _LEAST_COLUMNS:
        indent = 4
    found = _wrap(check.found, columns - indent)
    state = check.state.value.ljust(STATE_COLUMNS)
    if look.has_colour:
        state = f"\x1b[{_COLOURS[check.state]}m{state}\x1b[0m"
    head = f"  {state}{sanitize(check.name):<{NAME_COLUMNS}}"
    below = [" " * indent + line for line in found]
    if indent > 4:
        below[0] = head + found[0]
    else:
        below.insert(0, head)
    if check.mend:
        mend = _wrap(f"mend: {check.mend}", columns - indent)
        below += [" " * indent + line for line in mend]
    return [line.rstrip() for line in below]


def summarize(checks: Iterable[Check]) -> str:
    """Return one line that counts what is not fine."""
    states = [check.state for check in checks]
    broken, warned = states.count(State.BROKEN), states.count(State.WARNING)
    unknown = states.count(State.UNKNOWN)
    told = [
        f"{broken} broken" if broken else "",
        f"{warned} warning{'s' if warned > 1 else ''}" if warned else "",
        f"{unknown} unknown" if unknown else "",
    ]
    rest = f"{states.count(State.FINE)} fine"
    return ", ".join([*filter(None, told), rest])


def _wrap(text: str, columns: int) -> list[str]:
    """Return `text` in lines; a word is never cut, so that paths can be copied."""
    lines = textwrap.wrap(
        sanitize(text), max(8, columns), break_long_words=False, break_on_hyphens=False
    )
    return lines or [""]
