"""The one value that screens draw and printers print."""

from collections.abc import Mapping

import msgspec

from tuitrain.checklist import Settings, SettingsError, settings_from
from tuitrain.checklist.metric import Metric, best_value, find_metric
from tuitrain.events import Finding, Step, TrialId
from tuitrain.model import (
    StepRun,
    StudyModel,
    TrialModel,
    TrialState,
    lineage,
    successor,
)
from tuitrain.study.gauges import PREFIX, gauges, median_ratio
from tuitrain.study.gpus import GpuView, gpu_views
from tuitrain.study.memo import Memo
from tuitrain.study.plans import PlanView, plan_view
from tuitrain.study.progress import (
    planned_iterations,
    step_left_s,
    trial_left_s,
    trial_progress,
)
from tuitrain.study.views import GaugeView, StepState, StepView, TrialView
from tuitrain.units import Seconds, format_power

_MAY_BE_REPLACED = (TrialState.FAILED, TrialState.LOST, TrialState.STOPPED)
_STEPS_OF_A_ROUND = (Step.REFINE_GRID, Step.LEARNING_CURVES)
_PROBES = ("lr", "grad_norm", "samples_per_s")
_SHORT = {"lr": "lr", "weight_decay": "wd"}

_findings: Memo[tuple[Finding, ...]] = Memo(512)
_rows: Memo[TrialView] = Memo(1024)
_metrics: Memo[Metric] = Memo(8)
_steps: Memo[tuple[StepView, ...]] = Memo(8)


class Study(msgspec.Struct, frozen=True):
    """All that a screen or a printer may show; derived from the model, nothing stored."""

    model: StudyModel
    is_partial: bool = False
    """Whether the rest of a recording is still being read: trials are not judged yet."""

    @property
    def state(self) -> str:
        """`new`, `ready`, `running`, or the state of `StudyEnded`."""
        current = self.model.current
        if self.model.ended is not None:
            return self.model.ended.state
        if current is None:
            return "new"
        busy = any(not trial.state.is_over for trial in self.model.trials.values())
        is_under_way = current.started_at_s is not None and current.reached is None
        return "running" if busy or is_under_way else "ready"

    @property
    def steps(self) -> tuple[StepView, ...]:
        """The six steps in order; steps 5 and 6 as they stand in the newest round."""
        return _steps.get(
            (self.model,), lambda: tuple(self._step(step) for step in Step)
        )

    @property
    def current(self) -> StepView | None:
        """The step the study is at; None: not begun, or a log without a journal."""
        return next((view for view in self.steps if view.is_current), None)

    @property
    def trials(self) -> tuple[TrialView, ...]:
        """Every trial, in the order of their ids."""
        return tuple(self._row(trial) for trial in self.model.trials.values())

    def trials_of_current(self) -> tuple[TrialView, ...]:
        """The trials of the current step; for learning curves those of refine grid.

        A log without a journal has one trial, and that is it.
        """
        current = self.model.current
        if current is None:
            return self.trials
        return tuple(self._row(trial) for trial in self._trials_shown(current))

    @property
    def gpus(self) -> tuple[GpuView, ...]:
        """Every GPU of the newest reading; (): there is none, or no reading."""
        return gpu_views(self.model)

    @property
    def settings(self) -> Settings | None:
        """What the study is asked to do; None: not told, or not in words we know."""
        try:
            return settings_from(self.model.settings)
        except SettingsError:
            return None

    def plan(self, step: Step, settings: Settings | None = None) -> PlanView | None:
        """What `step` would run now, by these settings or those in force.

        None: it is not known what the study is asked to do.
        """
        settings = settings or self.settings
        return plan_view(self.model, settings, step) if settings else None

    def metric(self) -> tuple[str, bool]:
        """Name of the metric that ranks trials, and whether higher is better."""
        metric = self._metric()
        return metric.name, metric.highest

    def gauges(self, trial: TrialId) -> tuple[GaugeView, ...]:
        """One gauge a layer, worst first: the farthest from 1e-3 on the log scale."""
        found = self.model.trials.get(trial)
        return gauges(found) if found is not None else ()

    def findings(self, trial: TrialId) -> tuple[Finding, ...]:
        """What the rules see in one trial's whole trajectory, most severe first."""
        from tuitrain.diagnosis import examine

        if self.is_partial:
            return ()
        chain = lineage(self.model, trial)
        return _findings.get(chain, lambda: examine(self.model, trial))

    def metrics(self, trial: TrialId) -> Mapping[str, float | None]:
        """Newest and best values for the JSON document: `loss`, `val_accuracy`, ….

        Keys: the newest value, finite or not, of each series that is not a probe, and
        `best_<metric>` for the metric that ranks.
        """
        found = self.model.trials.get(trial)
        if found is None:
            return {}
        newest = {
            name: series.last
            for name, series in sorted(found.series.items())
            if name not in _PROBES and not name.startswith(PREFIX)
        }
        metric = self._metric()
        best = best_value(self.model, found.trial, metric)
        return {**newest, f"best_{metric.name}": best}

    def _metric(self) -> Metric:
        return _metrics.get(
            (self.model,), lambda: find_metric(self.model, _settings(self.model))
        )

    def _trials_shown(self, run: StepRun) -> list[TrialModel]:
        if run.step is not Step.LEARNING_CURVES:
            return self.model.trials_of(run)
        refined = [
            r
            for r in self.model.runs
            if r.step is Step.REFINE_GRID and r.round == run.round
        ]
        newest = max(refined, key=lambda r: r.attempt, default=None)
        return self.model.trials_of(newest) if newest is not None else []

    def _step(self, step: Step) -> StepView:
        model = self.model
        run = model.latest(step)
        if run is not None and step in _STEPS_OF_A_ROUND and run.round < model.round:
            run = None
        if run is None:
            return StepView(
                step=step,
                state=StepState.TODO,
                is_current=False,
                round=model.round,
                attempt=1,
            )
        trials = model.trials_of(run)
        state = _step_state(model, run)
        reached, overridden = run.reached, run.overridden
        return StepView(
            step=step,
            state=state,
            is_current=run is model.current,
            round=run.round,
            attempt=run.attempt,
            verdict=overridden.verdict
            if overridden
            else reached.verdict
            if reached
            else None,
            is_overridden=overridden is not None,
            note=overridden.note if overridden else "",
            summary=reached.summary if reached else "",
            evidence=reached.evidence if reached else {},
            findings=reached.findings if reached else (),
            advice=reached.advice if reached else (),
            best_trial=reached.best_trial if reached else None,
            done=sum(trial.state.is_over for trial in trials),
            total=len(trials),
            progress=self._progress(trials) if state is StepState.RUNNING else None,
            elapsed_s=self._elapsed_s(run),
            left_s=step_left_s(model, trials) if state is StepState.RUNNING else None,
        )

    def _progress(self, trials: list[TrialModel]) -> float | None:
        shares = [trial_progress(self.model, trial) or 0.0 for trial in trials]
        return sum(shares) / len(shares) if shares else None

    def _elapsed_s(self, run: StepRun) -> Seconds | None:
        end_s = (
            run.reached_at_s if run.reached_at_s is not None else self.model.last_at_s
        )
        if run.started_at_s is None or end_s is None:
            return None
        return Seconds(max(0.0, end_s - run.started_at_s))

    def _row(self, trial: TrialModel) -> TrialView:
        metric = self._metric()
        chain = lineage(self.model, trial.trial)
        taken = self._find_successor(trial)
        sources = (*chain, metric, taken)
        return _rows.get(sources, lambda: self._derive_row(trial, metric, taken))

    def _find_successor(self, trial: TrialModel) -> TrialId | None:
        if trial.state in _MAY_BE_REPLACED:
            taken = successor(self.model, trial.trial)
            return taken.trial if taken is not None else None
        return None

    def _derive_row(
        self, trial: TrialModel, metric: Metric, taken: TrialId | None
    ) -> TrialView:
        best = best_value(self.model, trial.trial, metric)
        return TrialView(
            trial=trial.trial,
            step=trial.step,
            round=trial.round,
            state=trial.state,
            config=trial.config,
            varied=_in_short(trial),
            epoch=trial.epoch,
            epochs=trial.limits.epochs,
            iteration=trial.iteration,
            iterations=planned_iterations(trial),
            loss=trial.get("loss").last,
            accuracy=trial.get("accuracy").last,
            val_loss=trial.get("val_loss").last,
            val_accuracy=trial.get("val_accuracy").last,
            best_metric=best,
            ratio=median_ratio(trial),
            progress=None
            if trial.state is TrialState.QUEUED
            else trial_progress(self.model, trial),
            elapsed_s=trial.elapsed_s,
            left_s=trial_left_s(trial),
            reason=_reason(trial, taken),
        )


def _step_state(model: StudyModel, run: StepRun) -> StepState:
    if run.reached is not None:
        return StepState.JUDGED
    if run is not model.current:
        return StepState.TODO
    # A study that was stopped within a step is at that step, and runs it once more.
    is_under_way = run.started_at_s is not None and model.ended is None
    return StepState.RUNNING if is_under_way else StepState.READY


def _reason(trial: TrialModel, taken: TrialId | None) -> str:
    if taken is None:
        return trial.reason
    return f"carried on as {taken}" + (f": {trial.reason}" if trial.reason else "")


def _settings(model: StudyModel) -> Settings:
    # A trial folder on its own, or a log of another version: the defaults will do.
    return Study(model).settings or Settings(script=model.script or "?")


def _in_short(trial: TrialModel) -> str:
    """Write a configuration in a few characters: `lr=1e-2 wd=1e-4 dropout=0.1`."""
    parts = []
    for name, value in trial.config.items():
        is_rate = name in _SHORT and isinstance(value, int | float)
        text = format_power(float(value)) if is_rate else str(value)
        parts.append(f"{_SHORT.get(name, name)}={text}")
    return " ".join(parts)
