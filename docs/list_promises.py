"""Writes the tables of promises and their last figures, for `cog` in promises.md."""

import json
from pathlib import Path
from typing import Any

KEPT = Path("docs/promises.json")
SIZES = {"ci": "Small size", "long": "Long size"}
PROMISES = {
    "P1": "No acknowledged point is lost when any process is killed",
    "P2": "Training never blocks or dies because of the monitor",
    "P3": "Losing the SSH connection loses nothing",
    "P4": "No other user can read or command",
    "P5": "Junk never crashes or starves the supervisor",
    "P6": "Every torn and every damaged log can be read on",
    "P7": "A full disk is seen, costs nothing acknowledged, and heals",
    "P8": "The right process dies, and all of it",
    "P9": "The reason for a death is right",
    "P10": "Hostile text can't act on the terminal or crash the view",
    "P11": "Secrets stay out of what is written",
    "P12": "A study has one supervisor",
    "P13": "Clocks may jump",
    "P14": "Any old log opens",
    "P15": "Nothing leaks",
}
FAULTS = {
    "P1": "SIGKILL of supervisor, shims, trainings, screens, starter and GPU sampler",
    "P2": "supervisor stopped, killed, out of descriptors; socket gone; disk full; "
    "sampler crashed",
    "P3": "a real `sshd`: exit, killed client, session and listener, dead link",
    "P4": "a second user: connects, squats, reads, fakes a server",
    "P5": "mutated frames, floods, clients that never read",
    "P6": "every truncation, flipped bits",
    "P7": "a small disk filled and freed; EIO, EDQUOT and short writes",
    "P8": "trees with grandchildren in their own sessions; a recycled pid",
    "P9": "exits, signals, real want of memory, a killed shim",
    "P10": "control sequences and markup in every name and line",
    "P11": "marked tokens in environment and arguments",
    "P12": "several started at once, the winner killed, stale files",
    "P13": "clocks set back and forth",
    "P14": "a recorded log of every format",
    "P15": "clients that come and go; millions of points; ten minutes of four trainings",
}


def list_promises() -> str:
    """Return the table of all promises, how each is tested, and whether it is kept."""
    kept = _read()
    rows = [
        "| | promise | fault injected | tests | kept |",
        "| --- | --- | --- | --- | --- |",
    ]
    for number, promise in PROMISES.items():
        files = sorted(Path("tests/faults").glob(f"test_*p{int(number[1:]):02d}*.py"))
        links = " ".join(f"[{_short(f)}](../{f})" for f in files) or "none yet"
        fault = FAULTS[number]
        rows.append(
            f"| {number} | {promise} | {fault} | {links} | {_sum(kept, number)} |"
        )
    return "\n".join(rows)


def list_figures() -> str:
    """Return a table of figures a size, as `python -m tests.faults --write` left them."""
    parts: list[str] = []
    for size, told in _read().items():
        parts += [
            f"### {SIZES.get(size, size)}",
            "",
            f"`{told['command']}`, {told['date']}.",
            "",
            "| | what | measured | asked | |",
            "| --- | --- | --- | --- | --- |",
            *[_row(figure) for figure in told["figures"]],
            "",
        ]
    return "\n".join(parts).rstrip() or "Nothing was measured yet."


def _read() -> dict[str, Any]:
    return dict(json.loads(KEPT.read_text())) if KEPT.exists() else {}


def _short(path: Path) -> str:
    """Return a file's name without what all of them share."""
    return path.stem.split("_", 2)[2].replace("_", " ")


def _sum(kept: dict[str, Any], number: str) -> str:
    asked = [
        figure["is_met"]
        for told in kept.values()
        for figure in told["figures"]
        if figure["promise"] == number and figure["is_met"] is not None
    ]
    if not asked:
        return "not measured"
    missed = asked.count(False)
    return "yes" if not missed else f"{missed} of {len(asked)} figures missed"


def _row(figure: dict[str, Any]) -> str:
    met = {True: "met", False: "**missed**", None: ""}[figure["is_met"]]
    cells = [figure["promise"], figure["what"], figure["value"], figure["asked"], met]
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"
