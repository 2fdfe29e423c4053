"""How a training that ended by an exception is told in its log."""

from pathlib import Path

from tuitrain.events import OutcomeKind
from tuitrain.worker.failures import RejectedError
from tuitrain.worker.memory import describe_shortage
from tuitrain.worker.script import explain, format_trimmed
from tuitrain.worker.session import Session


def finish_raised(session: Session, error: BaseException) -> OutcomeKind:
    """Write the last word of a training that `error` ended, and return the outcome.

    Being asked to stop, by a signal or from the keyboard, is no failure, and neither is
    a script that ends itself with status 0.
    """
    if isinstance(error, SystemExit) and not error.code and not session.is_stopping:
        return session.finish()
    if isinstance(error, KeyboardInterrupt) or session.is_stopping:
        session.stop()
        return session.finish(OutcomeKind.STOPPED, message="asked to stop")
    script = Path(session.spec.script)
    shortage = describe_shortage(
        error,
        batch_size=session.batch_size,
        takes_batch_size=session.takes_batch_size,
    )
    if isinstance(error, RejectedError) and shortage is None:
        cause = error.__cause__
        return session.finish(
            OutcomeKind.REJECTED,
            message=str(error),
            traceback="" if cause is None else format_trimmed(cause, script),
        )
    return session.finish(
        OutcomeKind.RAISED,
        message=explain(error, script),
        traceback=format_trimmed(error, script),
        out_of_memory=shortage,
    )
