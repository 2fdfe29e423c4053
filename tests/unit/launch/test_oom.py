"""Counters of kills for want of memory, in either version of control groups, or none."""

import pytest

from tuitrain.launch.oom import OomCounter


def write(root, path: str, text: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.fixture(params=["version 1", "version 2", "hybrid", "none", "unreadable"])
def place(request, tmp_path):
    """A machine's counter that counts: its file, and the text around the number."""
    write(tmp_path, "proc/vmstat", "pgfault 9\noom_kill 3\n")
    match request.param:
        case "version 1":
            write(
                tmp_path, "proc/self/cgroup", "4:memory:/job\n2:cpu,cpuacct:/\n0::/\n"
            )
            return tmp_path, "sys/fs/cgroup/memory/job/memory.oom_control"
        case "version 2":
            write(tmp_path, "proc/self/cgroup", "0::/user.slice/job.scope\n")
            return tmp_path, "sys/fs/cgroup/user.slice/job.scope/memory.events"
        case "hybrid":
            write(tmp_path, "proc/self/cgroup", "1:name=systemd:/\n0::/job\n")
            return tmp_path, "sys/fs/cgroup/unified/job/memory.events"
        case "unreadable":
            write(tmp_path, "proc/self/cgroup", "0::/elsewhere/on/the/host\n")
        case _:
            assert request.param == "none"
    return tmp_path, "proc/vmstat"


def test_only_kills_since_the_look_before_count(place):
    root, file = place
    write(root, file, "low 0\noom_kill 3\noom_group_kill 0\n")
    counter = OomCounter(root)
    assert counter.count_recent() == 0
    write(root, file, "low 0\noom_kill 5\n")
    assert counter.count_recent() == 2
    # An hour later they are no evidence any more.
    counter.look()
    counter.look()
    assert counter.count_recent() == 0


def test_what_happens_to_others_does_not_touch_a_group_of_ones_own(tmp_path):
    write(tmp_path, "proc/vmstat", "oom_kill 0\n")
    write(tmp_path, "proc/self/cgroup", "0::/job\n")
    write(tmp_path, "sys/fs/cgroup/job/memory.events", "oom_kill 0\n")
    counter = OomCounter(tmp_path)
    write(tmp_path, "proc/vmstat", "oom_kill 1\n")
    assert counter.count_recent() == 0


def test_without_any_counter_nothing_is_claimed(tmp_path):
    counter = OomCounter(tmp_path)
    counter.look()
    assert counter.count_recent() == 0
