"""Draws the pictures of the findings from recorded logs: `draw.py` or `draw.py --check`.

With --check nothing is written: the exit status is 1 if a picture would change. Names of
findings after it draw only these.
"""

import argparse
import asyncio
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

HERE = Path(__file__).parent.resolve()
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent))

from list_findings import KINDS, TRIAL, finding_of, log_of, model_of  # noqa: E402

from tuitrain.events import Finding  # noqa: E402
from tuitrain.study import Study  # noqa: E402
from tuitrain.tui.base_app import BaseApp  # noqa: E402
from tuitrain.tui.lines import Line, line, wrap  # noqa: E402
from tuitrain.tui.panes.plot_pane import PlotPane  # noqa: E402
from tuitrain.tui.panes.reading import ReadingPane  # noqa: E402
from tuitrain.tui.panes.verdict import describe_finding  # noqa: E402
from tuitrain.tui.view import View  # noqa: E402

PICTURES = HERE / "pictures"
COLUMNS = 96
PLOT_ROWS = 13
FRAME = 2
"""Cells that a border takes of a pane."""
PADDING = 2


class FindingApp(BaseApp[None]):
    """The curves of one recorded trial, and below them what a rule says of it."""

    CSS_PATH: ClassVar[list[str | PurePath]] = [
        ROOT / "tuitrain" / "tui" / "screens" / "screens.tcss"
    ]
    CSS = f"""
    #plots {{ height: {PLOT_ROWS}; }}
    #text {{ height: 1fr; padding: 0 1; }}
    """

    def __init__(self, study: Study, rows: Sequence[Line]) -> None:
        """Return an app that shows these."""
        super().__init__()
        self._study, self._rows = study, rows

    def compose(self) -> ComposeResult:
        """Two plots above, text below."""
        with Horizontal(id="plots"):
            yield PlotPane("loss", id="loss")
            yield PlotPane("accuracy", id="accuracy")
        yield ReadingPane(id="text", classes="pane")

    def on_mount(self) -> None:
        """Hand study and text to the panes."""
        self.begin()
        for pane in self.query(PlotPane):
            # Most logs hold no word of a process that began: mark the trial.
            pane.view = View(cursor=TRIAL, marks=frozenset({TRIAL}))
            pane.study = self._study
        text = self.query_one(ReadingPane)
        text.entitle("finding")
        text.rows = self._rows


def describe(finding: Finding, width: int) -> list[Line]:
    """Return a finding as the screen of its trial shows it."""
    rows = describe_finding(finding, width)
    for advice in finding.advice:
        rows += wrap(advice.text, width, first=line("   → "), indent=5)
    return rows


async def draw(kind: str) -> str:
    """Return the SVG of one finding."""
    rows = describe(finding_of(kind), COLUMNS - FRAME - PADDING)
    app = FindingApp(Study(model_of(log_of(kind))), rows)
    app.theme = "textual-dark"
    size = (COLUMNS, PLOT_ROWS + len(rows) + FRAME)
    async with app.run_test(size=size) as pilot:
        await pilot.pause(0.2)
        return slimmed(app.export_screenshot(title=f"tuitrain · {kind}"))


def slimmed(svg: str) -> str:
    """Return a picture with short names, and one background for all rows."""
    names = re.search(r"terminal-\d+", svg)
    if names is not None:
        svg = svg.replace(names.group(), "t")
    # Each row is as wide as its text: nothing is left to clip.
    svg = re.sub(r' clip-path="url\(#t-line-\d+\)"', "", svg)
    svg = re.sub(r'\s*<clipPath id="t-line-\d+">.*?</clipPath>', "", svg, flags=re.S)
    behind = re.findall(r'<rect fill="(#\w+)"[^>]*crispEdges"/>', svg)
    if behind:
        color = max(behind, key=behind.count)
        svg = re.sub(rf'<rect fill="{color}"[^>]*crispEdges"/>', "", svg)
        whole = f'<rect fill="{color}" width="100%" height="100%"/>'
        opening = '<g transform="translate(9, 41)" clip-path="url(#t-clip-terminal)">'
        svg = svg.replace(opening, f"{opening}\n{whole}")
    lines = (each.strip() for each in svg.splitlines())
    return "\n".join(each for each in lines if each) + "\n"


def main() -> int:
    """Draw or check the pictures; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    parser.add_argument("kinds", nargs="*", help="these only")
    given = parser.parse_args()
    for name in ("NO_COLOR", "TEXTUAL_THEME", "SSH_CONNECTION"):
        os.environ.pop(name, None)
    PICTURES.mkdir(exist_ok=True)
    changed = []
    for kind in given.kinds or KINDS:
        picture = asyncio.run(draw(kind))
        path = PICTURES / f"{kind}.svg"
        if not path.exists() or path.read_text(encoding="utf-8") != picture:
            changed.append(path.name)
            if not given.check:
                path.write_text(picture, encoding="utf-8")
    if changed:
        verb = "would change" if given.check else "drawn"
        sys.stderr.write(f"{verb}: {', '.join(changed)}\n")
    return int(given.check and bool(changed))


if __name__ == "__main__":
    sys.exit(main())
