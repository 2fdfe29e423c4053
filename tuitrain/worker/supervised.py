"""A trial that a supervisor described: its session, and how a script finds it."""

import os
import signal
from pathlib import Path
from types import FrameType
from typing import Final

from tuitrain.events import LogVersionError, TrialStarted
from tuitrain.store import (
    TRIAL_VARIABLE,
    LogFollower,
    LogWriter,
    StoreError,
    TrialFolder,
    TrialSpec,
    read_spec,
)
from tuitrain.wire import WIRE_VERSION, Hello
from tuitrain.worker.lone import end_by_signal, finish_at_exit
from tuitrain.worker.offering import LineOffer
from tuitrain.worker.recorder import Recorder
from tuitrain.worker.seeds import set_seeds
from tuitrain.worker.session import Session, set_threads


class _Current:
    """The session of the script that this process runs."""

    session: Session | None = None
    was_claimed = False
    has_begun = False
    """Whether a session began in this process, which one that was replaced by `exec`
    does not know any more."""


_current: Final = _Current()


def begin_session(
    spec: TrialSpec, folder: TrialFolder, writer: LogWriter | None
) -> Session:
    """Make this process that of a trial: threads, seeds, SIGTERM, and its session.

    Args:
        spec: What is asked.
        folder: Of the trial.
        writer: Its log; None: somebody else writes it.
    """
    _current.has_begun = True
    session = Session(spec, folder, Recorder(spec.trial, writer, _make_offer(spec)))

    owner = os.getpid()

    def stop(number: int, _frame: FrameType | None) -> None:
        if os.getpid() == owner:
            session.stop()
        else:
            end_by_signal(number)

    signal.signal(signal.SIGTERM, stop)
    os.environ[TRIAL_VARIABLE] = os.fspath(folder.path)
    set_threads(spec.threads)
    set_seeds(spec.seed)
    return session


def offer_session(session: Session | None) -> None:
    """Let the script that runs next find its session; None: no more."""
    _current.session = session
    _current.was_claimed = False


def was_claimed() -> bool:
    """Whether the script called `tuitrain.init()`."""
    return _current.was_claimed


def claim_session() -> Session | None:
    """Return the session this script was launched for; None: a person started it."""
    if _current.session is None:
        folder = os.environ.get(TRIAL_VARIABLE)
        if folder is None:
            return None
        _current.session = _begin_launched(TrialFolder(Path(folder)))
    _current.was_claimed = True
    return _current.session


def _begin_launched(folder: TrialFolder) -> Session | None:
    """Begin the trial of a process that was told of it by the environment alone.

    A log that is there already belongs to the process that launched this one, a loader's
    worker say: then the same limits hold, and nothing is written. Unless this is that
    process, whose script began once more by `exec`.
    """
    try:
        spec = read_spec(folder.spec)
        writer = None
        if not folder.points.exists() or _is_replaced(folder):
            stream = f"{spec.trial}/points"
            writer = LogWriter(folder.points, stream, booted_at_s=spec.booted_at_s)
    except (StoreError, LogVersionError):
        return None
    session = begin_session(spec, folder, writer)
    finish_at_exit(session)
    return session


def _is_replaced(folder: TrialFolder) -> bool:
    """Whether this is the trial's own process, after an `exec`."""
    if _current.has_begun:
        return False
    events = [record.event for record in LogFollower(folder.state).read()]
    return any(isinstance(e, TrialStarted) and e.pid == os.getpid() for e in events)


def _make_offer(spec: TrialSpec) -> LineOffer | None:
    if spec.socket is None:
        return None
    hello = Hello(
        version=WIRE_VERSION, role="trial", study=spec.study, trial=spec.trial
    )
    return LineOffer(Path(spec.socket), hello)
