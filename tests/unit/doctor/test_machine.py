"""Cores, memory, limits and kernel, from made-up trees and from this machine."""

import os
from pathlib import Path
from typing import Any

import pytest

from tuitrain.doctor.cgroup import CgroupFacts, read_cgroup
from tuitrain.doctor.check import State
from tuitrain.doctor.kernel import (
    KernelFacts,
    judge_kernel,
    read_kernel,
)
from tuitrain.doctor.limits import (
    LimitFacts,
    count_threads,
    judge_limits,
    read_limits,
)
from tuitrain.doctor.machine import Machine
from tuitrain.doctor.memory import (
    CORES,
    MEMORY,
    OOM,
    SWAP,
    MemoryFacts,
    SharedFacts,
    judge_memory,
    judge_shared,
    read_memory,
    read_shared,
)

GIB = 1 << 30
MIB = 1 << 20


def write(root: Path, files: dict[str, str]) -> Machine:
    """Write files below `root` and return the machine they make up."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Machine(root=root, uid=1000)


def test_the_tightest_group_on_the_way_up_counts(tmp_path):
    machine = write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/a/b\n",
            "sys/fs/cgroup/a/memory.max": f"{8 * GIB}\n",
            "sys/fs/cgroup/a/memory.current": f"{5 * GIB}\n",
            "sys/fs/cgroup/a/memory.stat": f"anon 1\ninactive_file {1 * GIB}\n",
            "sys/fs/cgroup/a/b/memory.max": "max\n",
            "sys/fs/cgroup/a/cpu.max": "250000 100000\n",
            "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
            "sys/fs/cgroup/a/pids.max": "100\n",
            "sys/fs/cgroup/a/pids.current": "40\n",
        },
    )
    assert read_cgroup(machine) == CgroupFacts(
        limit_bytes=8 * GIB,
        used_bytes=4 * GIB,
        cores=2.5,
        limit_processes=100,
        processes=40,
    )


def test_the_first_version_of_groups_is_read_as_well(tmp_path):
    folder = "sys/fs/cgroup/memory"
    machine = write(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/of/the/host\n3:cpu,cpuacct:/\n0::/\n",
            f"{folder}/memory.limit_in_bytes": f"{2 * GIB}\n",
            f"{folder}/memory.usage_in_bytes": f"{1 * GIB}\n",
            f"{folder}/memory.stat": "total_inactive_file 0\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
    )
    facts = read_cgroup(machine)
    assert (facts.limit_bytes, facts.used_bytes, facts.cores) == (2 * GIB, GIB, 0.5)


@pytest.mark.parametrize("number", ["9223372036854771712", "max", "", "-1", "junk"])
def test_no_limit_is_none_however_it_is_written(tmp_path, number):
    folder = "sys/fs/cgroup"
    machine = write(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/\n0::/\njunk\n",
            f"{folder}/memory/memory.limit_in_bytes": number,
            f"{folder}/memory.max": number,
            f"{folder}/cpu.max": number,
            f"{folder}/cpu.cfs_quota_us": number[:2],
        },
    )
    assert read_cgroup(machine) == CgroupFacts()


WHOLE: dict[str, Any] = {
    "cores": 8,
    "all_cores": 8,
    "total_bytes": 64 * GIB,
    "available_bytes": 32 * GIB,
    "swap_bytes": 0,
    "swap_free_bytes": 0,
    "oom_kills": 0,
}


@pytest.mark.parametrize(
    ("name", "facts", "state"),
    [
        (CORES, {}, State.FINE),
        (CORES, {"granted_cores": 8.0}, State.FINE),
        (CORES, {"granted_cores": 2.5}, State.WARNING),
        (MEMORY, {}, State.FINE),
        (MEMORY, {"available_bytes": 2 * GIB - 1}, State.WARNING),
        (MEMORY, {"available_bytes": 255 * MIB}, State.BROKEN),
        (MEMORY, {"limit_bytes": 4 * GIB}, State.FINE),
        (
            MEMORY,
            {"limit_bytes": 4 * GIB, "limited_used_bytes": 3 * GIB},
            State.WARNING,
        ),
        (
            MEMORY,
            {"limit_bytes": 4 * GIB, "limited_used_bytes": 5 * GIB},
            State.BROKEN,
        ),
        (MEMORY, {"limit_bytes": 128 * GIB}, State.FINE),
        (MEMORY, {"available_bytes": None}, State.UNKNOWN),
        (SWAP, {}, State.FINE),
        (SWAP, {"swap_bytes": GIB, "swap_free_bytes": GIB}, State.FINE),
        (SWAP, {"swap_bytes": GIB, "swap_free_bytes": 50 * MIB}, State.WARNING),
        (SWAP, {"swap_bytes": None}, State.UNKNOWN),
        (OOM, {}, State.FINE),
        (OOM, {"oom_kills": 3}, State.FINE),
        (OOM, {"oom_kills": None}, State.WARNING),
        (OOM, {"overcommit": 2}, State.WARNING),
        (OOM, {"panics": True}, State.WARNING),
    ],
)
def test_what_trials_have_to_live_on(name, facts, state):
    checks = judge_memory(MemoryFacts(**{**WHOLE, **facts}))
    check = next(c for c in checks if c.name == name)
    assert check.state is state
    assert bool(check.mend) is (state in (State.WARNING, State.BROKEN))


def test_fewer_cores_than_counted_name_the_places_that_fit():
    facts = MemoryFacts(**{**WHOLE, "granted_cores": 4.0})
    assert judge_memory(facts)[0].mend.endswith("--slots 2")


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        (SharedFacts(total_bytes=8 * GIB, free_bytes=8 * GIB), State.FINE),
        (SharedFacts(total_bytes=64 * MIB, free_bytes=64 * MIB), State.WARNING),
        (SharedFacts(total_bytes=8 * GIB, free_bytes=MIB), State.BROKEN),
        (SharedFacts(is_there=False), State.BROKEN),
        (SharedFacts(can_write=False, free_bytes=GIB), State.BROKEN),
    ],
)
def test_shared_memory_must_have_room_for_batches(facts, state):
    (check,) = judge_shared(facts)
    assert check.state is state
    assert bool(check.mend) is (state is not State.FINE)


def test_made_up_files_of_the_kernel_are_understood(tmp_path):
    machine = write(
        tmp_path,
        {
            "proc/meminfo": "MemTotal: 1024 kB\nMemAvailable: 512 kB\nSwapTotal: 0 kB\n",
            "proc/vmstat": "pgfault 7\noom_kill 3\n",
            "proc/sys/vm/overcommit_memory": "2\n",
            "proc/sys/vm/panic_on_oom": "1\n",
        },
    )
    facts = read_memory(machine)
    assert facts.total_bytes == MIB
    assert facts.available_bytes == MIB // 2
    assert (facts.swap_bytes, facts.swap_free_bytes) == (0, None)
    assert (facts.oom_kills, facts.overcommit, facts.panics) == (3, 2, True)


def test_files_that_are_not_there_leave_everything_unknown(tmp_path):
    facts = read_memory(Machine(root=tmp_path))
    assert facts.total_bytes is None
    assert facts.oom_kills is None
    assert judge_memory(facts)
    assert not read_shared(Machine(root=tmp_path)).is_there


@pytest.mark.parametrize(
    ("facts", "states"),
    [
        (LimitFacts(), (State.FINE, State.FINE)),
        (LimitFacts(files=1024, processes=4096), (State.FINE, State.FINE)),
        (LimitFacts(files=256, files_at_most=4096), (State.WARNING, State.FINE)),
        (LimitFacts(files=256, files_at_most=256), (State.WARNING, State.FINE)),
        (LimitFacts(processes=600, threads=200), (State.FINE, State.WARNING)),
        (LimitFacts(processes=600, threads=590), (State.FINE, State.BROKEN)),
        (LimitFacts(processes=10, is_root=True), (State.FINE, State.FINE)),
        (LimitFacts(group_processes=64, group_threads=60), (State.FINE, State.BROKEN)),
    ],
)
def test_limits_are_told_before_they_are_met(facts, states):
    assert tuple(check.state for check in judge_limits(facts)) == states


def test_a_limit_one_may_raise_oneself_comes_with_the_command():
    assert judge_limits(LimitFacts(files=256))[0].mend == "ulimit -n 65536"
    mend = judge_limits(LimitFacts(files=256, files_at_most=4096))[0].mend
    assert mend == "ulimit -n 4096"
    assert "admin" in judge_limits(LimitFacts(files=9, files_at_most=9))[0].mend


def test_threads_of_this_user_are_counted_and_no_others(tmp_path):
    machine = write(
        tmp_path,
        {
            "proc/7/status": "Name: a\nUid:\t1000\t1000\t1000\t1000\nThreads:\t5\n",
            "proc/8/status": "Name: b\nUid:\t0\t0\t0\t0\nThreads:\t9\n",
            "proc/9/status": "Uid:\t1000\t1000\t1000\t1000\n",
            "proc/self/status": "Uid:\t1000\nThreads:\t50\n",
        },
    )
    assert count_threads(machine) == 6


def test_a_kernel_that_refuses_breaks_a_promise():
    assert all(c.state is State.FINE for c in judge_kernel(KernelFacts(release="6.1")))
    refused = KernelFacts(
        release="4.4", pidfd_refusal="Function not implemented", subreaper_refusal="no"
    )
    assert all(c.state is State.BROKEN and c.mend for c in judge_kernel(refused))


def test_this_machine_is_read_and_left_as_it_was(tmp_path):
    machine = Machine.here(tmp_path)
    assert read_kernel() == read_kernel()
    assert all(check.state is State.FINE for check in judge_kernel(read_kernel()))
    memory = read_memory(machine)
    assert memory.cores == len(os.sched_getaffinity(0))
    assert memory.total_bytes
    assert judge_shared(read_shared(machine))
    limits = read_limits(machine)
    assert limits.threads > 0
    assert len(judge_limits(limits)) == 2


@pytest.mark.parametrize("name", ["pidfd_open", "pidfd_send_signal"])
def test_a_call_that_the_kernel_refuses_is_told_in_its_words(monkeypatch, name):
    def refuse(*_: object) -> int:
        raise OSError(38, "Function not implemented")

    module = "os" if name == "pidfd_open" else "signal"
    monkeypatch.setattr(f"{module}.{name}", refuse)
    assert read_kernel().pidfd_refusal == "Function not implemented"
