"""What a benchmark tells: figures beside their budgets, as one table."""

import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Figure:
    """One measured figure."""

    what: str
    value: str
    budget: str = ""
    """Empty: a baseline or a figure for information."""
    is_met: bool | None = None
    """None: there is no budget."""


def within(what: str, value: float, limit: float, unit: str, digits: int = 2) -> Figure:
    """Return a figure with an upper limit."""
    return Figure(
        what, f"{value:.{digits}f} {unit}", f"≤ {limit:g} {unit}", value <= limit
    )


def tell(measure: Callable[[bool], Iterable[Figure]]) -> None:
    """Run one section as a program: `--quick` for small sizes, one JSON line a figure."""
    for figure in measure("--quick" in sys.argv[1:]):
        print(json.dumps(asdict(figure)), flush=True)


def as_table(sections: dict[str, list[Figure]]) -> str:
    """Return all figures as a Markdown table."""
    lines = ["| what | measured | budget | |", "| --- | --- | --- | --- |"]
    for name, figures in sections.items():
        lines.append(f"| **{name}** | | | |")
        for figure in figures:
            verdict = {True: "met", False: "**missed**", None: ""}[figure.is_met]
            lines.append(
                f"| {figure.what} | {figure.value} | {figure.budget} | {verdict} |"
            )
    return "\n".join(lines)
