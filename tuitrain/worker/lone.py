"""A script that a person started: a trial folder of its own, and its last word."""

import atexit
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Final

from tuitrain.clock import SYSTEM_CLOCK
from tuitrain.events import Config, Step, TrialId, TrialLimits
from tuitrain.store import LogWriter, StoreError, TrialFolder, TrialSpec
from tuitrain.store.folder import PRIVATE_FOLDER
from tuitrain.units import Seconds
from tuitrain.worker.last_word import finish_raised
from tuitrain.worker.recorder import Recorder
from tuitrain.worker.session import Session

_MOST_NAMES: Final = 10_000
_EXIT_SIGTERM: Final = 128 + signal.SIGTERM


def open_lone_session(
    name: str | None,
    folder: Path,
    config: Config,
    *,
    limits: TrialLimits | None = None,
    seed: int = 0,
) -> Session:
    """Return the session of a trial that belongs to no study.

    A folder that can't be made is no reason to stop a training: then nothing is kept,
    and standard error says so.

    Args:
        name: Of the trial; None: that of the script. A number follows if it is taken.
        folder: Where the trial's folder is made.
        config: The configuration in force.
        limits: How far the trial goes; None: as far as the script likes.
        seed: What the data order goes by.
    """
    script = find_script()
    try:
        place = TrialFolder(_make_folder(folder, name or script.stem or "run"))
        booted_at_s = Seconds(SYSTEM_CLOCK.wall_s() - SYSTEM_CLOCK.mono_s())
        stream = f"{place.trial}/points"
        writer = LogWriter(place.points, stream, booted_at_s=booted_at_s)
    except (OSError, StoreError) as error:
        sys.stderr.write(f"tuitrain: nothing is recorded: {error}\n")
        place, writer = TrialFolder(folder / (name or "run")), None
    spec = TrialSpec(
        trial=TrialId(place.path.name),
        study="",
        script=os.fspath(script),
        # No step asked for it; a training in full is what step 5 is.
        step=Step.REFINE_GRID,
        config=config,
        limits=limits or TrialLimits(),
        seed=seed,
        device="any",
    )
    return Session(spec, place, Recorder(spec.trial, writer), is_supervised=False)


def find_script() -> Path:
    """Return the script Python was started with; `run.py` where there is none."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    return Path(main or "run.py")


def finish_at_exit(session: Session) -> None:
    """Let the session be finished when Python ends, however it ends.

    An exception nobody caught counts as raised. SIGTERM ends the script as it would
    without tuitrain, but by an exception, so that what is still to be written is.
    """
    earlier = getattr(sys, "last_value", None)

    def finish() -> None:
        error = getattr(sys, "last_value", None)
        if error is None or error is earlier:
            session.finish()
        else:
            finish_raised(session, error)

    atexit.register(finish)
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        _exit_on_sigterm(session)


def _exit_on_sigterm(session: Session) -> None:
    owner = os.getpid()

    def leave(number: int, _frame: FrameType | None) -> None:
        if os.getpid() != owner:
            end_by_signal(number)
        session.stop()
        raise SystemExit(_EXIT_SIGTERM)

    signal.signal(signal.SIGTERM, leave)


def end_by_signal(number: int) -> None:
    """End this process as if nobody handled the signal: it is a child of a script's."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _make_folder(folder: Path, name: str) -> Path:
    folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    for number in range(1, _MOST_NAMES):
        path = folder / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir(mode=PRIVATE_FOLDER)
        except FileExistsError:
            continue
        return path
    raise StoreError(f"{folder / name}: every number is taken; choose another name")
