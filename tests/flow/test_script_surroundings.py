"""What a script's process is given, and what becomes of its helpers and its drafts."""

import signal

import pytest

from tests.flow.trials import make_trial
from tests.flow.waiting import wait_for

pytestmark = [pytest.mark.flow, pytest.mark.usefixtures("standin")]


def test_a_script_can_interrupt_what_it_started(door, how, study):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        spec, folder = make_trial(
            study,
            1,
            """
            import signal, subprocess
            child = subprocess.Popen(["sleep", "600"])
            child.send_signal(signal.SIGINT)
            print(child.wait(timeout=20))
            """,
        )
        door.launcher.launch(spec, folder)
        door.finish(folder)
    finally:
        signal.signal(signal.SIGINT, before)
    assert folder.out.read_text().strip() == str(-signal.SIGINT)


def test_a_draft_of_a_checkpoint_goes_with_who_was_writing_it(door, how, study):
    spec, folder = make_trial(
        study,
        1,
        """
        import os, signal
        from pathlib import Path
        folder = Path(os.environ["TUITRAIN_TRIAL"])
        for name in (f".checkpoint.pt.{os.getpid()}", ".best.pt.1", "best.pt"):
            (folder / name).write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)
        """,
    )
    door.launcher.launch(spec, folder)
    assert door.finish(folder).signal == signal.SIGKILL
    names = {path.name for path in folder.path.iterdir()}
    assert names == {"best.pt", "out.log", "state.jsonl", "trial.json"}


def test_helpers_are_at_work_while_a_trial_comes_to_its_stop(door, how, study):
    spec, folder = make_trial(
        study,
        1,
        """
        import signal, subprocess, time
        helper = subprocess.Popen(["sleep", "600"])
        asked = []
        signal.signal(signal.SIGTERM, lambda *_: asked.append(True))
        print("ready", flush=True)
        while not asked:
            time.sleep(0.01)
        time.sleep(0.5)
        print("helper:", helper.poll())
        """,
    )
    door.launcher.launch(spec, folder)
    started = door.begin(folder)
    wait_for(lambda: "ready" in folder.out.read_text(), "its first words")
    door.launcher.terminate(started)
    assert door.finish(folder).exit_code == 0
    assert folder.out.read_text().splitlines() == ["ready", "helper: None"]


def test_helpers_are_told_where_the_trial_itself_does_not_listen(door, study):
    spec, folder = make_trial(
        study,
        1,
        """
        import signal, subprocess
        signal.signal(signal.SIGTERM, lambda *_: print("waiting", flush=True))
        print("ready", flush=True)
        print(subprocess.call(["sleep", "600"]))
        """,
    )
    door.launcher.launch(spec, folder)
    started = door.begin(folder)
    wait_for(lambda: "ready" in folder.out.read_text(), "its first words")
    door.launcher.terminate(started)
    assert door.finish(folder).exit_code == 0
    lines = folder.out.read_text().splitlines()
    assert lines == ["ready", "waiting", str(-signal.SIGTERM)]
