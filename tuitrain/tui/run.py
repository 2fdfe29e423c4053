"""The doors of this room: one function for each kind of screen."""

import gc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textual.theme import BUILTIN_THEMES

from tuitrain.events import TrialId
from tuitrain.store import StudyFolder
from tuitrain.tui.ahead import ReadAhead
from tuitrain.tui.app import TuitrainApp
from tuitrain.tui.feed.replay import ReplayFeed
from tuitrain.tui.glance import Glance
from tuitrain.tui.terms import Terms
from tuitrain.units import sanitize

if TYPE_CHECKING:
    from tuitrain.tui.feed.live import Wire
    from tuitrain.tui.screens.home import Choice

Revive = Callable[[StudyFolder], Path]
"""Returns the socket of a live supervisor, started if there is none."""
Start = Callable[[str], StudyFolder | str]
"""Returns the study of a script, carried on or new; a text says why there is none."""


def run_screen(
    folder: StudyFolder,
    socket: Path,
    *,
    revive: Revive | None = None,
    terms: Terms = Terms(),  # noqa: B008 - frozen
    glance: Glance | None = None,
) -> int:
    """Show a live study until the person leaves; the study goes on without the screen.

    Args:
        folder: The study.
        socket: Where its supervisor listens.
        revive: Called when the supervisor is gone, in a thread; an exception of it
            counts as "not now". None: only the files are followed then.
        terms: How the terminal is taken.
        glance: What the terminal shows meanwhile; None: nothing of ours.

    Returns:
        An exit status: 0, 2 if the study can't be read, 128+n after signal n.
    """
    # Not needed by who replays a log, and each import delays the first picture.
    from tuitrain.tui.feed.live import LiveFeed
    from tuitrain.wire import WireError, connect

    def dial(may_start: bool) -> "Wire":  # noqa: FBT001 - the signature of `Connect`
        nonlocal socket
        try:
            return connect(socket, folder.name)
        except WireError:
            if revive is None or not may_start:
                raise
            socket = _start(revive, folder)
            return connect(socket, folder.name)

    glance = glance or Glance()
    if not _has_theme(terms, glance):
        return 2
    gc.disable()  # a look at all that was loaded; `BaseApp` takes it up again
    feed = LiveFeed(folder.path, dial)
    app = TuitrainApp(feed, lambda trial: folder.trial(trial).out, terms)
    app.is_covered = glance.hand_over()
    if app.run(mouse=terms.has_mouse) == "left":
        _say(f"the study goes on; to see it again: tuitrain attach {folder.path}")
    return _end(app)


def run_replay(
    path: Path,
    *,
    terms: Terms = Terms(),  # noqa: B008 - frozen
    glance: Glance | None = None,
    ahead: ReadAhead | None = None,
) -> int:
    """Replay a study folder, a trial folder or a log; see `run_screen`.

    Args:
        path: What to replay.
        terms: How the terminal is taken.
        glance: What the terminal shows meanwhile; None: nothing of ours.
        ahead: What reads it already; None: nothing does.

    Returns:
        An exit status, as `run_screen` does.
    """
    glance = glance or Glance()
    if not _has_theme(terms, glance):
        return 2
    gc.disable()
    feed = ReplayFeed(path, ahead=ahead)
    app = TuitrainApp(feed, lambda trial: find_log(path, trial), terms)
    app.is_covered = glance.hand_over()
    app.run(mouse=terms.has_mouse)
    return _end(app)


def run_home(
    root: Path,
    ensure_running: Revive | None = None,
    *,
    start: Start | None = None,
    is_running: Callable[[StudyFolder], bool] | None = None,
) -> int:
    """List the studies below `root` and show those that are chosen, until left.

    Args:
        root: A folder of studies.
        ensure_running: Returns the socket of a study's supervisor, started if need be;
            None: studies can only be replayed.
        start: Makes the study of a script; None: none can be started from here.
        is_running: Whether a supervisor is alive; None: whoever answers is.
    """
    # Not needed by who opens a study.
    from tuitrain.tui.home_app import HomeApp

    notice = ""
    while (
        choice := HomeApp(root, is_running or _answers, notice=notice).run()
    ) is not None:
        notice = ""
        folder = choice.folder
        if folder is None:
            made = start(choice.script) if start is not None else "nothing starts here"
            if isinstance(made, str):
                notice = made
                continue
            folder = made
        status = _show(folder, choice, ensure_running)
        if status != 0:
            return status
    return 0


def _show(folder: StudyFolder, choice: "Choice", ensure_running: Revive | None) -> int:
    if choice.is_replay or ensure_running is None:
        return run_replay(folder.path)
    return run_screen(folder, ensure_running(folder), revive=ensure_running)


def find_log(path: Path, trial: TrialId) -> Path:
    """Return where the output of `trial` lies in what is replayed."""
    if path.is_file():
        return path.with_name("out.log")
    if (path / "points.jsonl").exists():
        return path / "out.log"
    return StudyFolder(path).trial(trial).out


def _start(revive: Revive, folder: StudyFolder) -> Path:
    from tuitrain.wire import ConnectionLostError

    try:
        return revive(folder)
    except Exception as error:
        # Whatever keeps a supervisor from starting, the files can still be followed.
        raise ConnectionLostError(str(error)) from error


def _answers(folder: StudyFolder) -> bool:
    from tuitrain.wire import WireError, connect, find_socket_path

    try:
        connect(find_socket_path(folder), folder.name, timeout_s=0.5).close()
    except (WireError, OSError):
        return False
    return True


def _has_theme(terms: Terms, glance: Glance) -> bool:
    if terms.theme is None or terms.theme in BUILTIN_THEMES:
        return True
    glance.leave()
    names = ", ".join(sorted(BUILTIN_THEMES))
    _say(f"{sanitize(terms.theme)}: there is no such theme; there are {names}")
    return False


def _end(app: TuitrainApp) -> int:
    if app.problem:
        _say(app.problem)
    return app.return_code or 0


def _say(text: str) -> None:
    sys.stderr.write(f"tuitrain: {sanitize(text)}\n")
