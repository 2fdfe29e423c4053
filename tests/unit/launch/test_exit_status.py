"""How processes ended that nobody of ours waited for; needs Linux 6.15."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from tests.flow.waiting import wait_for
from tuitrain.events import TrialId
from tuitrain.launch import ExitStatus, ProcessIdentity
from tuitrain.launch.exit_status import ExitKeeper

TRIAL = TrialId("0001")
KERNEL = tuple(int(part) for part in os.uname().release.split(".")[:2])
pytestmark = pytest.mark.skipif(
    KERNEL < (6, 15), reason="this kernel does not tell exit statuses by pidfd"
)


@pytest.fixture
def go(tmp_path):
    """The file for which the process waits before it ends."""
    return tmp_path / "go"


@pytest.fixture
def grandchild(go):
    """Start a process whose parent is gone, and which waits for the word to end."""
    middle = textwrap.dedent("""
        import subprocess, sys
        code = sys.argv[1]
        child = subprocess.Popen(
            [sys.executable, "-S", "-c", code], stdout=subprocess.DEVNULL
        )
        print(child.pid, flush=True)
    """)
    started: list[ProcessIdentity] = []

    def start(code: str) -> ProcessIdentity:
        wait = (
            f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)"
        )
        command = [sys.executable, "-c", middle, f"{wait}\n{code}"]
        said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        identity = ProcessIdentity.of(int(said.stdout))
        assert identity is not None
        started.append(identity)
        return identity

    yield start
    for identity in started:
        identity.send(signal.SIGKILL)


@pytest.mark.parametrize(
    ("code", "ended"),
    [
        ("os._exit(7)", ExitStatus(7, None)),
        ("os._exit(0)", ExitStatus(0, None)),
        ("os.kill(os.getpid(), 9)", ExitStatus(None, 9)),
    ],
)
def test_the_kernel_tells_whoever_held_on_before(grandchild, go, code, ended):
    process = grandchild(code)
    keeper = ExitKeeper()
    keeper.hold(TRIAL, process)
    assert keeper.tell(TRIAL) is None
    go.touch()
    assert wait_for(lambda: keeper.tell(TRIAL), "its exit status") == ended
    keeper.close()
    assert keeper.tell(TRIAL) is None


def test_nobody_can_tell_of_a_process_that_nobody_held(grandchild, go):
    process = grandchild("os._exit(7)")
    go.touch()
    wait_for(lambda: not process.is_alive(), "its end")
    keeper = ExitKeeper()
    keeper.hold(TRIAL, process)
    assert keeper.tell(TRIAL) is None
