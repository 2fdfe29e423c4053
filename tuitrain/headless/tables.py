"""Tables as text: the checklist and the trials."""

from collections.abc import Sequence

from tuitrain.headless.document import find_steps, find_verdict
from tuitrain.headless.lines import config_line, took_text
from tuitrain.study import Study, TrialView
from tuitrain.units import format_number, format_percent

_GAP = "  "


def align(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Return rows as text, columns aligned, each line cut at `width`.

    Columns without any content below the first row (the header) are left out.
    """
    kept = [
        column for column in zip(*rows, strict=True) if any(cell for cell in column[1:])
    ]
    widths = [max(len(cell) for cell in column) for column in kept]
    lines = []
    for row in zip(*kept, strict=True):
        cells = (cell.ljust(size) for cell, size in zip(row, widths, strict=True))
        line = _GAP.join(cells).rstrip()
        lines.append(line if len(line) <= width else f"{line[: width - 1]}…")
    return lines


def checklist_lines(study: Study, width: int) -> list[str]:
    """Return one line a step: number, name, verdict, evidence in short."""
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
    return align(rows, width)


def trial_lines(study: Study, width: int) -> list[str]:
    """Return the table of trials."""
    if not study.trials:
        return []
    header = ["trial", "step", "configuration", "epoch", "iteration", "loss"]
    header += ["accuracy", "val loss", "val acc", "state", "time", ""]
    return align([header, *(_trial_row(view) for view in study.trials)], width)


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
