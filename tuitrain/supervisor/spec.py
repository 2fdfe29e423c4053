"""From a queued trial to `trial.json`: all a shim and a training process must know."""

from pathlib import Path

from tuitrain.checklist import Settings, find_metric
from tuitrain.events import Step
from tuitrain.model import StudyModel, TrialModel
from tuitrain.store import StudyFolder, TrialSpec, redact
from tuitrain.units import Seconds


def make_spec(
    folder: StudyFolder,
    model: StudyModel,
    trial: TrialModel,
    settings: Settings,
    *,
    device: str,
    threads: int,
    socket: Path,
    booted_at_s: Seconds,
    given: Path | None = None,
    umask: int | None = None,
) -> TrialSpec:
    """Return the description of `trial`, ready to be launched.

    Args:
        folder: The study.
        model: The study as it stands; knows the checkpoint to carry on from.
        trial: What to launch.
        settings: In force.
        device: `cpu` or the UUID of a GPU.
        threads: CPU threads it may use.
        socket: Where the supervisor listens.
        booted_at_s: What the study's logs take for the beginning of this boot.
        given: File with the script's arguments, secrets included; None: it has none.
        umask: As of `TrialSpec`.
    """
    metric = find_metric(model, settings)
    return TrialSpec(
        trial=trial.trial,
        study=folder.name,
        script=str(Path(settings.script).expanduser().resolve()),
        function=settings.function,
        arguments=list(redact(settings.arguments)),
        given=str(given) if given is not None else None,
        step=trial.step or Step.INITIAL_LOSS,
        round=trial.round,
        config=trial.config,
        limits=trial.limits,
        seed=trial.seed,
        device=device,
        threads=threads,
        socket=str(socket),
        booted_at_s=booted_at_s,
        resume_from=_find_checkpoint(folder, model, trial),
        metric=metric.name if metric.is_validation else None,
        highest=metric.highest,
        probe_every=settings.probes.every,
        probe_first=settings.probes.first,
        inspect=settings.probes.inspect,
        umask=umask,
        inspect_data=trial.step in (Step.INITIAL_LOSS, Step.OVERFIT_SMALL),
    )


def _find_checkpoint(
    folder: StudyFolder, model: StudyModel, trial: TrialModel
) -> str | None:
    if trial.resumes is None:
        return None
    below = folder.trial(trial.resumes)
    resumed = model.trials.get(trial.resumes)
    saved = resumed.checkpoint if resumed is not None else None
    path = below.path / saved.path if saved is not None else below.checkpoint
    return str(path.resolve())
