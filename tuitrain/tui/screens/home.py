"""The studies here: running ones first; start with one of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.reactive import var
from textual.screen import Screen

from tuitrain.clock import Clock
from tuitrain.store import StudyFolder
from tuitrain.tui.glyphs import CURSOR, RUNNING
from tuitrain.tui.keys import HOME_KEYS, to_bindings
from tuitrain.tui.lines import Line, line, pad, plain, wrap
from tuitrain.tui.lines_pane import LinesPane
from tuitrain.tui.panes.checklist import step_sign
from tuitrain.tui.panes.key_bar import key_line
from tuitrain.tui.plans import config_in_short
from tuitrain.tui.screens.ask import AskText
from tuitrain.tui.screens.help import HelpScreen
from tuitrain.tui.studies import Listed, Shelf, ago, progress

EMPTY = (
    "No study here yet. `tuitrain demo` walks through the six steps on a bundled data "
    "set; `s`, or `tuitrain run train.py`, starts a study of your own script."
)
LOOK_EVERY_S = 3.0
_SINCE_WIDTH = 10
_OVER = ("finished", "rejected")
"""States of a study that nothing is left to do in."""


@dataclass(frozen=True)
class Choice:
    """What to do after the home screen."""

    folder: StudyFolder | None = None
    is_replay: bool = False
    script: str = ""
    """A script whose study is to be started, as it was typed; then there is no folder."""


@dataclass
class StudiesListed(Message):
    """All studies were looked at."""

    studies: Sequence[Listed]
    now_s: float


@dataclass
class StudyChosen(Message):
    """A person picked a study; None: wants to leave."""

    choice: Choice | None


class HomePane(LinesPane):
    """One row a study."""

    studies: var[Sequence[Listed] | None] = var(None, init=False, always_update=True)
    now_s: float = 0.0
    """Wall time at which the studies were looked at."""
    cursor: var[int] = var(0, init=False)

    def watch_studies(self) -> None:
        """Draw the list."""
        self.redraw()

    def watch_cursor(self) -> None:
        """Draw the cursor."""
        self.redraw()

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """Return a heading and the rows around the cursor."""
        self.entitle("studies")
        if self.studies is None:
            return [line((" looking …", "muted"))]
        if not self.studies:
            return wrap(EMPTY, width, "muted")
        name_width = max(8, min(28, width - 65))
        head = pad("study", name_width) + "  steps         " + pad("state", 8)
        head += "  " + pad("last", _SINCE_WIDTH) + "  step"
        room = max(1, height - 1)
        first = max(0, min(self.cursor - room // 2, len(self.studies) - room))
        rows = [line((f"    {head}", "muted"))]
        for index, listed in enumerate(self.studies[first : first + room], first):
            is_cursor = index == self.cursor
            rows.append(_row(listed, name_width, self.now_s, is_cursor=is_cursor))
        return rows


def _row(listed: Listed, name_width: int, now_s: float, *, is_cursor: bool) -> Line:
    study = listed.study
    head = (
        (CURSOR if is_cursor else " ", "accent"),
        " ",
        (RUNNING if listed.is_running else " ", "accent"),
        " ",
        (
            pad(plain(listed.folder.name), name_width),
            "cursor" if is_cursor else "strong",
        ),
        "  ",
    )
    if listed.problem:
        return line(*head, (plain(listed.problem), "bad"))
    steps = [span for view in study.steps for span in (step_sign(view), (" ", ""))]
    since = ago(now_s - listed.last_at_s) if listed.last_at_s else "–"
    best = study.model.best
    end = f"  best {config_in_short(best.config)}" if best is not None else ""
    return line(
        *head,
        *steps,
        "  ",
        (pad(plain(listed.state), 8), "accent" if listed.is_running else ""),
        "  ",
        (pad(since, _SINCE_WIDTH), "muted"),
        "  ",
        progress(study),
        (end, "muted"),
    )


class HomeKeyBar(LinesPane):
    """The keys of the home screen."""

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """Return the one line."""
        return [key_line([key for key in HOME_KEYS if key.label], width)]


class HomeTitle(LinesPane):
    """The name of the program and the folder that was looked at."""

    def __init__(self, root: Path) -> None:
        """Return the line for `root`."""
        super().__init__(id="header")
        self._root = root

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """Return the one line."""
        return [
            line(" ", ("tuitrain", "title"), (f"  {plain(str(self._root))}", "muted"))
        ]


class HomeScreen(Screen[None]):
    """All studies of a folder."""

    BINDINGS: ClassVar[list[BindingType]] = [*to_bindings(HOME_KEYS)]
    AUTO_FOCUS = ""

    def __init__(self, root: Path, shelf: Shelf, clock: Clock) -> None:
        """Return the screen of the studies on `shelf`, which lie below `root`."""
        super().__init__()
        self._root = root
        self._shelf = shelf
        self._clock = clock

    def compose(self) -> ComposeResult:
        """A title, the list, the keys."""
        yield HomeTitle(self._root)
        yield HomePane(id="studies", classes="pane")
        yield HomeKeyBar(id="keys")

    def on_mount(self) -> None:
        """Look for studies, and again from time to time."""
        self.set_interval(LOOK_EVERY_S, self.look)
        self.look()

    @work(thread=True, exclusive=True, group="home")
    def look(self) -> None:
        """Look at every study in a thread."""
        studies = self._shelf.look()
        self.post_message(StudiesListed(studies, self._clock.wall_s()))

    @on(StudiesListed)
    def show_studies(self, message: StudiesListed) -> None:
        """Show what was found; the cursor stays on its study."""
        chosen = self._chosen()
        folders = [listed.folder for listed in message.studies]
        self.pane.now_s = message.now_s
        self.pane.studies = message.studies
        if chosen is not None and chosen.folder in folders:
            self.pane.cursor = folders.index(chosen.folder)

    @property
    def pane(self) -> HomePane:
        """The list."""
        return self.query_one(HomePane)

    def action_move_cursor(self, rows: int) -> None:
        """Choose another study."""
        last = len(self.pane.studies or ()) - 1
        self.pane.cursor = max(0, min(last, self.pane.cursor + rows))

    def action_open_study(self) -> None:
        """Attach to the chosen study, or replay it if it is over."""
        chosen = self._chosen()
        if chosen is not None:
            is_over = chosen.study.state in _OVER
            is_replay = is_over and not chosen.is_running
            self.post_message(StudyChosen(Choice(chosen.folder, is_replay)))

    def action_replay_study(self) -> None:
        """Replay the chosen study."""
        chosen = self._chosen()
        if chosen is not None:
            self.post_message(StudyChosen(Choice(chosen.folder, is_replay=True)))

    def action_start_script(self) -> None:
        """Ask for a script and start its study."""
        question = "Which script? Its path, and the function if it is not called task."
        self.app.push_screen(AskText(question), self._start)

    def action_open_help(self) -> None:
        """Show all keys."""
        self.app.push_screen(HelpScreen())

    def action_leave(self) -> None:
        """Leave."""
        self.post_message(StudyChosen(None))

    def _chosen(self) -> Listed | None:
        studies = self.pane.studies or ()
        return studies[self.pane.cursor] if self.pane.cursor < len(studies) else None

    def _start(self, script: str | None) -> None:
        if script:
            self.post_message(StudyChosen(Choice(script=script)))
