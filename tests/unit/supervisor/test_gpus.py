"""The GPU sampler on a fake of the driver's library; no GPU is needed."""

import io
import select
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tuitrain.events import GpuProcess, GpuReading, GpusSampled, decode_record
from tuitrain.store import LogWriter
from tuitrain.supervisor import gpus as sampler
from tuitrain.supervisor.gpu_processes import (
    HOST_NAMESPACE,
    MOST_PARENTS,
    find_parents,
)
from tuitrain.supervisor.gpus import is_notable, read_gpus


class FakeNvmlError(Exception):
    """Stand-in for `pynvml.NVMLError`."""


def told(pid: int, memory: int | None) -> SimpleNamespace:
    """A process as the driver tells it."""
    return SimpleNamespace(pid=pid, usedGpuMemory=memory)


def above(pid: int) -> list[int]:
    """Stand-in for what this machine knows of a process."""
    return {300: [200, 1], 20: [1]}.get(pid, [])


PROCESSES = [
    GpuProcess(pid=7, memory_used_bytes=1 << 20),
    GpuProcess(pid=20, parents=[1]),
    GpuProcess(pid=300, memory_used_bytes=5 << 30, parents=[200, 1]),
]


def fake_nvml(*broken: str) -> SimpleNamespace:
    """Stand-in for `pynvml`: two GPUs; whatever is named in `broken` fails."""

    def ask(name: str, answer: object) -> object:
        if name in broken:
            raise FakeNvmlError("GPU is lost")
        return answer

    def read_memory(handle: int) -> object:
        return ask("memory", SimpleNamespace(used=handle << 30, total=80 << 30))

    return SimpleNamespace(
        NVMLError=FakeNvmlError,
        NVML_TEMPERATURE_GPU=0,
        nvmlDeviceGetCount=lambda: ask("count", 2),
        nvmlDeviceGetHandleByIndex=lambda index: ask(f"handle {index}", index),
        nvmlDeviceGetUUID=lambda handle: f"GPU-{handle}".encode(),
        nvmlDeviceGetName=lambda _: "NVIDIA H200",
        nvmlDeviceGetMemoryInfo=read_memory,
        nvmlDeviceGetUtilizationRates=lambda _: ask("rates", SimpleNamespace(gpu=93)),
        nvmlDeviceGetTemperature=lambda _, __: ask("temp", 62),
        nvmlDeviceGetPowerUsage=lambda _: ask("power", 412_000),
        nvmlDeviceGetComputeRunningProcesses=lambda _: ask(
            "compute", [told(300, 5 << 30), told(20, None)]
        ),
        nvmlDeviceGetGraphicsRunningProcesses=lambda _: ask(
            "graphics", [told(300, 1 << 30), told(7, 1 << 20)]
        ),
    )


def test_a_reading_is_in_our_units():
    first, second = read_gpus(fake_nvml(), above).gpus
    assert first.uuid == "GPU-0"
    assert second == GpuReading(
        uuid="GPU-1",
        name="NVIDIA H200",
        used_ratio=0.93,
        memory_used_bytes=1 << 30,
        memory_total_bytes=80 << 30,
        temp_c=62.0,
        power_w=412.0,
        processes=PROCESSES,
    )


def test_what_a_driver_does_not_tell_is_unknown_and_never_zero():
    silent = ("memory", "rates", "temp", "power", "compute", "graphics")
    reading = read_gpus(fake_nvml(*silent)).gpus[0]
    assert reading == GpuReading(uuid="GPU-0", name="NVIDIA H200")
    assert reading.processes is None


def test_processes_are_told_even_where_the_driver_knows_only_one_kind():
    reading = read_gpus(fake_nvml("graphics"), above).gpus[0]
    assert reading.processes == PROCESSES[1:]


def make_process(proc: Path, pid: int, parent: int, *open_files: str) -> None:
    folder = proc / str(pid)
    (folder / "fd").mkdir(parents=True)
    fields = f"{parent} 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 555 0 0"
    (folder / "stat").write_text(f"{pid} (a ) b) S {fields}")
    for number, name in enumerate(open_files):
        (folder / "fd" / str(number)).symlink_to(name)


def make_proc(proc: Path, namespace: str) -> Path:
    make_process(proc, 1, 0)
    make_process(proc, 200, 1)
    make_process(proc, 300, 200, "/dev/null", "/dev/nvidia0")
    make_process(proc, 301, 200, "/dev/null")
    (proc / "self/ns").mkdir(parents=True)
    (proc / "self/ns/pid").symlink_to(namespace)
    return proc


def test_on_the_host_a_number_means_the_process_that_has_it(tmp_path):
    proc = make_proc(tmp_path, HOST_NAMESPACE)
    assert find_parents(300, proc) == [200, 1]
    assert find_parents(301, proc) == [200, 1]
    assert find_parents(999, proc) == []


def test_in_a_container_only_a_process_with_a_gpu_open_can_be_meant(tmp_path):
    proc = make_proc(tmp_path, "pid:[4026532222]")
    assert find_parents(300, proc) == [200, 1]
    assert find_parents(301, proc) == []
    assert find_parents(999, proc) == []


def test_parents_that_go_round_in_circles_come_to_an_end(tmp_path):
    proc = make_proc(tmp_path, HOST_NAMESPACE)
    make_process(proc, 40, 41)
    make_process(proc, 41, 40)
    assert len(find_parents(40, proc)) == MOST_PARENTS


@pytest.mark.parametrize(
    ("after", "is_news"),
    [
        (None, True),
        ([], True),
        ([GpuProcess(pid=7, memory_used_bytes=1 << 30)], False),
        ([GpuProcess(pid=7, memory_used_bytes=(1 << 30) + 4096)], False),
        ([GpuProcess(pid=7, memory_used_bytes=2 << 30)], True),
        ([GpuProcess(pid=8, memory_used_bytes=1 << 30)], True),
        ([GpuProcess(pid=7)], True),
    ],
)
def test_processes_that_come_go_or_grow_are_worth_a_line(after, is_news):
    def sampled(processes: list[GpuProcess] | None) -> GpusSampled:
        return GpusSampled(gpus=[GpuReading(uuid="G", name="", processes=processes)])

    before = sampled([GpuProcess(pid=7, memory_used_bytes=1 << 30)])
    assert is_notable(before, sampled(after)) is is_news


def test_a_gpu_that_fell_off_the_bus_costs_only_itself():
    reading = read_gpus(fake_nvml("handle 0"))
    assert [gpu.uuid for gpu in reading.gpus] == ["GPU-1"]
    assert reading.error == ""


@pytest.mark.parametrize("broken", [{"count"}, {"handle 0", "handle 1"}])
def test_no_gpu_at_all_is_told_with_its_reason(broken):
    reading = read_gpus(fake_nvml(*broken))
    assert reading.gpus == []
    assert reading.error


def reading(**changes: float | None) -> GpusSampled:
    values: dict[str, float | None] = {"used_ratio": 0.5, "temp_c": 60.0, **changes}
    return GpusSampled(gpus=[GpuReading(uuid="GPU-0", name="H200", **values)])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (reading(), False),
        (reading(used_ratio=0.51), False),
        (reading(used_ratio=0.53), True),
        (reading(temp_c=61.0), True),
        (reading(temp_c=None), True),
        (GpusSampled(gpus=[]), True),
        (GpusSampled(error="gone"), True),
    ],
)
def test_only_what_changed_notably_is_worth_a_line(after, expected):
    assert is_notable(reading(), after) is expected


def test_a_sampler_writes_what_changed_and_ends_when_the_gpus_are_gone(
    tmp_path, monkeypatch
):
    steps = iter(
        [reading(), reading(), reading(temp_c=70.0), GpusSampled(error="lost")]
    )
    monkeypatch.setattr(select, "select", lambda *_: ([], [], []))
    log = LogWriter(tmp_path / "gpus.jsonl", "gpus")
    assert sampler.sample(lambda: next(steps), log) == 0
    lines = (tmp_path / "gpus.jsonl").read_bytes().splitlines()
    events = [decode_record(line).event for line in lines[1:]]
    assert events == [reading(), reading(temp_c=70.0), GpusSampled(error="lost")]


def test_a_sampler_ends_with_its_supervisor(tmp_path, monkeypatch):
    monkeypatch.setattr(select, "select", lambda *_: ([object()], [], []))
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    log = LogWriter(tmp_path / "gpus.jsonl", "gpus")
    assert sampler.sample(reading, log) == 0


def test_without_a_driver_one_line_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(sampler, "load_nvml", lambda: (None, "no NVIDIA GPU here"))
    monkeypatch.setattr(sampler, "setproctitle", lambda _title: None)
    assert sampler.main([str(tmp_path)]) == 0
    lines = (tmp_path / "gpus.jsonl").read_bytes().splitlines()
    assert decode_record(lines[-1]).event == GpusSampled(error="no NVIDIA GPU here")
