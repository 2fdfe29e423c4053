"""Studies on GPUs, for the screen that shows them."""

from pathlib import Path

from tests.tui.builder import StudyBuilder
from tests.tui.studies import HOSTILE, falling
from tuitrain.events import (
    GpuProcess,
    GpuReading,
    GpusSampled,
    Step,
    SupervisorStarted,
    TrialLimits,
)

_GIB = 1 << 30


def build_on_gpus(path: Path) -> StudyBuilder:
    """Two GPUs: a trial with a worker of its own on one, strangers on the other."""
    study = StudyBuilder(path)
    study.journal(SupervisorStarted(pid=1, slots=2, devices=["GPU-0-aaaa", "GPU-1-bb"]))
    study.enter(Step.FIND_LR)
    study.start()
    trials = [
        study.queue({"lr": lr, "weight_decay": 1e-4}, TrialLimits(iterations=100))
        for lr in (1e-1, 1e-2)
    ]
    for index, trial in enumerate(trials):
        study.begin(
            trial, device=("GPU-0-aaaa", "GPU-1-bb")[index], pid=5000 + 10 * index
        )
    loss = falling(0.1, 0.1, 1)
    for beat in range(40):
        for trial in trials:
            study.train(trial, range(2 * beat + 1, 2 * beat + 3), loss)
        study.clock.now_s += 5
        study.gpus(_first(beat), _second(beat))
    return study


def _first(beat: int) -> GpuReading:
    return GpuReading(
        uuid="GPU-0-aaaa",
        name="NVIDIA H200",
        used_ratio=min(1.0, beat / 30),
        memory_used_bytes=(3 + beat) * _GIB,
        memory_total_bytes=140 * _GIB,
        temp_c=61.0,
        power_w=412.0,
        processes=[
            GpuProcess(
                pid=5000, memory_used_bytes=(1 + beat) * _GIB, parents=[4999, 1]
            ),
            GpuProcess(pid=5005, memory_used_bytes=_GIB, parents=[5000, 4999, 1]),
            GpuProcess(pid=77, memory_used_bytes=_GIB, parents=[1]),
        ],
    )


def _second(beat: int) -> GpuReading:
    return GpuReading(
        uuid="GPU-1-bb",
        name="NVIDIA H200",
        used_ratio=0.5 if beat % 10 < 5 else 0.0,
        memory_used_bytes=70 * _GIB,
        memory_total_bytes=140 * _GIB,
        processes=[GpuProcess(pid=900 + n, memory_used_bytes=_GIB) for n in range(9)],
    )


def build_silent_gpus(path: Path) -> StudyBuilder:
    """A driver that tells next to nothing, and GPUs with hostile names."""
    study = StudyBuilder(path)
    study.enter(Step.FIND_LR)
    study.start()
    for _ in range(3):
        study.gpus(
            *(
                GpuReading(
                    uuid=f"{index}{HOSTILE}",
                    name=HOSTILE,
                    memory_used_bytes=1 << 62,
                    processes=[GpuProcess(pid=n) for n in range(1, 200)]
                    if index % 2
                    else None,
                )
                for index in range(8)
            )
        )
    return study


def build_no_gpu(path: Path, reason: str) -> StudyBuilder:
    """A machine without a GPU, and why."""
    study = StudyBuilder(path)
    study.sample(GpusSampled(error=reason))
    study.enter(Step.INITIAL_LOSS)
    return study
