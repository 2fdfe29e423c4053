"""What stands in the tables: the checklist and the trials."""

from tuitrain.headless.document import find_steps, find_verdict
from tuitrain.headless.lines import config_line, took_text
from tuitrain.study import Study, TrialView
from tuitrain.units import format_number, format_percent


def checklist_rows(study: Study) -> list[list[str]]:
    """Return a row a step, a header first: number, name, verdict, evidence in short."""
    steps = find_steps(study)
    if not steps:
        return []
    has_rounds = steps[-1].round > 1
    rows = [["", "step", "round", "verdict", ""]]
    for run in steps:
        verdict = find_verdict(run)
        overridden = f" (overridden: {run.overridden.note})" if run.overridden else ""
        summary = run.reached.summary if run.reached else ""
        rows.append(
            [
                str(run.step.number),
                run.step.label,
                str(run.round) if has_rounds else "",
                verdict.value.upper() if verdict else "not judged",
                summary + overridden,
            ]
        )
    return rows


def trial_rows(study: Study) -> list[list[str]]:
    """Return a row a trial, a header first."""
    if not study.trials:
        return []
    header = ["trial", "step", "configuration", "epoch", "iteration", "loss"]
    header += ["accuracy", "val loss", "val acc", "state", "time", ""]
    return [header, *(_trial_row(view) for view in study.trials)]


def _trial_row(view: TrialView) -> list[str]:
    return [
        view.trial,
        str(view.step.number) if view.step else "",
        view.varied or config_line(view.config),
        _of(view.epoch, view.epochs) if view.epoch or view.epochs else "",
        _of(view.iteration, view.iterations),
        _number(view.loss),
        _share(view.accuracy),
        _number(view.val_loss),
        _share(view.val_accuracy),
        view.state.value,
        took_text(view.elapsed_s) if view.elapsed_s is not None else "",
        view.reason,
    ]


def _of(done: int, planned: int | None) -> str:
    return f"{done}/{planned}" if planned else str(done)


def _number(value: float | None) -> str:
    return "" if value is None else format_number(value)


def _share(value: float | None) -> str:
    return "" if value is None else format_percent(value)
