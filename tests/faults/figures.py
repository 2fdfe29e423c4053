"""Figures that the tests of promises measure, kept for `docs/promises.md`."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

KEPT: Final = Path("docs/promises.json")


@dataclass(frozen=True)
class Figure:
    """One measured figure of a promise."""

    promise: str
    """`P1` to `P15`."""
    what: str
    value: str
    asked: str
    is_met: bool | None
    """None: for information, nothing is asked."""


MEASURED: Final[list[Figure]] = []
"""What this run of the tests has measured so far."""


def in_order() -> list[Figure]:
    """Return what was measured, in the order of the promises."""
    return sorted(MEASURED, key=lambda figure: (int(figure.promise[1:]), figure.what))


def keep(size: str, command: str, date: str) -> None:
    """Write the figures of a size (`ci` or `long`) beside those of the other.

    Figures of promises that were not tested this time stay.
    """
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    tested = {figure.promise for figure in MEASURED}
    before = [Figure(**told) for told in kept.get(size, {}).get("figures", [])]
    MEASURED.extend(told for told in before if told.promise not in tested)
    kept[size] = {
        "command": command,
        "date": date,
        "figures": [asdict(figure) for figure in in_order()],
    }
    KEPT.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
