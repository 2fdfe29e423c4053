"""The GPU sampler on a fake of the driver's library; no GPU is needed."""

import io
import select
import sys
from types import SimpleNamespace

import pytest

from tuitrain.events import GpuReading, GpusSampled, decode_record
from tuitrain.store import LogWriter
from tuitrain.supervisor import gpus as sampler
from tuitrain.supervisor.gpus import is_notable, read_gpus


class FakeNvmlError(Exception):
    """Stand-in for `pynvml.NVMLError`."""


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
    )


def test_a_reading_is_in_our_units():
    first, second = read_gpus(fake_nvml()).gpus
    assert first.uuid == "GPU-0"
    assert second == GpuReading(
        uuid="GPU-1",
        name="NVIDIA H200",
        used_ratio=0.93,
        memory_used_bytes=1 << 30,
        memory_total_bytes=80 << 30,
        temp_c=62.0,
        power_w=412.0,
    )


def test_what_a_driver_does_not_tell_is_unknown_and_never_zero():
    reading = read_gpus(fake_nvml("memory", "rates", "temp", "power")).gpus[0]
    assert reading == GpuReading(uuid="GPU-0", name="NVIDIA H200")


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
