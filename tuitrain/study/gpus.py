"""The GPUs as screens show them: who uses which, now and over the last minutes."""

from collections.abc import Mapping

import msgspec

from tuitrain.events import GpuProcess, GpuReading, TrialId
from tuitrain.model import GpuHistory, StudyModel, TrialModel
from tuitrain.units import Seconds


class GpuView(msgspec.Struct, frozen=True, kw_only=True):
    """One GPU."""

    index: int
    """Its number as `cuda:0` has it: in the order of the PCI bus."""
    reading: GpuReading
    history: GpuHistory
    trials: tuple[TrialId, ...]
    """Those that run on it."""
    own: Mapping[TrialId, tuple[GpuProcess, ...]]
    """The processes of trials, their children's among them."""
    others: tuple[GpuProcess, ...]
    """All other processes, or those that can't be told to be a trial's."""
    are_told: bool
    """Whether the driver tells at all which processes use it."""


def gpu_views(model: StudyModel) -> tuple[GpuView, ...]:
    """Return every GPU of the newest reading; (): there is none, or no reading."""
    sampled, at_s = model.gpus, model.gpus_at_s
    if sampled is None or at_s is None:
        return ()
    living = [t for t in model.trials.values() if _lived(t, at_s)]
    return tuple(
        _view(model, index, reading, living)
        for index, reading in enumerate(sampled.gpus)
    )


def _view(
    model: StudyModel, index: int, reading: GpuReading, living: list[TrialModel]
) -> GpuView:
    own: dict[TrialId, tuple[GpuProcess, ...]] = {}
    others: list[GpuProcess] = []
    for process in reading.processes or ():
        owner = next((t.trial for t in living if _is_of(process, t)), None)
        if owner is None:
            others.append(process)
        else:
            own[owner] = (*own.get(owner, ()), process)
    here = [t.trial for t in living if t.started and t.started.device == reading.uuid]
    return GpuView(
        index=index,
        reading=reading,
        history=model.gpu_history.get(reading.uuid, GpuHistory()),
        trials=tuple(here),
        own=own,
        others=tuple(others),
        are_told=reading.processes is not None,
    )


def _lived(trial: TrialModel, at_s: Seconds) -> bool:
    """Whether a trial ran when the GPUs were read: its pid may be another's later."""
    if trial.started_at_s is None or trial.lost_reason is not None:
        return False
    is_over = trial.ended_at_s is not None and trial.ended_at_s < at_s
    return trial.started_at_s <= at_s and not is_over


def _is_of(process: GpuProcess, trial: TrialModel) -> bool:
    """Whether a process is a trial's, or below it, or was left to its shim."""
    started = trial.started
    if started is None:
        return False
    if not process.parents:
        # In a container its number may mean another process on the host.
        return False
    return bool({started.pid, started.shim_pid} & {process.pid, *process.parents})
