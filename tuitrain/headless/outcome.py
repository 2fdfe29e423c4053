"""What a study came to, as an exit status."""

from collections.abc import Iterator
from enum import IntEnum

from tuitrain.events import Finding, Severity, Step, Verdict
from tuitrain.headless.document import find_verdict
from tuitrain.model import StepRun
from tuitrain.study import Study


class ExitStatus(IntEnum):
    """What the program's exit status says."""

    DONE = 0
    """Done, and everything that was judged passed."""
    FAILED = 1
    """A step failed, a finding is critical, or the study was stopped."""
    MISUSED = 2
    """Wrong use, or input that can't be used."""
    BROKEN = 3
    """The program's own fault."""
    INTERRUPTED = 130
    """Ended by Ctrl-C."""


def exit_status(study: Study) -> ExitStatus:
    """Return the exit status for `study` as it stands.

    A finding counts where a judgement rests on it: on the newest run of a step as a
    whole or its best trial, unless the verdict was overruled, and on the accepted
    trial. That a trial of the LR search diverged, as one of them should, is no failure.
    """
    ended = study.model.ended
    if ended is not None and ended.state == "rejected":
        return ExitStatus.MISUSED
    if ended is not None and ended.state in ("failed", "stopped"):
        return ExitStatus.FAILED
    if any(find_verdict(run) is Verdict.FAIL for run in _newest_runs(study)):
        return ExitStatus.FAILED
    if any(f.severity is Severity.CRITICAL for f in _weighty_findings(study)):
        return ExitStatus.FAILED
    return ExitStatus.DONE


def _newest_runs(study: Study) -> Iterator[StepRun]:
    for step in Step:
        run = study.model.latest(step)
        if run is not None:
            yield run


def _weighty_findings(study: Study) -> Iterator[Finding]:
    for run in _newest_runs(study):
        if run.reached is None or run.overridden is not None:
            continue
        subjects = (None, run.reached.best_trial)
        yield from (f for f in run.reached.findings if f.trial in subjects)
    if study.model.best is not None:
        yield from study.findings(study.model.best.trial)
    if not study.model.runs:
        for trial in study.model.trials:
            yield from study.findings(trial)
