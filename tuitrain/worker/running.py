"""One trial of a study in this process: its script, its session, its last word."""

import signal
import sys
from pathlib import Path
from types import FrameType

from tuitrain.events import OutcomeKind
from tuitrain.store import LogWriter, TrialFolder, TrialSpec
from tuitrain.wire import WIRE_VERSION, Hello
from tuitrain.worker.checks import check_task
from tuitrain.worker.failures import CheckpointError, RejectedError
from tuitrain.worker.loop import TaskLoop
from tuitrain.worker.offering import LineOffer
from tuitrain.worker.recorder import Recorder
from tuitrain.worker.script import explain, format_trimmed, load_function
from tuitrain.worker.seeds import set_seeds
from tuitrain.worker.session import Session, choose_device, set_threads
from tuitrain.worker.trial import Trial

_FAILED = frozenset({OutcomeKind.RAISED, OutcomeKind.REJECTED})


def run_spec(spec: TrialSpec, folder: TrialFolder, writer: LogWriter) -> int:
    """Run a trial and write its last word.

    Returns:
        The exit status: 1 when the script raised or was rejected, else 0.
    """
    session = Session(spec, folder, Recorder(spec.trial, writer, _make_offer(spec)))
    _stop_on_sigterm(session)
    set_threads(spec.threads)
    set_seeds(spec.seed)
    outcome = _run_and_finish(session)
    return int(outcome in _FAILED)


def _run_and_finish(session: Session) -> OutcomeKind:
    script = Path(session.spec.script)
    try:
        if session.spec.function is None:
            raise RejectedError("own loops are not built yet")
        _run_task(session, script, session.spec.function)
    except (RejectedError, CheckpointError) as error:
        sys.stderr.write(f"tuitrain: {error}\n")
        cause = error.__cause__
        return session.finish(
            OutcomeKind.REJECTED
            if isinstance(error, RejectedError)
            else OutcomeKind.RAISED,
            message=str(error),
            traceback="" if cause is None else format_trimmed(cause, script),
        )
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the script's, to be told
        trimmed = format_trimmed(error, script)
        sys.stderr.write(trimmed)
        return session.finish(
            OutcomeKind.RAISED, message=explain(error, script), traceback=trimmed
        )
    except KeyboardInterrupt:
        session.stop()
    return session.finish()


def _run_task(session: Session, script: Path, name: str) -> None:
    spec = session.spec
    function = load_function(script, name)
    trial = Trial(
        spec.config,
        seed=spec.seed,
        step=spec.step,
        regularize=spec.limits.regularize,
        device=choose_device(spec.device),
    )
    where = f"{script.name}: {name}()"
    task = check_task(function(trial), where)
    TaskLoop(task, trial, session, where=where).run()


def _make_offer(spec: TrialSpec) -> LineOffer | None:
    if spec.socket is None:
        return None
    hello = Hello(
        version=WIRE_VERSION, role="trial", study=spec.study, trial=spec.trial
    )
    return LineOffer(Path(spec.socket), hello)


def _stop_on_sigterm(session: Session) -> None:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        session.stop()

    signal.signal(signal.SIGTERM, stop)
