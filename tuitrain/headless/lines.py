"""Progress as lines: what a person at a pipe should know, when it happens."""

from collections.abc import Iterable, Sequence

from tuitrain.events import (
    Advice,
    AdviceApplied,
    BestAccepted,
    Event,
    Evidence,
    Finding,
    PerGpuLowered,
    ProbeFailed,
    Record,
    Scalar,
    Step,
    StepStarted,
    StudyEnded,
    StudyOpened,
    SupervisorStarted,
    TaskDescribed,
    TrialEnded,
    TrialId,
    TrialLost,
    TrialQueued,
    VerdictOverridden,
    VerdictReached,
)
from tuitrain.study import Study, TrialView
from tuitrain.units import (
    format_duration,
    format_number,
    format_percent,
    format_power,
)

_WRITTEN_AS_POWER = ("lr", "weight_decay")


class ProgressLines:
    """Turns records into lines; keeps only what must not be said twice."""

    def __init__(self) -> None:
        self._has_task = False
        self._is_over: set[str] = set()
        self._started: set[tuple[Step, int, int]] = set()

    def lines(self, records: Iterable[Record], study: Study) -> list[str]:
        """Return what `records` are worth saying.

        Args:
            records: News, in any order of streams; told in the order it happened.
            study: The study with all of `records` folded in.
        """
        told: list[str] = []
        for record in sorted(records, key=lambda record: record.at_s):
            told.extend(self._tell(record.event, study))
        return told

    def _tell(self, event: Event, study: Study) -> list[str]:
        match event:
            case StudyOpened() | SupervisorStarted() | StudyEnded():
                return _tell_study(event)
            case TaskDescribed() if not self._has_task:
                self._has_task = True
                return _tell_task(event)
            case StepStarted():
                return self._tell_start(event)
            case TrialQueued() if event.replaces is not None:
                return _tell_replacement(event, event.replaces, study)
            case PerGpuLowered():
                return _tell_lowered(event)
            case TrialEnded() | TrialLost():
                if event.trial in self._is_over:
                    return []
                self._is_over.add(event.trial)
                return _tell_trial(event.trial, study)
            case _:
                return _tell_judgement(event)

    def _tell_start(self, event: StepStarted) -> list[str]:
        run = (event.step, event.round, event.attempt)
        how = "goes on" if run in self._started else "started"
        self._started.add(run)
        again = f", attempt {event.attempt}" if event.attempt > 1 else ""
        name = f"step {event.step.number} of 6 {event.step.label}"
        return ["", f"{name}: {how} (round {event.round}{again})"]


def evidence_line(evidence: Evidence) -> str:
    """Return evidence as `name=value` pairs; empty: there is none."""
    return "  ".join(f"{name}={_short(value)}" for name, value in evidence.items())


def finding_lines(
    finding: Finding, trials: Sequence[str] = (), known: Evidence | None = None
) -> list[str]:
    """Return one finding with its evidence and advice.

    Args:
        finding: What a rule saw.
        trials: The trials it was seen in, where there is more than its own.
        known: Evidence that was told before, and need not be again.
    """
    seen_in = list(trials) or ([finding.trial] if finding.trial else [])
    where = f" in {', '.join(seen_in)}" if seen_in else ""
    cause = f", follows from {finding.consequence_of}" if finding.consequence_of else ""
    lines = [
        f"  {finding.severity}: {finding.kind}{where} "
        f"({finding.confidence} confidence{cause}): {finding.summary}"
    ]
    told = (known or {}).items()
    evidence = {k: v for k, v in finding.evidence.items() if (k, v) not in told}
    if evidence:
        lines.append(f"    {evidence_line(evidence)}")
    return lines + advice_lines(finding.advice, indent=4)


def advice_lines(advice: Sequence[Advice], *, indent: int) -> list[str]:
    """Return what to try, first things first."""
    return [f"{' ' * indent}try: {item.text}" for item in advice]


def metrics_line(view: TrialView) -> str:
    """Return the newest loss and accuracy of a trial; empty: nothing was measured."""
    parts = [
        ("loss", view.loss, format_number),
        ("accuracy", view.accuracy, format_percent),
        ("val loss", view.val_loss, format_number),
        ("val accuracy", view.val_accuracy, format_percent),
    ]
    return "  ".join(
        f"{name} {write(value)}" for name, value, write in parts if value is not None
    )


def took_text(duration_s: float) -> str:
    """Return how long a trial took; many take a second or less."""
    return f"{duration_s:.1f} s" if duration_s < 60 else format_duration(duration_s)


def config_line(config: dict[str, Scalar]) -> str:
    """Return a configuration as `lr=1e-2 weight_decay=1e-4`."""
    return " ".join(f"{name}={_value(name, value)}" for name, value in config.items())


def verdict_lines(event: VerdictReached) -> list[str]:
    """Return a step's verdict with all it rests on."""
    lines = [
        f"step {event.step.number} of 6 {event.step.label}: "
        f"{event.verdict.value.upper()} – {event.summary}"
    ]
    if event.evidence:
        lines.append(f"  {evidence_line(event.evidence)}")
    for finding in event.findings:
        lines.extend(finding_lines(finding, known=event.evidence))
    told = {advice.text for finding in event.findings for advice in finding.advice}
    rest = [advice for advice in event.advice if advice.text not in told]
    return lines + advice_lines(rest, indent=2)


def _tell_study(event: StudyOpened | SupervisorStarted | StudyEnded) -> list[str]:
    match event:
        case StudyOpened():
            return [f"study {event.name} of {event.script}"]
        case SupervisorStarted():
            where = ", ".join(event.devices) or "the CPU"
            many = "1 trial" if event.slots == 1 else f"{event.slots} trials"
            return [f"{many} at once on {where}"]
        case StudyEnded():
            words = {
                "finished": "study finished",
                "failed": "study ended: a step failed",
                "stopped": "study stopped",
                "reached": "study paused: the last step asked for is done",
                "rejected": "study ended: the script can't be used",
            }
            return ["", words.get(event.state, f"study ended: {event.state}")]


def _tell_task(event: TaskDescribed) -> list[str]:
    loss = event.loss
    classes = f" over {loss.classes} classes" if loss.classes else ""
    samples = f", {event.train_samples:,} samples" if event.train_samples else ""
    where = event.device_name or event.device
    lines = [
        f"task: {event.parameters:,} parameters, {loss.name}{classes}{samples}, {where}"
    ]
    if event.regularization_off:
        lines.append(f"  switched off: {', '.join(event.regularization_off)}")
    return lines


def _tell_trial(trial: str, study: Study) -> list[str]:
    view = next((view for view in study.trials if view.trial == trial), None)
    if view is None:
        return []
    took = f" after {took_text(view.elapsed_s)}" if view.elapsed_s is not None else ""
    parts = [f"  {trial}", config_line(view.config), metrics_line(view)]
    # Not the view's, which tells who took its place: that is a line of its own, later.
    reason = study.model.trials[view.trial].reason
    parts.append(f"{view.state}{took}" + (f": {reason}" if reason else ""))
    return ["  ".join(part for part in parts if part)]


def _tell_replacement(event: TrialQueued, dead: TrialId, study: Study) -> list[str]:
    owner = study.model.trials.get(event.resumes) if event.resumes else None
    saved = owner.checkpoint if owner is not None else None
    if saved is None:
        return [f"  {dead} is run again as {event.trial}, from the start"]
    where = f"iteration {saved.iteration} (epoch {saved.epoch})"
    return [f"  {dead} is carried on as {event.trial}, from {where}"]


def _tell_lowered(event: PerGpuLowered) -> list[str]:
    many = "1 trial" if event.per_gpu == 1 else f"{event.per_gpu} trials"
    return [
        f"  {event.trial} ran out of memory with {event.sharing} trials on "
        f"{event.device}: {many} on each GPU from here on (per_gpu in study.toml)"
    ]


def _tell_judgement(event: Event) -> list[str]:
    match event:
        case VerdictReached():
            return verdict_lines(event)
        case VerdictOverridden():
            step = f"step {event.step.number} of 6 {event.step.label}"
            verdict = event.verdict.value.upper()
            return [f"{step}: overridden to {verdict}: {event.note}"]
        case AdviceApplied():
            return ["", f"round {event.round} from {event.base}: {event.advice.text}"]
        case BestAccepted():
            config = config_line(event.config)
            return [f"accepted {event.trial}: {config}"]
        case ProbeFailed():
            return [f"  {event.trial}: probe {event.probe} is off: {event.error}"]
        case _:
            return []


def _value(name: str, value: Scalar) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return format_power(value) if name in _WRITTEN_AS_POWER else format_number(value)


def _short(value: object) -> str:
    match value:
        case None:
            return "–"
        case bool() | str():
            return str(value)
        case int() | float():
            return format_number(value)
        case list():
            shown = ", ".join(_short(item) for item in value[:6])
            return f"[{shown}, …]" if len(value) > 6 else f"[{shown}]"
        case _:
            return str(value)
