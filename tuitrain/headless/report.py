"""What is printed at the end of a run and a replay, and by `diagnose`."""

from collections.abc import Collection, Iterator, Mapping
from itertools import groupby

from tuitrain.events import Finding, Step, TrialId
from tuitrain.headless.document import find_name, find_state, find_steps
from tuitrain.headless.figure import Curve, draw
from tuitrain.headless.lines import config_line, finding_lines, verdict_lines
from tuitrain.headless.output import Printer
from tuitrain.headless.tables import checklist_rows, trial_rows
from tuitrain.model import Series, whole_series
from tuitrain.store import StreamDamage
from tuitrain.study import Study, TrialView
from tuitrain.units import format_number, format_percent

RIVALS = 2
"""Trials drawn beside the best one: with its validation, four curves stay readable."""


def print_report(printer: Printer, study: Study, damage: StreamDamage) -> None:
    """Print curves, trials, checklist and the accepted configuration of `study`."""
    trials = find_shown_trials(study)
    printer.lines([""])
    for measure in ("loss", "accuracy"):
        curves = find_curves(study, trials, measure)
        if curves:
            figure = draw(measure, curves, printer.look, may_be_log=measure == "loss")
            printer.picture(figure)
    for rows in (trial_rows(study), checklist_rows(study)):
        if rows:
            printer.lines([""])
            printer.table(rows)
    printer.lines(["", *_closing_lines(study), *damage_lines(damage)])


def print_diagnosis(printer: Printer, study: Study, damage: StreamDamage) -> None:
    """Print the verdicts and findings of `study`, and nothing else."""
    told = False
    for run in find_steps(study):
        if run.reached is None:
            continue
        told = True
        printer.lines(verdict_lines(run.reached))
        if run.overridden is not None:
            verdict = run.overridden.verdict.value.upper()
            printer.lines([f"  overridden to {verdict}: {run.overridden.note}"])
        trials = [trial.trial for trial in study.model.trials_of(run)]
        said = {(finding.kind, finding.trial) for finding in run.reached.findings}
        printer.lines(_grouped_findings(study, trials, said))
    if not study.model.runs:
        told = True
        name, state = find_name(study), find_state(study)
        printer.lines([f"trial {name}: {state}"])
        findings = _grouped_findings(study, list(study.model.trials))
        printer.lines(findings or ["  nothing found"])
    if not told:
        printer.lines([f"study {find_name(study)}: nothing judged yet"])
    printer.lines(damage_lines(damage))


def find_shown_trials(study: Study) -> list[TrialView]:
    """Return the trials worth drawing: the best one, then its closest rivals.

    Best is the accepted trial, else the best of the newest judged step, else whichever
    got farthest in the newest step with points.
    """
    views = {view.trial: view for view in study.trials if view.iteration}
    if not views:
        return []
    best = _find_best(study, views)
    step = views[best].step
    rivals = [v for v in views.values() if v.step is step and v.trial != best]
    _, highest = study.metric()
    rivals.sort(key=lambda view: _rank(view, highest=highest))
    return [views[best], *rivals[:RIVALS]]


def find_curves(study: Study, trials: list[TrialView], measure: str) -> list[Curve]:
    """Return the curves of `measure`: all of the first trial, what ranks of the others.

    Rivals are shown by their validation, where there is one: three noisy training
    curves in one figure can't be told apart.
    """
    curves: list[Curve] = []
    for index, view in enumerate(trials):
        name = f"{view.trial} {view.varied or config_line(view.config)}".strip()
        training = whole_series(study.model, view.trial, measure)
        validation = whole_series(study.model, view.trial, f"val_{measure}")
        if index == 0 or not len(validation):
            _add(curves, name, training)
        _add(curves, f"{view.trial if index == 0 else name} validation", validation)
    return curves


def damage_lines(damage: StreamDamage) -> list[str]:
    """Return what could not be read of the logs; empty: all was read."""
    if not damage.bad_lines and not damage.missing_records:
        return []
    return [
        f"damaged log: {damage.bad_lines} unreadable lines, "
        f"{damage.missing_records} records missing; the rest is shown"
    ]


def _add(curves: list[Curve], label: str, series: Series) -> None:
    if len(series):
        curves.append(Curve(label, series))


def _find_best(study: Study, views: Mapping[TrialId, TrialView]) -> TrialId:
    accepted = study.model.best
    if accepted is not None and accepted.trial in views:
        return accepted.trial
    for run in reversed(study.model.runs):
        best = run.reached.best_trial if run.reached else None
        if best is not None and best in views:
            return best
    newest = max(_step_number(view.step) for view in views.values())
    of_newest = [v for v in views.values() if _step_number(v.step) == newest]
    return max(of_newest, key=lambda view: view.iteration).trial


def _step_number(step: Step | None) -> int:
    return step.number if step is not None else 0


def _rank(view: TrialView, *, highest: bool) -> tuple[bool, float]:
    if view.best_metric is None:
        return True, 0.0
    return False, -view.best_metric if highest else view.best_metric


def _closing_lines(study: Study) -> Iterator[str]:
    best = study.model.best
    ended = study.model.ended
    why = f": {ended.message}" if ended is not None and ended.message else ""
    yield f"{find_name(study)}: {find_state(study)}{why}"
    if best is None:
        return
    yield f"best: {best.trial}  {config_line(best.config)}"
    values = (
        f"{name} {_metric(name, value)}"
        for name, value in sorted(best.metrics.items())
        if value is not None
    )
    yield f"  {'  '.join(values)}"
    if best.checkpoint is not None:
        yield f"  checkpoint {best.checkpoint}"


def _metric(name: str, value: float) -> str:
    return format_percent(value) if "accuracy" in name else format_number(value)


def _grouped_findings(
    study: Study,
    trials: list[TrialId],
    said: Collection[tuple[str, TrialId | None]] = (),
) -> list[str]:
    """Tell what several trials have in common once, most severe first.

    Args:
        study: The study.
        trials: Those to tell of.
        said: Kind and trial of findings told before.
    """
    seen = [
        (finding, trial)
        for trial in trials
        for finding in study.findings(trial)
        if (finding.kind, trial) not in said
    ]

    def key(item: tuple[Finding, TrialId]) -> tuple[int, str]:
        return -item[0].severity.rank, item[0].kind

    lines = []
    for _, group in groupby(sorted(seen, key=key), key):
        members = list(group)
        lines.extend(finding_lines(members[0][0], [trial for _, trial in members]))
    return lines
