"""The driver and its GPUs on a fake of the driver's library; no GPU is needed."""

import os
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from tuitrain.doctor import gpus as judged
from tuitrain.doctor.ask import Answer
from tuitrain.doctor.check import Check, State
from tuitrain.doctor.gpu_probe import (
    DriverFacts,
    GpuFacts,
    GpuUser,
    find_owner,
    main,
    read_driver,
)
from tuitrain.doctor.gpus import (
    DRIVER,
    ECC,
    MIG,
    MODE,
    PERSISTENCE,
    USERS,
    VISIBLE,
    UseFacts,
    count_cards,
    has_device,
    judge_gpus,
    read_driver_facts,
    read_use,
)
from tuitrain.doctor.machine import Machine


class FakeNvmlError(Exception):
    """Stand-in for `pynvml.NVMLError`."""


def fake_nvml(*broken: str, mig: bool = False) -> SimpleNamespace:
    """Stand-in for `pynvml`: two GPUs; whatever is named in `broken` fails."""

    def ask(name: str, answer: object) -> object:
        if name in broken:
            raise FakeNvmlError("GPU is lost")
        return answer

    def find_mig(_: object, index: int) -> object:
        if index > 1:
            raise FakeNvmlError("not found")
        return f"mig {index}"

    return SimpleNamespace(
        NVMLError=FakeNvmlError,
        NVML_MEMORY_ERROR_TYPE_UNCORRECTED=1,
        NVML_VOLATILE_ECC=0,
        nvmlSystemGetDriverVersion=lambda: ask("version", b"550.54.14"),
        nvmlSystemGetCudaDriverVersion_v2=lambda: ask("cuda", 12040),
        nvmlDeviceGetCount=lambda: ask("count", 2),
        nvmlDeviceGetHandleByIndex=lambda index: ask(f"handle {index}", index),
        nvmlDeviceGetUUID=lambda handle: f"GPU-{handle}".replace("GPU-mig", "MIG-"),
        nvmlDeviceGetName=lambda _: b"NVIDIA H200",
        nvmlDeviceGetMemoryInfo=lambda _: ask(
            "memory", SimpleNamespace(used=8 << 30, total=80 << 30)
        ),
        nvmlDeviceGetPersistenceMode=lambda _: ask("persistence", 1),
        nvmlDeviceGetComputeMode=lambda _: ask("mode", 0),
        nvmlDeviceGetMigMode=lambda _: ask("mig", [int(mig), 0]),
        nvmlDeviceGetMaxMigDeviceCount=lambda _: 7,
        nvmlDeviceGetMigDeviceHandleByIndex=find_mig,
        nvmlDeviceGetTotalEccErrors=lambda *_: ask("ecc", 0),
        nvmlDeviceGetComputeRunningProcesses=lambda handle: ask(
            "processes", [SimpleNamespace(pid=300 + handle, usedGpuMemory=5 << 30)]
        ),
        nvmlDeviceGetGraphicsRunningProcesses=lambda _: ask("processes", []),
    )


def read(*broken: str, mig: bool = False) -> DriverFacts:
    return read_driver(
        fake_nvml(*broken, mig=mig),
        parents_of=lambda pid: [1] if pid == 300 else [],
        owner_of={300: 1001}.get,
    )


def test_what_the_driver_tells_is_read():
    facts = read()
    assert (facts.driver, facts.cuda, facts.error) == ("550.54.14", (12, 4), "")
    assert facts.gpus[0] == GpuFacts(
        uuid="GPU-0",
        name="NVIDIA H200",
        memory_bytes=80 << 30,
        used_bytes=8 << 30,
        is_persistent=True,
        compute_mode=0,
        has_mig=False,
        ecc_errors=0,
        users=[GpuUser(pid=300, uid=1001, memory_bytes=5 << 30)],
    )
    # A process that can't be seen from here has no owner that could be named.
    assert facts.gpus[1].users == [GpuUser(pid=301, memory_bytes=5 << 30)]


def test_what_it_does_not_tell_is_none_and_costs_nothing_else():
    silent = ("memory", "persistence", "mode", "mig", "ecc", "processes", "cuda")
    facts = read(*silent, "version")
    assert facts.cuda is None
    assert facts.gpus[0] == GpuFacts(uuid="GPU-0", name="NVIDIA H200")
    assert all(c.state is State.FINE for c in judge_gpus(facts, UseFacts()))


def test_a_gpu_that_fell_off_the_bus_is_broken_and_the_other_one_is_not():
    checks = judge_gpus(read("handle 1"), UseFacts(uid=1001))
    by_name = {check.name: check for check in checks}
    assert by_name["GPU 0"].state is State.FINE
    assert by_name["GPU 1"].state is State.BROKEN
    assert "GPU is lost" in by_name["GPU 1"].found
    none = judge_gpus(read("handle 0", "handle 1"), UseFacts())
    assert [c.state for c in none] == [State.FINE, State.BROKEN, State.BROKEN]


def test_gpus_that_cant_be_counted_are_told_with_the_reason():
    assert read("count") == DriverFacts(error="the GPUs can't be counted: GPU is lost")


def test_slices_are_named():
    facts = read(mig=True)
    assert facts.gpus[0].mig_uuids == ["MIG- 0", "MIG- 1"]


def test_facts_survive_the_way_between_processes():
    encoded = msgspec.json.encode(read(mig=True))
    assert msgspec.json.decode(encoded, type=DriverFacts) == read(mig=True)


def test_an_owner_is_known_if_the_process_can_be_seen(tmp_path):
    assert find_owner(os.getpid()) == os.getuid()
    assert find_owner(7, tmp_path) is None


def gpu(index: int = 0, **facts) -> GpuFacts:
    values = {"uuid": f"GPU-{index}", "name": "H200", "is_persistent": True, **facts}
    return GpuFacts(**values)


def judge(name: str, *gpus: GpuFacts, **use) -> Check:
    checks = judge_gpus(DriverFacts(gpus=list(gpus)), UseFacts(uid=7, **use))
    return next(check for check in checks if check.name == name)


@pytest.mark.parametrize(
    ("name", "facts", "use", "state", "words"),
    [
        (PERSISTENCE, {}, {}, State.FINE, "on"),
        (PERSISTENCE, {"is_persistent": False}, {}, State.WARNING, "off on GPU 0"),
        (MIG, {}, {}, State.FINE, "off"),
        (MIG, {"has_mig": True, "mig_uuids": ["MIG-a"]}, {}, State.WARNING, "MIG-a"),
        (MIG, {"has_mig": True}, {}, State.BROKEN, "without a slice"),
        (ECC, {"ecc_errors": 0}, {}, State.FINE, "none"),
        (ECC, {"ecc_errors": 4}, {}, State.WARNING, "4 on GPU 0"),
        (MODE, {"compute_mode": 0}, {}, State.FINE, "default"),
        (MODE, {"compute_mode": 3}, {}, State.FINE, "exclusive"),
        (MODE, {"compute_mode": 3}, {"per_gpu": 2}, State.WARNING, "2 trials"),
        (MODE, {"compute_mode": 2}, {}, State.BROKEN, "prohibited"),
        (USERS, {}, {}, State.FINE, "does not tell"),
        (USERS, {"users": []}, {}, State.FINE, "nobody"),
        (USERS, {"users": [GpuUser(pid=3, uid=7)]}, {}, State.FINE, "nobody"),
        (
            USERS,
            {"users": [GpuUser(pid=3, uid=8, memory_bytes=1 << 30)]},
            {"names": {8: "eve"}},
            State.WARNING,
            "GPU 0: process 3 (eve, 1.0 GiB)",
        ),
        (USERS, {"users": [GpuUser(pid=3)]}, {}, State.WARNING, "not to be seen"),
        (VISIBLE, {}, {"visible": "1"}, State.WARNING, "CUDA_VISIBLE_DEVICES=1"),
    ],
)
def test_what_may_go_wrong_on_a_gpu(name, facts, use, state, words):
    check = judge(name, gpu(**facts), **use)
    assert check.state is state
    assert words in check.found
    assert bool(check.mend) is (state is not State.FINE)


def test_gpus_without_others_on_them_are_named():
    check = judge(USERS, gpu(0, users=[GpuUser(pid=3, uid=8)]), gpu(1, users=[]))
    assert check.mend.endswith("--gpus 1")


def test_an_empty_list_of_visible_gpus_means_none():
    assert judge(VISIBLE, gpu(), visible="").mend.endswith("--gpus none")


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        (DriverFacts(error="no NVIDIA GPU here"), State.FINE),
        (DriverFacts(), State.FINE),
        (DriverFacts(error="it crashed (SIGSEGV)", has_crashed=True), State.FINE),
        (DriverFacts(error="not loaded", cards_on_bus=2), State.WARNING),
        (DriverFacts(error="version mismatch", has_device=True), State.BROKEN),
        (
            DriverFacts(error="no answer", has_device=True, has_crashed=True),
            State.BROKEN,
        ),
    ],
)
def test_no_gpu_is_fine_unless_there_should_be_one(facts, state):
    (check,) = judge_gpus(facts, UseFacts(visible="0"))
    assert check.name == DRIVER
    assert check.state is state
    assert "trials run on the CPU" in check.found


def test_cards_and_device_files_are_looked_for(tmp_path):
    machine = Machine(root=tmp_path)
    assert not has_device(machine)
    assert count_cards(machine) == 0
    for name, vendor, kind in (
        ("0", "0x10de", "0x030200"),
        ("1", "0x10de", "0x040300"),
        ("2", "0x8086", "0x030000"),
    ):
        folder = tmp_path / "sys/bus/pci/devices" / name
        folder.mkdir(parents=True)
        (folder / "vendor").write_text(f"{vendor}\n")
        (folder / "class").write_text(f"{kind}\n")
    assert count_cards(machine) == 1
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/nvidiactl").touch()
    assert not has_device(machine)
    (tmp_path / "dev/nvidia0").touch()
    assert has_device(machine)


@pytest.mark.parametrize(
    ("answer", "error", "has_crashed"),
    [
        (Answer('{"error":"no NVIDIA GPU here"}\n'), "no NVIDIA GPU here", False),
        (Answer("", "it crashed (SIGSEGV)"), "it crashed (SIGSEGV)", True),
        (Answer("", "no answer within 30 s"), "no answer within 30 s", True),
        (Answer("junk"), "the answer makes no sense", True),
    ],
)
def test_a_driver_that_crashes_or_hangs_costs_its_own_answer_only(
    monkeypatch, tmp_path, answer, error, has_crashed
):
    monkeypatch.setattr(judged, "ask", lambda *_, **__: answer)
    facts = read_driver_facts(Machine(root=tmp_path))
    assert (facts.error, facts.has_crashed) == (error, has_crashed)


def test_the_users_names_are_found(tmp_path):
    driver = DriverFacts(
        gpus=[gpu(users=[GpuUser(pid=1, uid=0), GpuUser(pid=2, uid=4_000_000)])]
    )
    use = read_use(Machine(environ={"CUDA_VISIBLE_DEVICES": "0"}), driver, 2)
    assert use.names == {0: "root", 4_000_000: "user 4000000"}
    assert (use.visible, use.per_gpu) == ("0", 2)


def test_the_driver_of_this_machine_is_asked(tmp_path: Path, capsys):
    facts = read_driver_facts(Machine.here(tmp_path))
    assert not facts.has_crashed
    assert judge_gpus(facts, UseFacts())
    assert main() == 0
    told = msgspec.json.decode(capsys.readouterr().out, type=DriverFacts)
    assert told.error == facts.error
