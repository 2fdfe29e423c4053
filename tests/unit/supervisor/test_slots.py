import pytest

from tuitrain.checklist import Settings, settings_from
from tuitrain.events import GpuReading, GpusSampled
from tuitrain.supervisor.slots import DeviceError, Slots, plan_slots


def settings(**devices: object) -> Settings:
    return settings_from({"script": "train.py", "devices": devices})


def gpus(*uuids: str) -> GpusSampled:
    return GpusSampled(gpus=[GpuReading(uuid=uuid, name="H200") for uuid in uuids])


NO_GPUS = GpusSampled(error="no NVIDIA GPU here")


@pytest.mark.parametrize(
    ("cores", "slots", "total", "threads"),
    [(1, None, 1, 1), (2, None, 1, 2), (16, None, 8, 2), (16, 3, 3, 5), (2, 8, 8, 1)],
)
def test_without_a_gpu_the_cores_are_shared(cores, slots, total, threads):
    wanted = settings() if slots is None else settings(slots=slots)
    found = plan_slots(wanted, NO_GPUS, cores)
    assert (found.total, found.threads, found.devices) == (total, threads, ())
    assert found.choose(["cpu"] * (total - 1)) == "cpu"
    assert found.choose(["cpu"] * total) is None


def test_nobody_who_can_tell_means_the_cpu():
    assert plan_slots(settings(), None, 4).devices == ()


def test_every_gpu_takes_as_many_trials_as_asked_for():
    found = plan_slots(settings(per_gpu=2), gpus("GPU-a", "GPU-b"), 16)
    assert found == Slots(("GPU-a", "GPU-b"), per_device=2, threads=4)
    busy: list[str] = []
    while (device := found.choose(busy)) is not None:
        busy.append(device)
    assert busy == ["GPU-a", "GPU-b", "GPU-a", "GPU-b"]


def test_gpus_may_be_left_alone():
    assert plan_slots(settings(gpus="none"), gpus("GPU-a"), 4).devices == ()


def test_gpus_may_be_chosen_by_number_or_uuid_and_count_once():
    wanted = settings(gpus=[1, "GPU-a", "GPU-b"])
    found = plan_slots(wanted, gpus("GPU-a", "GPU-b", "GPU-c"), 4)
    assert found.devices == ("GPU-b", "GPU-a")


@pytest.mark.parametrize("name", [2, -1, "GPU-x"])
def test_a_gpu_that_is_not_there_is_named_with_those_that_are(name):
    with pytest.raises(DeviceError, match="there is: GPU-a, GPU-b"):
        plan_slots(settings(gpus=[name]), gpus("GPU-a", "GPU-b"), 4)


def test_trials_on_a_device_no_longer_in_use_still_count():
    slots = Slots(("GPU-b",), per_device=1, threads=1)
    assert slots.choose(["GPU-a"]) is None
