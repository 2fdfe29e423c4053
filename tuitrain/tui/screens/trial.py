"""One trial in full: configuration, facts, values, findings, how it ended."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.reactive import var

from tuitrain.events import TaskDescribed, TrialStarted
from tuitrain.model import TrialModel
from tuitrain.study import Study, TrialView
from tuitrain.tui.lines import BLANK, Line, line, pad, plain, wrap
from tuitrain.tui.panes.gauges import gauge_rows
from tuitrain.tui.panes.plot_pane import PlotPane
from tuitrain.tui.panes.reading import ReadingPane
from tuitrain.tui.panes.trials import STATE_ROLES
from tuitrain.tui.panes.verdict import describe_finding
from tuitrain.tui.screens.reading import ReadingScreen
from tuitrain.tui.sparks import series_rows
from tuitrain.tui.view import View, cursor_trial
from tuitrain.units import format_duration, sanitize

_NAME_WIDTH = 16


class TrialScreen(ReadingScreen):
    """Text on the left, the trial's own curves on the right where there is room."""

    view: var[View] = var(View(), init=False)

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]

    def __init__(self, view: View) -> None:
        """Show the trial that is chosen in `view`."""
        super().__init__()
        self.set_reactive(TrialScreen.view, view)

    def compose_body(self) -> ComposeResult:
        """Text and two plots."""
        with Horizontal(id="halves"):
            yield ReadingPane(id="text", classes="pane")
            with Vertical(id="plots"):
                for quantity in ("loss", "accuracy"):
                    yield PlotPane(quantity, id=quantity).data_bind(
                        ReadingScreen.study, TrialScreen.view
                    )

    def watch_study(self) -> None:
        """Write what is known now."""
        self.show_rows()

    def title_text(self) -> str:
        """Return the trial's id."""
        trial = self._trial()
        return f"trial {plain(trial.trial)}" if trial is not None else "trial"

    def rows(self, width: int) -> Sequence[Line]:
        """Return everything about the trial."""
        trial = self._trial()
        if self.study is None or trial is None:
            return [line(("there is no trial", "muted"))]
        return describe_trial(self.study, trial, width)

    def _trial(self) -> TrialView | None:
        return cursor_trial(self.study, self.view) if self.study is not None else None


def describe_trial(study: Study, view: TrialView, width: int) -> list[Line]:
    """Return all there is to say about one trial, wrapped to `width` cells."""
    model = study.model.trials[view.trial]
    rows = _about_state(view, model, width)
    rows += _about_findings(study, view, model, width)
    rows += [BLANK, line(("configuration", "title"))]
    rows += [row for k, v in view.config.items() for row in _fact(k, str(v), width)]
    rows += _about_limits(model, width)
    if model.task is not None:
        rows += [BLANK, line(("task", "title")), *_about_task(model.task, width)]
    rows += [BLANK, *series_rows(model.series, study.metric(), width)]
    gauges = study.gauges(view.trial)
    if gauges:
        title = f"update ratios of {len(gauges)} layers, worst first"
        rows += [BLANK, line((title, "title")), *gauge_rows(gauges, width)]
    return rows


def _about_state(view: TrialView, model: TrialModel, width: int) -> list[Line]:
    state = line(
        (view.state.value, STATE_ROLES[view.state]),
        f" · {view.step.label}, round {view.round}" if view.step is not None else "",
    )
    rows = [state]
    if view.reason:
        rows += wrap(view.reason, width, "warn")
    if view.elapsed_s is not None:
        rows += _fact("time", format_duration(view.elapsed_s), width)
    if model.started is not None:
        rows += _about_process(model.started, width)
    rows += _about_end(model, width)
    if model.resumes is not None:
        rows += _fact("carries on", f"from trial {model.resumes}", width)
    for failed in model.failed_probes:
        rows += wrap(f"probe {failed.probe} failed: {failed.error}", width, "warn")
    return rows


def _about_findings(
    study: Study, view: TrialView, model: TrialModel, width: int
) -> list[Line]:
    rows: list[Line] = []
    findings = study.findings(view.trial)
    if findings:
        rows += [BLANK, line(("findings", "title"))]
    for finding in findings:
        rows += describe_finding(finding, width)
        for advice in finding.advice:
            rows += wrap(advice.text, width, first=line("   → "), indent=5)
    if model.finished is not None and model.finished.traceback:
        rows += [BLANK, line(("traceback", "title"))]
        text = sanitize(model.finished.traceback, keep_lines=True)
        rows += [line((row, "bad")) for row in text.split("\n")]
    return rows


def _about_process(started: TrialStarted, width: int) -> list[Line]:
    how = {"warm": "forked from the warm starter", "cold": "a fresh interpreter"}
    facts = {
        "process": f"{started.pid}, watched by {started.shim_pid}",
        "runs on": f"{started.device}, {started.threads} threads",
        "started as": how.get(started.how, started.how),
    }
    return [row for name, value in facts.items() for row in _fact(name, value, width)]


def _about_end(model: TrialModel, width: int) -> list[Line]:
    """Return the training's own last word and what became of its process."""
    rows: list[Line] = []
    if model.finished is not None:
        at = f"{model.finished.outcome.value.replace('_', ' ')}"
        rows += _fact("outcome", f"{at} at iteration {model.finished.iteration}", width)
    if model.ended is not None:
        rows += _fact("process ended", model.ended_how, width)
    return rows


def _about_limits(model: TrialModel, width: int) -> list[Line]:
    limits = model.limits
    parts = [
        f"{limits.epochs} epochs" if limits.epochs is not None else "",
        f"{limits.iterations} iterations" if limits.iterations is not None else "",
        f"{limits.batches} minibatches" if limits.batches is not None else "",
        "" if limits.update else "no update",
        "" if limits.regularize else "regularization off",
    ]
    text = ", ".join(part for part in parts if part) or "none"
    return [*_fact("limits", text, width), *_fact("seed", str(model.seed), width)]


def _about_task(task: TaskDescribed, width: int) -> list[Line]:
    facts = {
        "loss function": task.loss.name,
        "classes": task.loss.classes,
        "parameters": f"{task.parameters:,}",
        "training samples": task.train_samples,
        "validation": task.val_samples,
        "batch size": task.batch_size,
        "iterations/epoch": task.iterations_per_epoch,
        "device": task.device_name or task.device,
        "switched off": ", ".join(task.regularization_off),
    }
    return [
        row
        for name, value in facts.items()
        if value not in (None, "")
        for row in _fact(name, str(value), width)
    ]


def _fact(name: str, value: str, width: int) -> list[Line]:
    first = line((f"  {pad(plain(name), _NAME_WIDTH)} ", "muted"))
    return wrap(value, width, first=first, indent=_NAME_WIDTH + 3)
