"""`resume`: trials that died or were stopped go on from their checkpoints."""

import argparse
import sys
from typing import TYPE_CHECKING

from tuitrain.checklist import has_died, why_not_carried_on
from tuitrain.cli.arguments import keep_given, show_arguments
from tuitrain.cli.failures import UsageError
from tuitrain.cli.shelf import find_study
from tuitrain.commands import ResumeTrial
from tuitrain.events import TrialId
from tuitrain.headless import Printer, find_look
from tuitrain.model import StudyModel, fold_all, successor
from tuitrain.sources import StudySource
from tuitrain.supervisor import ensure_running
from tuitrain.wire import connect

if TYPE_CHECKING:
    from tuitrain.store import StudyFolder


def resume(options: argparse.Namespace) -> int:
    """Carry on the trials that are named, or all of the current step that died."""
    folder = find_study(options.study, "resume")
    printer = Printer(sys.stdout, find_look(sys.stdout))
    if options.arguments:
        show_arguments(options.arguments)
        keep_given(folder, options.arguments)
    connection = connect(ensure_running(folder), folder.name)
    try:
        trials = [TrialId(name) for name in options.trials] or _find_dead(folder)
        if not trials:
            printer.lines([f"{folder.path}: no trial of the current step died"])
            return 0
        for trial in trials:
            answer = connection.ask(ResumeTrial(trial=trial))
            if not answer.accepted:
                raise UsageError(f"{folder.path}: {answer.message}")
    finally:
        connection.close()
    model = _read(folder)
    for trial in trials:
        taken = successor(model, trial)
        if taken is not None:
            printer.lines([f"{folder.path}: {trial} goes on as {taken.trial}"])
    return 0


def _find_dead(folder: "StudyFolder") -> list[TrialId]:
    model = _read(folder)
    return [
        trial.trial
        for trial in model.trials.values()
        if has_died(trial) and why_not_carried_on(model, trial) is None
    ]


def _read(folder: "StudyFolder") -> StudyModel:
    return fold_all(StudyModel(), StudySource(folder.path).read_all())
