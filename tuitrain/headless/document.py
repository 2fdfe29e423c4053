"""A study as one JSON document, the same bytes live and replayed."""

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from tuitrain.events import Finding, Verdict
from tuitrain.model import StepRun, TrialModel
from tuitrain.store import StreamDamage
from tuitrain.study import Study

FORMAT: Final = "tuitrain/1"
"""Name and version of the document."""

_UNDAMAGED: Final = StreamDamage(0, 0)


def document(study: Study, damage: StreamDamage = _UNDAMAGED) -> dict[str, Any]:
    """Return what `--json` prints, as plain values.

    Nothing in it comes from a clock, the machine or the order in which streams were
    read: the same log gives the same document.

    Args:
        study: The study, or the one trial of a log on its own (`steps` is empty then).
        damage: What could not be read of its logs.
    """
    model = study.model
    best = model.best
    return {
        "format": FORMAT,
        "study": {
            "name": find_name(study),
            "script": model.script,
            "state": find_state(study),
            "rounds": model.round,
            "note": model.ended.message if model.ended else "",
        },
        "steps": [_step(run) for run in find_steps(study)],
        "trials": [_trial(study, trial) for trial in model.trials.values()],
        "best": best
        and {
            "trial": best.trial,
            "config": _plain(best.config),
            "metrics": _plain(dict(sorted(best.metrics.items()))),
        },
        "damage": {
            "bad_lines": damage.bad_lines,
            "missing_records": damage.missing_records,
        },
    }


def encode(document: Mapping[str, Any]) -> str:
    """Return `document` as text; ASCII only, so that every output can carry it."""
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def find_name(study: Study) -> str:
    """Return the study's name, or the trial's where there is no journal."""
    return study.model.name or next(iter(study.model.trials), "")


def find_state(study: Study) -> str:
    """Return the study's state, or the trial's where there is no journal."""
    trials = list(study.model.trials.values())
    if study.model.opened_at_s is None and len(trials) == 1:
        return trials[0].state.value
    return study.state


def find_steps(study: Study) -> list[StepRun]:
    """Return the newest run of each step in each round, in the order of the recipe."""
    newest = {(run.round, run.step.number): run for run in study.model.runs}
    return [newest[key] for key in sorted(newest)]


def find_verdict(run: StepRun) -> Verdict | None:
    """Return the verdict in force, an override included; None: not judged."""
    if run.overridden is not None:
        return run.overridden.verdict
    return run.reached.verdict if run.reached is not None else None


def _step(run: StepRun) -> dict[str, Any]:
    reached, overridden = run.reached, run.overridden
    return {
        "number": run.step.number,
        "name": run.step.value,
        "verdict": find_verdict(run),
        "round": run.round,
        "evidence": _plain(reached.evidence) if reached else {},
        "summary": reached.summary if reached else "",
        "findings": [_finding(f) for f in reached.findings] if reached else [],
        "advice": [advice.text for advice in reached.advice] if reached else [],
        "overridden": overridden is not None,
        "note": overridden.note if overridden else "",
    }


def _trial(study: Study, trial: TrialModel) -> dict[str, Any]:
    metrics = study.metrics(trial.trial)
    return {
        "id": trial.trial,
        "step": trial.step.number if trial.step else None,
        "state": trial.state.value,
        "config": _plain(trial.config),
        "metrics": _plain(dict(sorted(metrics.items()))),
        "points": trial.points,
        "findings": [_finding(finding) for finding in study.findings(trial.trial)],
        "note": trial.reason,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "severity": finding.severity.value,
        "confidence": finding.confidence.value,
        "summary": finding.summary,
        "evidence": _plain(finding.evidence),
        "advice": [advice.text for advice in finding.advice],
        "consequence_of": finding.consequence_of,
        "trial": finding.trial,
    }


def _plain(value: object) -> Any:  # noqa: ANN401 - any JSON value
    """Return `value` with non-finite numbers as words: JSON has none for them."""
    match value:
        case float() if not math.isfinite(value):
            return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case _:
            return value
