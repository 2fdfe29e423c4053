"""Whose memory of a GPU it is: trials, their children, and everybody else."""

from tuitrain.events import (
    Event,
    GpuProcess,
    GpuReading,
    GpusSampled,
    Record,
    TrialEnded,
    TrialId,
    TrialStarted,
)
from tuitrain.model import StudyModel, fold
from tuitrain.study import Study
from tuitrain.units import Seconds

FIRST, SECOND = TrialId("0001"), TrialId("0002")


def _fold(*events: tuple[float, Event]) -> Study:
    model = StudyModel()
    for at_s, event in events:
        record = Record(seq=0, at_s=Seconds(at_s), mono_s=Seconds(0.0), event=event)
        model = fold(model, record)
    return Study(model)


def _started(trial: TrialId, pid: int, device: str = "GPU-1") -> TrialStarted:
    return TrialStarted(
        trial=trial,
        pid=pid,
        start_ticks=1,
        boot_id="b",
        shim_pid=pid - 1,
        shim_start_ticks=1,
        device=device,
        threads=1,
        how="warm",
    )


def _sampled(*processes: GpuProcess) -> GpusSampled:
    gpus = [
        GpuReading(uuid="GPU-0", name="idle"),
        GpuReading(uuid="GPU-1", name="busy", processes=list(processes)),
    ]
    return GpusSampled(gpus=gpus)


ITSELF = GpuProcess(pid=21, memory_used_bytes=1 << 30, parents=[20, 1])
CHILD = GpuProcess(pid=30, memory_used_bytes=2 << 30, parents=[25, 21, 20, 1])
LEFT_BEHIND = GpuProcess(pid=31, parents=[20, 1])
STRANGER = GpuProcess(pid=77, memory_used_bytes=4 << 30, parents=[1])


def test_a_trials_children_and_those_it_left_to_its_shim_are_its_own():
    study = _fold(
        (1, _started(FIRST, 21)),
        (2, _started(SECOND, 51)),
        (3, _sampled(ITSELF, CHILD, LEFT_BEHIND, STRANGER)),
    )
    idle, busy = study.gpus
    assert (idle.index, idle.trials, idle.are_told) == (0, (), False)
    assert busy.own == {FIRST: (ITSELF, CHILD, LEFT_BEHIND)}
    assert busy.others == (STRANGER,)
    assert busy.trials == (FIRST, SECOND)


def test_a_number_from_another_count_is_nobodys_trial():
    study = _fold((1, _started(FIRST, 21)), (2, _sampled(GpuProcess(pid=21))))
    assert study.gpus[1].own == {}
    assert study.gpus[1].others == (GpuProcess(pid=21),)


def test_a_trial_that_is_over_has_no_claim_on_its_old_number():
    over = (2.0, TrialEnded(trial=FIRST, exit_code=0))
    late = _fold((1, _started(FIRST, 21)), over, (3, _sampled(ITSELF)))
    assert late.gpus[1].own == {}
    then = _fold((1, _started(FIRST, 21)), (1.5, _sampled(ITSELF)), over)
    assert then.gpus[1].own == {FIRST: (ITSELF,)}


def test_without_a_reading_there_is_no_gpu():
    assert _fold().gpus == ()
    assert _fold((1, GpusSampled(error="no driver"))).gpus == ()
