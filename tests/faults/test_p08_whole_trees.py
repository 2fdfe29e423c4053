"""P8: the right process dies, and all of it."""

import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.long_logs import make_study_with_points
from tests.faults.processes import kill_all, of_kind
from tests.faults.real_study import RealStudy
from tests.flow.waiting import wait_for
from tuitrain.commands import RunStep, StopTrial
from tuitrain.events import TrialId
from tuitrain.launch import ProcessIdentity
from tuitrain.model import StudyModel, TrialModel, TrialState, fold_all
from tuitrain.sources import StudySource
from tuitrain.supervisor import ensure_running, find_running
from tuitrain.wire import connect

FAMILY = Path(__file__).with_name("family.py")
GRANDCHILDREN = 4
TREES = 40
SLOTS = 8


def shim_of(trial: TrialModel) -> ProcessIdentity:
    assert trial.started is not None
    return ProcessIdentity.of_shim(trial.started)


def training_of(trial: TrialModel) -> ProcessIdentity:
    assert trial.started is not None
    return ProcessIdentity.of_training(trial.started)


class Felling:
    """Every way in which a training ends that has grandchildren."""

    def __init__(self, study: RealStudy) -> None:
        self._study = study

    def leader_killed(self, trial: TrialModel) -> None:
        training_of(trial).send(signal.SIGKILL)

    def stopped_by_a_person(self, trial: TrialModel) -> None:
        assert self._study.ask(StopTrial(trial=trial.trial)).accepted

    def supervisor_killed_before(self, trial: TrialModel) -> None:
        for found in of_kind(self._study.name, "supervisor"):
            found.kill()
            wait_for(lambda f=found: not f.identity.is_alive(), "its end")  # type: ignore[misc]
        training_of(trial).send(signal.SIGKILL)
        self._study.ask(StopTrial(trial=TrialId("9999")))

    def shim_killed_before(self, trial: TrialModel) -> None:
        shim = shim_of(trial)
        shim.send(signal.SIGKILL)
        wait_for(lambda: not shim.is_alive(), "the shim's end")
        training_of(trial).send(signal.SIGKILL)


def find_grandchildren(study: RealStudy, trial: TrialId) -> list[ProcessIdentity]:
    """Return the grandchildren of a trial once it has told them all."""
    path = study.outside / f"{trial}.pids"
    pids = path.read_text().split() if path.exists() else []
    found = [ProcessIdentity.of(int(pid)) for pid in pids]
    return [identity for identity in found if identity is not None]


def fell(tmp_path: Path, trees: int, figure) -> None:
    study = RealStudy.create(tmp_path, FAMILY, trials=min(trees, 100), slots=SLOTS)
    ways = Felling(study)
    cycle: list[Callable[[TrialModel], None]] = [
        *[ways.leader_killed] * 11,
        *[ways.stopped_by_a_person] * 4,
        *[ways.shim_killed_before] * 4,
        ways.supervisor_killed_before,
    ]
    names: set[TrialId] = set()
    survivors = 0
    try:
        assert study.ask(RunStep()).accepted

        def standing() -> list[tuple[TrialModel, list[ProcessIdentity]]]:
            """Return trees that are whole and were not felled yet."""
            found = [
                (trial, find_grandchildren(study, trial.trial))
                for trial in study.model().trials.values()
                if trial.state is TrialState.RUNNING and trial.trial not in names
            ]
            return [tree for tree in found if len(tree[1]) == GRANDCHILDREN]

        while len(names) < trees:
            family: list[ProcessIdentity] = []
            felled = wait_for(standing, "whole trees")[: trees - len(names)]
            for trial, grandchildren in felled:
                family += [training_of(trial), *grandchildren]
                cycle[len(names) % len(cycle)](trial)
                names.add(trial.trial)

            def are_down() -> bool:
                return all(study.model().trials[name].state.is_over for name in names)

            wait_for(are_down, f"the ends of {len(felled)} trials")
            survivors += sum(identity.is_alive() for identity in family)
        figure(
            "P8",
            f"{trees} trees of {1 + GRANDCHILDREN}: processes left over",
            survivors,
            asked="0",
            is_met=survivors == 0,
        )
        assert len(names) == trees
        assert survivors == 0
    finally:
        study.end()
        for path in study.outside.glob("*.pids"):
            for identity in find_grandchildren(study, TrialId(path.stem)):
                identity.send(signal.SIGKILL)


@pytest.mark.timeout(600)
def test_nothing_of_a_tree_is_left_however_it_is_felled(tmp_path, figure):
    fell(tmp_path, TREES, figure)


@pytest.fixture
def bystander():
    """A process that has nothing to do with any study."""
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize("other", ["start time", "boot"])
def test_who_has_the_pid_now_is_never_signalled(tmp_path, bystander, other, figure):
    identity = ProcessIdentity.of(bystander.pid)
    assert identity is not None
    recorded = (
        replace(identity, start_ticks=identity.start_ticks - 100)
        if other == "start time"
        else replace(identity, boot_id="00000000-0000-0000-0000-000000000000")
    )
    folder = make_study_with_points(tmp_path / f"recycled-{other[:5]}", 0, recorded)
    trial = TrialId("0001")

    def state() -> TrialState:
        records = StudySource(folder.path).read_all()
        return fold_all(StudyModel(), records).trials[trial].state

    try:
        connection = connect(ensure_running(folder), folder.name)
        # It may be found lost before it can be stopped; either way nothing is signalled.
        connection.ask(StopTrial(trial=trial))
        wait_for(lambda: state().is_over, "the end of what is not there")
        connection.close()
        assert state() in (TrialState.LOST, TrialState.STOPPED)
        assert bystander.poll() is None
        figure("P8", f"signals to another process, other {other}", 0, "0", is_met=True)
    finally:
        if find_running(folder) is not None:
            kill_all(str(folder.path))
            kill_all(f"supervisor {folder.name}")
