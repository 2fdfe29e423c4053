"""One trial of a study in this process: its script, and its last word."""

import runpy
import sys
from pathlib import Path

from tuitrain.events import OutcomeKind
from tuitrain.store import LogWriter, TrialFolder, TrialSpec, read_given, redact
from tuitrain.worker.failures import RejectedError, WorkerError
from tuitrain.worker.last_word import finish_raised
from tuitrain.worker.loop import run_function
from tuitrain.worker.script import (
    explain,
    find_script_file,
    format_trimmed,
    load_function,
    prepare_arguments,
)
from tuitrain.worker.session import Session, choose_device
from tuitrain.worker.supervised import begin_session, offer_session, was_claimed
from tuitrain.worker.trial import Trial

_FAILED = frozenset({OutcomeKind.RAISED, OutcomeKind.REJECTED})


def run_spec(spec: TrialSpec, folder: TrialFolder, writer: LogWriter) -> int:
    """Run a trial and write its last word.

    Returns:
        The exit status: 1 when the script raised or was rejected, else 0.
    """
    session = begin_session(spec, folder, writer)
    run = _run_own_loop if spec.function is None else _run_task
    try:
        run(session, Path(spec.script))
        outcome = session.finish()
    except BaseException as error:  # noqa: BLE001 - the script's, to be told in the log
        sys.stderr.write(_format(error, Path(spec.script)))
        outcome = finish_raised(session, error)
    return int(outcome in _FAILED)


def _run_task(session: Session, script: Path) -> None:
    spec = session.spec
    assert spec.function is not None
    function = load_function(script, spec.function)
    trial = Trial(
        spec.config,
        seed=spec.seed,
        step=spec.step,
        regularize=spec.limits.regularize,
        device=choose_device(spec.device),
    )
    run_function(function, trial, session, where=f"{script.name}: {spec.function}()")


def _run_own_loop(session: Session, script: Path) -> None:
    """Run the script as if started by hand; `tuitrain.init()` in it finds the trial."""
    find_script_file(script)
    prepare_arguments(script, _find_arguments(session.spec))
    offer_session(session)
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as error:
        if error.code and not was_claimed():
            raise RejectedError(
                f"{script.name}: ended by itself ({error.code}) before it called "
                "tuitrain.init(); its output says why"
            ) from None
        if error.code:
            raise
    except Exception as error:
        if not was_claimed() and not isinstance(error, RejectedError):
            raise RejectedError(explain(error, script)) from error
        raise
    finally:
        claimed = was_claimed()
        offer_session(None)
    if not claimed:
        raise RejectedError(
            f"{script.name}: never called tuitrain.init(); call it before the loop, or "
            "write a task function: def task(trial): return Task(...)"
        )


def _find_arguments(spec: TrialSpec) -> list[str]:
    """Return what the script is given after its name, secrets included.

    Raises:
        RejectedError: The file that holds the secrets went away.
    """
    if spec.given is None:
        return spec.arguments
    given = read_given(Path(spec.given))
    if given is None or list(redact(given)) != spec.arguments:
        raise RejectedError(
            f"{spec.given}: holds no arguments of this trial any more; give them again: "
            f"tuitrain run {Path(spec.script).name} -- …"
        )
    return list(given)


def _format(error: BaseException, script: Path) -> str:
    """What the trial's own output shows: a line where one says it all."""
    if isinstance(error, WorkerError) and error.__cause__ is None:
        return f"tuitrain: {error}\n"
    return format_trimmed(error.__cause__ or error, script)
