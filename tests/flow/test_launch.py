"""Trials as real processes. The worker is a stand-in that only runs the script."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.flow.trials import (
    find_end,
    find_start,
    make_trial,
    read_events,
    read_pids,
)
from tests.flow.waiting import wait_for
from tuitrain.events import TrialStarted
from tuitrain.launch import (
    Fallback,
    Launched,
    ProcessIdentity,
    Unusable,
    module_command,
)
from tuitrain.launch.shim import run_shim

pytestmark = [pytest.mark.flow, pytest.mark.usefixtures("standin")]

FAMILY = """
    import os, subprocess, sys, time
    from pathlib import Path
    sleep = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]
    deaf = [sys.executable, "-S", "-c",
            "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
            "time.sleep(600)"]
    children = [
        subprocess.Popen(sleep),
        subprocess.Popen(sleep, start_new_session=True),
        subprocess.Popen(deaf, start_new_session=True),
    ]
    draft = Path(os.environ["TUITRAIN_TRIAL"]) / "draft"
    draft.write_text(" ".join(str(child.pid) for child in children))
    draft.rename(draft.with_name("pids"))
"""


def test_a_trial_runs_in_its_own_session_with_its_streams_in_its_log(door, how, study):
    spec, folder = make_trial(
        study,
        1,
        """
        import os, sys
        print("out", sys.stdin.read() == "", os.getsid(0) == os.getpid())
        print("err", file=sys.stderr)
        status = 7
        """,
    )
    door.launcher.launch(spec, folder)
    ended = door.finish(folder)
    assert (ended.exit_code, ended.signal) == (7, None)
    assert folder.out.read_text().splitlines() == ["out True True", "err"]
    started = find_start(folder)
    assert started is not None
    assert (started.how, started.device, started.threads) == (how, "cpu", 1)


def test_the_device_and_the_threads_reach_the_training_process(door, how, study):
    script = """
        import os
        print(os.environ["CUDA_VISIBLE_DEVICES"], os.environ["CUDA_DEVICE_ORDER"],
              os.environ["OMP_NUM_THREADS"])
    """
    on_gpu = make_trial(study, 1, script, device="GPU-1234", threads=3)
    on_cpu = make_trial(study, 2, script)
    for spec, folder in (on_gpu, on_cpu):
        door.launcher.launch(spec, folder)
        door.finish(folder)
    assert on_gpu[1].out.read_text() == "GPU-1234 PCI_BUS_ID 3\n"
    assert on_cpu[1].out.read_text() == " PCI_BUS_ID 1\n"


def test_what_a_script_registers_for_its_end_is_run(door, how, study):
    spec, folder = make_trial(
        study,
        1,
        """
        import atexit, threading, time
        def late():
            time.sleep(0.2)
            print("thread done")
        threading.Thread(target=late).start()
        atexit.register(print, "registered")
        print("no newline", end="")
        """,
    )
    door.launcher.launch(spec, folder)
    door.finish(folder)
    assert folder.out.read_text() == "no newlinethread done\nregistered\n"


def test_a_training_process_that_is_killed_ends_with_its_signal(door, how, study):
    spec, folder = make_trial(study, 1, "import time; time.sleep(600)")
    door.launcher.launch(spec, folder)
    os.kill(door.begin(folder).pid, signal.SIGKILL)
    ended = door.finish(folder)
    assert (ended.exit_code, ended.signal) == (None, signal.SIGKILL)


def test_nothing_a_trial_leaves_behind_survives_it(door, how, study):
    spec, folder = make_trial(study, 1, FAMILY)
    door.launcher.launch(spec, folder)
    door.finish(folder)
    pids = read_pids(folder.path / "pids", 3)
    assert len(pids) == 3
    assert [ProcessIdentity.of(pid) for pid in pids] == [None, None, None]


def test_a_stopped_trial_takes_its_whole_family_along(door, how, study):
    spec, folder = make_trial(study, 1, FAMILY + "    time.sleep(600)\n")
    door.launcher.launch(spec, folder)
    started = door.begin(folder)
    pids = wait_for(lambda: read_pids(folder.path / "pids", 3), "the children")
    assert door.launcher.terminate(started)
    ended = door.finish(folder)
    assert ended.signal == signal.SIGTERM
    assert [ProcessIdentity.of(pid) for pid in pids] == [None, None, None]
    wait_for(lambda: not door.launcher.is_alive(started), "the end of its shim")


def test_a_trial_that_will_not_stop_is_killed(door, study):
    spec, folder = make_trial(
        study,
        1,
        """
        import signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("deaf")
        time.sleep(600)
        """,
    )
    door.launcher.launch(spec, folder)
    started = door.begin(folder)
    wait_for(lambda: "deaf" in folder.out.read_text(), "its first words")
    door.launcher.terminate(started)
    assert door.finish(folder).signal == signal.SIGKILL


def test_a_trial_launched_twice_runs_once(door, how, study):
    spec, folder = make_trial(study, 1, "print('once')")
    door.launcher.launch(spec, folder)
    door.launcher.launch(spec, folder)
    door.finish(folder)
    door.launcher.launch(spec, folder)
    shims = wait_for(
        lambda: [n for n in door.poll() if isinstance(n, Launched)][2:], "a third shim"
    )
    wait_for(lambda: all(n.shim is None or not n.shim.is_alive() for n in shims))
    assert folder.out.read_text() == "once\n"
    starts = [e for e in read_events(folder.state) if isinstance(e, TrialStarted)]
    assert len(starts) == 1


def test_a_trial_goes_on_when_the_starter_dies_and_the_next_one_still_runs(door, study):
    spec, folder = make_trial(study, 1, "import time; time.sleep(600)")
    door.launcher.launch(spec, folder)
    started = door.begin(folder)
    (starter,) = _children_titled("tuitrain starter digits")
    os.kill(starter, signal.SIGKILL)
    after_spec, after = make_trial(study, 2, "print('after')")
    door.launcher.launch(after_spec, after)
    assert door.finish(after).exit_code == 0
    assert door.launcher.is_alive(started)
    door.launcher.terminate(started)
    door.finish(folder)


def test_a_starter_that_dies_again_and_again_is_done_without(door, study):
    door.launcher.warm_up()
    killed: set[int] = set()

    def kill_next():
        for pid in set(_children_titled("tuitrain starter digits")) - killed:
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
        return door.find(Fallback)

    assert wait_for(kill_next, "the fallback") == Fallback(
        "the starter died again and again"
    )
    spec, folder = make_trial(study, 1, "print('still')")
    door.launcher.launch(spec, folder)
    assert door.begin(folder).how == "cold"
    door.finish(folder)


@pytest.mark.parametrize("wish", ["threads", "fail"])
def test_where_forking_is_not_safe_a_fresh_interpreter_runs_the_trial(
    door, study, monkeypatch, wish
):
    monkeypatch.setenv("STANDIN_PRELOAD", wish)
    spec, folder = make_trial(study, 1, "print('fresh')")
    door.launcher.launch(spec, folder)
    assert door.begin(folder).how == "cold"
    assert door.finish(folder).exit_code == 0
    assert door.find(Fallback) is not None


def test_every_process_says_what_it_is(door, study):
    spec, folder = make_trial(study, 1, "import time; time.sleep(600)")
    door.launcher.launch(spec, folder)
    started = door.begin(folder)
    wait_for(lambda: _title(started.pid) == "tuitrain trial digits/0001")
    assert _title(started.shim_pid) == "tuitrain shim digits/0001"
    door.launcher.terminate(started)
    door.finish(folder)


def test_a_missing_torch_is_told_in_one_line(door, study, tmp_path, monkeypatch):
    """The worker is the real one here; torch is a module that says it is missing."""
    (tmp_path / "torchless").mkdir()
    (tmp_path / "torchless" / "torch.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "torchless"))
    door.launcher.warm_up()
    news = wait_for(lambda: door.find(Unusable), "the word that torch is missing")
    assert news == Unusable(
        f"torch is not installed in {sys.executable}; "
        f"install it with: {sys.executable} -m pip install torch"
    )


def test_a_shim_that_can_not_read_its_trial_says_so_in_the_trial_log(door, study):
    spec, folder = make_trial(study, 1, "")
    folder.spec.write_text("{}")
    door.launcher.use(cold=True, python=None)
    door.launcher.launch(spec, folder)
    wait_for(lambda: door.find(Launched), "the shim")
    wait_for(lambda: "is no trial description" in folder.out.read_text())
    assert find_start(folder) is None


def test_the_end_of_a_process_that_did_not_wait_for_its_start_is_on_record(study):
    _, folder = make_trial(study, 1, "")
    pid = os.fork()
    if pid == 0:
        # As an interpreter that is none: gone before it is told to go.
        status = 1
        try:
            status = run_shim(folder, lambda *_: subprocess.Popen("false").pid, "cold")
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0
    ended = find_end(folder)
    assert ended is not None
    assert ended.exit_code == 1


def test_commands_keep_the_current_folder_off_the_path():
    assert module_command("tuitrain.launch.shim", "x")[1:3] == ["-P", "-m"]


def _title(pid: int) -> str:
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return raw.rstrip(b"\0").replace(b"\0", b" ").decode()


def _children_titled(title: str) -> list[int]:
    path = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    return [int(pid) for pid in path.read_text().split() if _title(int(pid)) == title]
