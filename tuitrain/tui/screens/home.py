"""The studies here: running ones first; start with one of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.reactive import var
from textual.screen import Screen

from tuitrain.events import RecordError
from tuitrain.model import StudyModel, fold_all
from tuitrain.sources import StudySource
from tuitrain.store import StoreError, StudyFolder
from tuitrain.study import Study
from tuitrain.tui.glyphs import CURSOR, RUNNING
from tuitrain.tui.keys import HOME_KEYS, to_bindings
from tuitrain.tui.lines import Line, line, pad, plain, wrap
from tuitrain.tui.lines_pane import LinesPane
from tuitrain.tui.panes.checklist import step_sign
from tuitrain.tui.panes.key_bar import key_line
from tuitrain.tui.plans import config_in_short
from tuitrain.tui.screens.help import HelpScreen

EMPTY = (
    "No study here yet. `tuitrain demo` walks through the six steps on a bundled data "
    "set; `tuitrain run train.py` starts a study of your own script."
)


@dataclass(frozen=True)
class Listed:
    """One study in the list."""

    folder: StudyFolder
    is_running: bool
    """Whether a supervisor answers for it."""
    study: Study
    problem: str = ""
    """Why its journal can't be read; empty: it can."""


@dataclass(frozen=True)
class Choice:
    """What to do after the home screen."""

    folder: StudyFolder
    is_replay: bool


@dataclass
class StudiesListed(Message):
    """All studies were looked at."""

    studies: Sequence[Listed]


@dataclass
class StudyChosen(Message):
    """A person picked a study; None: wants to leave."""

    choice: Choice | None


def list_studies(root: Path, is_running: Callable[[StudyFolder], bool]) -> list[Listed]:
    """Return the studies below `root`, running ones first, then the newest."""
    folders = sorted(root.iterdir()) if root.is_dir() else []
    found = [
        _look_at(StudyFolder(path), is_running)
        for path in folders
        if (path / "journal.jsonl").is_file()
    ]
    return sorted(
        found, key=lambda s: (not s.is_running, -(s.study.model.last_at_s or 0.0))
    )


def _look_at(folder: StudyFolder, is_running: Callable[[StudyFolder], bool]) -> Listed:
    try:
        # The journal alone: points are many, and not needed here.
        records = StudySource(folder.journal).read_all()
    except (StoreError, RecordError) as error:
        return Listed(
            folder, is_running=False, study=Study(StudyModel()), problem=str(error)
        )
    study = Study(fold_all(StudyModel(), records))
    return Listed(folder, is_running(folder), study)


class HomePane(LinesPane):
    """One row a study."""

    studies: var[Sequence[Listed] | None] = var(None, init=False, always_update=True)
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
        name_width = max(8, min(28, width - 50))
        heading = f"    {pad('study', name_width)}  steps              state"
        room = max(1, height - 1)
        first = max(0, min(self.cursor - room // 2, len(self.studies) - room))
        rows = [line((heading, "muted"))]
        for index, listed in enumerate(self.studies[first : first + room], first):
            rows.append(_row(listed, name_width, is_cursor=index == self.cursor))
        return rows


def _row(listed: Listed, name_width: int, *, is_cursor: bool) -> Line:
    study = listed.study
    name = pad(plain(listed.folder.name), name_width)
    steps = [span for view in study.steps for span in (step_sign(view), (" ", ""))]
    state = listed.problem or ("running" if listed.is_running else study.state)
    best = study.model.best
    if best is not None:
        state += f" · best {config_in_short(best.config)}"
    return line(
        (CURSOR if is_cursor else " ", "accent"),
        " ",
        (RUNNING if listed.is_running else " ", "accent"),
        " ",
        (name, "cursor" if is_cursor else "strong"),
        "  ",
        *steps,
        " " * 7,
        (plain(state), "bad" if listed.problem else "muted"),
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

    def __init__(self, root: Path, is_running: Callable[[StudyFolder], bool]) -> None:
        """Return the screen of the studies below `root`."""
        super().__init__()
        self._root = root
        self._is_running = is_running

    def compose(self) -> ComposeResult:
        """A title, the list, the keys."""
        yield HomeTitle(self._root)
        yield HomePane(id="studies", classes="pane")
        yield HomeKeyBar(id="keys")

    def on_mount(self) -> None:
        """Look for studies."""
        self.look()

    @work(thread=True, exclusive=True, group="home")
    def look(self) -> None:
        """Look at every study in a thread."""
        self.post_message(StudiesListed(list_studies(self._root, self._is_running)))

    @on(StudiesListed)
    def show_studies(self, message: StudiesListed) -> None:
        """Show what was found."""
        self.pane.studies = message.studies

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
            is_over = chosen.study.state in ("finished", "rejected")
            is_replay = is_over and not chosen.is_running
            self.post_message(StudyChosen(Choice(chosen.folder, is_replay)))

    def action_replay_study(self) -> None:
        """Replay the chosen study."""
        chosen = self._chosen()
        if chosen is not None:
            self.post_message(StudyChosen(Choice(chosen.folder, is_replay=True)))

    def action_open_help(self) -> None:
        """Show all keys."""
        self.app.push_screen(HelpScreen())

    def action_leave(self) -> None:
        """Leave."""
        self.post_message(StudyChosen(None))

    def _chosen(self) -> Listed | None:
        studies = self.pane.studies or ()
        return studies[self.pane.cursor] if self.pane.cursor < len(studies) else None
