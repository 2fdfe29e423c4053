"""A real daemon, real sockets, real processes; only the training is played."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.flow.supervised import POINTS, Supervised, running
from tests.flow.waiting import wait_for
from tuitrain.commands import RunStep, SetAuto, StopStudy, StopTrial
from tuitrain.events import (
    SettingsChanged,
    Step,
    StudyEnded,
    SupervisorStarted,
    SupervisorStopped,
    TrialId,
    TrialStarted,
    Verdict,
    VerdictReached,
    decode_record,
)
from tuitrain.launch import ProcessIdentity, module_command
from tuitrain.model import TrialModel, TrialState
from tuitrain.supervisor import SupervisorError, ensure_running, find_running

pytestmark = [pytest.mark.flow, pytest.mark.usefixtures("standin")]


def shim_of(trial: TrialModel) -> ProcessIdentity:
    assert trial.started is not None
    return ProcessIdentity.of_shim(trial.started)


def training_of(trial: TrialModel) -> ProcessIdentity:
    assert trial.started is not None
    return ProcessIdentity.of_training(trial.started)


def test_a_step_runs_from_a_command_to_its_verdict(supervised):
    supervised.let_go()
    assert supervised.ask(RunStep()).accepted
    wait_for(lambda: supervised.verdict(), "the verdict")
    model = supervised.model()
    reached = supervised.verdict()
    assert reached is not None
    assert reached.verdict is Verdict.PASS
    assert [t.state for t in model.trials.values()] == [TrialState.FINISHED] * 3
    assert {len(t.get("loss")) for t in model.trials.values()} == {POINTS}
    assert supervised.ask(RunStep()).accepted is False


def test_the_next_supervisor_carries_on_where_a_killed_one_was(supervised):
    supervised.ask(RunStep())
    before = wait_for(lambda: running(supervised, 2), "two trials")
    supervised.kill()
    assert find_running(supervised.folder) is None
    lengths = [t.points for t in before]
    supervised.connect()

    def has_grown() -> bool:
        now = [t.points for t in running(supervised, 2)]
        return len(now) == 2 and now[0] > lengths[0] and now[1] > lengths[1]

    wait_for(has_grown, "more points of the same trials")
    supervised.kill()
    supervised.connect()
    supervised.let_go()
    wait_for(lambda: supervised.verdict(), "the verdict")
    after = supervised.model()
    for trial in before:
        assert after.trials[trial.trial].started == trial.started
    assert [t.state for t in after.trials.values()] == [TrialState.FINISHED] * 3
    assert {len(t.get("loss")) for t in after.trials.values()} == {POINTS}
    starts = [r for r in supervised.read() if isinstance(r.event, TrialStarted)]
    assert len(starts) == 3


def test_every_line_is_relayed_once_and_in_order(supervised):
    connection = supervised.connect()
    assert connection.ask(RunStep()).accepted
    supervised.let_go()
    relayed: dict[str, list[int]] = {}

    def is_judged() -> bool:
        is_last = False
        for line in connection.receive(0.05):
            record = decode_record(bytes(line.record))
            relayed.setdefault(line.stream, []).append(record.seq)
            is_last = is_last or isinstance(record.event, VerdictReached)
        return is_last

    wait_for(is_judged, "the verdict")
    for number in (1, 2, 3):
        seqs = relayed[f"000{number}/points"]
        assert seqs == list(range(POINTS + 3))
        assert relayed[f"000{number}/state"] == [0, 1, 2]


def test_of_two_supervisors_started_at_once_one_stays(supervised):
    command = module_command("tuitrain.supervisor", str(supervised.folder.path))
    racers = [subprocess.Popen([*command, "--foreground"]) for _ in range(4)]

    def losers():
        return [racer for racer in racers if racer.poll() is not None]

    try:
        wait_for(lambda: len(losers()) == 3, "three to give up")
        assert [racer.returncode for racer in losers()] == [0, 0, 0]
        (winner,) = (racer for racer in racers if racer.poll() is None)
        wait_for(lambda: find_running(supervised.folder), "the winner's word")
        assert supervised.identify().pid == winner.pid
    finally:
        for racer in racers:
            racer.terminate()
            racer.wait()


def test_many_callers_at_once_share_one_supervisor(supervised):
    ask = (
        "import sys; from pathlib import Path; from tuitrain.store import StudyFolder;"
        "from tuitrain.supervisor import ensure_running;"
        "print(ensure_running(StudyFolder(Path(sys.argv[1]))))"
    )
    callers = [
        subprocess.Popen(
            [sys.executable, "-c", ask, str(supervised.folder.path)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    sockets = {caller.communicate()[0].strip() for caller in callers}
    assert [caller.returncode for caller in callers] == [0] * 4
    assert sockets == {str(supervised.ensure())}


def test_a_daemon_has_no_terminal_no_pipe_and_no_parent_of_ours(supervised):
    supervised.ensure()
    pid = supervised.identify().pid
    assert os.getsid(pid) not in (os.getsid(0), pid)
    assert os.getpgid(pid) != os.getpgid(0)
    streams = [str(Path(f"/proc/{pid}/fd/{number}").readlink()) for number in (0, 1, 2)]
    log = str(supervised.folder.supervisor_log)
    assert streams == ["/dev/null", log, log]
    title = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0")
    assert title == b"tuitrain supervisor digits"


def test_a_caller_whose_output_is_a_pipe_is_let_go_at_once(supervised):
    """As under `ssh host 'tuitrain run …'`, which ends at the end of that pipe."""
    ask = (
        "import sys; from pathlib import Path; from tuitrain.store import StudyFolder;"
        "from tuitrain.supervisor import ensure_running;"
        "ensure_running(StudyFolder(Path(sys.argv[1])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", ask, str(supervised.folder.path)],
        capture_output=True,
        timeout=30,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert find_running(supervised.folder) is not None


def test_a_trial_is_stopped_by_command_and_the_others_go_on(supervised):
    supervised.ask(RunStep())
    wait_for(lambda: running(supervised, 2), "two trials")
    assert supervised.ask(StopTrial(trial=TrialId("0001"))).accepted
    wait_for(
        lambda: supervised.model().trials[TrialId("0001")].state.is_over, "its end"
    )
    model = supervised.model()
    assert model.trials[TrialId("0001")].state is TrialState.STOPPED
    assert model.trials["0002"].state is TrialState.RUNNING
    refused = supervised.ask(StopTrial(trial=TrialId("0009")))
    assert (refused.accepted, refused.message) == (False, "there is no trial 0009")


def test_a_queued_trial_that_is_stopped_never_runs(supervised):
    supervised.ask(RunStep())
    wait_for(lambda: running(supervised, 2), "two trials")
    assert supervised.ask(StopTrial(trial=TrialId("0003"))).accepted
    wait_for(
        lambda: supervised.model().trials[TrialId("0003")].state.is_over, "its end"
    )
    stopped = supervised.model().trials[TrialId("0003")]
    assert (stopped.state, stopped.started) == (TrialState.STOPPED, None)


def test_stopping_the_study_ends_its_trials_and_then_the_supervisor(supervised):
    supervised.ask(RunStep())
    wait_for(lambda: running(supervised, 2), "two trials")
    identity, path = supervised.identify(), supervised.ensure()
    assert supervised.ask(StopStudy()).accepted
    wait_for(lambda: not identity.is_alive(), "the supervisor's end")
    model = supervised.model()
    assert [t.state for t in model.trials.values()] == [TrialState.STOPPED] * 3
    assert model.ended == StudyEnded(state="stopped")
    assert not path.exists()


def test_trials_let_others_read_what_whoever_asked_lets_them(supervised):
    own = os.umask(0o026)
    try:
        supervised.ask(RunStep())
    finally:
        os.umask(own)
    for trial in wait_for(lambda: running(supervised, 2), "two trials"):
        status = Path(f"/proc/{training_of(trial).pid}/status").read_text()
        assert "\nUmask:\t0026\n" in status
    for path in supervised.folder.path.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0 or path == supervised.folder.settings


def test_sigterm_ends_the_supervisor_and_no_trial(supervised):
    supervised.ask(RunStep())
    trials = wait_for(lambda: running(supervised, 2), "two trials")
    identity = supervised.identify()
    identity.send(signal.SIGTERM)
    wait_for(lambda: not identity.is_alive(), "the supervisor's end")
    for trial in trials:
        assert training_of(trial).is_alive()
    stops = [r.event for r in supervised.read()]
    assert SupervisorStopped(reason="signal SIGTERM") in stops


def test_a_trial_whose_shim_and_process_are_gone_is_lost(supervised):
    supervised.ask(RunStep())
    trial = wait_for(lambda: running(supervised, 2), "two trials")[0]
    supervised.kill()
    for identity in (shim_of(trial), training_of(trial)):
        identity.send(signal.SIGKILL)
    supervised.connect()
    wait_for(lambda: supervised.model().trials[trial.trial].state.is_over, "its end")
    assert supervised.model().trials[trial.trial].state is TrialState.LOST


def test_a_trial_that_outlives_its_shim_is_followed_to_its_own_end(supervised):
    supervised.ask(RunStep())
    trial = wait_for(lambda: running(supervised, 2), "two trials")[0]
    shim_of(trial).send(signal.SIGKILL)
    supervised.let_go()
    wait_for(lambda: supervised.verdict(), "the verdict")
    after = supervised.model().trials[trial.trial]
    assert after.state is TrialState.FINISHED
    # How it ended the kernel tells from Linux 6.15 on; before that, nobody does.
    assert after.ended is not None
    assert (after.ended.exit_code, after.ended.signal) in ((0, None), (None, None))
    assert len(after.get("loss")) == POINTS


def test_a_trial_described_but_never_started_is_launched_by_the_next(supervised):
    supervised.ask(RunStep())
    wait_for(lambda: running(supervised, 2), "two trials")
    supervised.kill()
    # As if it had been killed between writing the folder and asking for a shim.
    described = supervised.folder.trial(TrialId("0001")).spec.read_bytes()
    third = supervised.folder.trial(TrialId("0003"))
    third.path.mkdir()
    third.spec.write_bytes(described)
    supervised.connect()
    supervised.let_go()
    wait_for(lambda: supervised.verdict(), "the verdict")
    states = [t.state for t in supervised.model().trials.values()]
    assert states == [TrialState.FINISHED] * 3


def test_auto_goes_as_far_as_it_is_told(supervised):
    supervised.let_go()
    assert supervised.ask(SetAuto(on=True, until=Step.INITIAL_LOSS)).accepted
    wait_for(lambda: supervised.model().ended, "the end")
    assert supervised.model().ended == StudyEnded(state="reached")


def test_edited_settings_count_from_the_next_run(supervised):
    supervised.let_go()
    supervised.ensure()
    supervised.change_settings(slots=1)
    assert supervised.ask(RunStep()).accepted
    wait_for(lambda: supervised.verdict(), "the verdict")
    events = [record.event for record in supervised.read()]
    changes = [e for e in events if isinstance(e, SettingsChanged)]
    assert [change.settings["devices"]["slots"] for change in changes] == [1]
    slots = [e.slots for e in events if isinstance(e, SupervisorStarted)]
    assert slots[-1] == 1


def test_a_broken_edit_is_refused_with_its_line_and_harms_nothing(supervised):
    supervised.ensure()
    supervised.folder.settings.write_text("script = 3\n")
    answer = supervised.ask(RunStep())
    assert not answer.accepted
    assert "script: is 3; allowed: text in quotes" in answer.message
    assert answer.message.count("\n") == 0
    supervised.change_settings()
    assert supervised.ask(RunStep()).accepted


def test_a_study_without_usable_settings_is_refused_in_one_line(study):
    supervised = Supervised.create(study)
    supervised.folder.settings.write_text("script = \n")
    with pytest.raises(SupervisorError, match=r"study\.toml: is not TOML") as caught:
        ensure_running(supervised.folder)
    assert "\n" not in str(caught.value)


def test_what_can_not_be_written_is_told_to_clients_and_heals(supervised):
    connection = supervised.connect()
    trials = supervised.folder.trials
    trials.rmdir()
    trials.touch()
    assert connection.ask(RunStep()).accepted

    def trouble() -> str:
        connection.receive(0.1)
        return str(connection.trouble)

    assert wait_for(trouble, "the trouble").startswith(f"{trials}/0001: can't be made")
    late = supervised.connect()
    wait_for(
        lambda: late.receive(0.1) or late.trouble, "the same, told to a late comer"
    )
    assert "will try again" in supervised.folder.supervisor_log.read_text()
    trials.unlink()
    trials.mkdir()
    supervised.let_go()
    wait_for(supervised.verdict, "the verdict")
    assert trouble() == ""


def test_a_study_removed_and_made_again_gets_a_supervisor_of_its_own(supervised):
    supervised.ensure()
    old = supervised.identify()
    shutil.rmtree(supervised.folder.path)
    again = Supervised.create(supervised.folder.path)
    again.ensure()
    assert again.identify() != old
    wait_for(lambda: not old.is_alive(), "the end of the old supervisor")
    again.let_go()
    assert again.ask(RunStep()).accepted
    wait_for(again.verdict, "the verdict")
