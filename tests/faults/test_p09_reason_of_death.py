"""P9: the reason for a death is right, and unknown only where nobody can know it."""

import os
import signal
from functools import partial
from pathlib import Path

from tests.faults.real_study import RealStudy
from tests.faults.small_memory import small_memory
from tests.flow.waiting import wait_for
from tuitrain.commands import RunStep
from tuitrain.launch import ProcessIdentity
from tuitrain.model import TrialModel, TrialState

ENDING = Path(__file__).with_name("ending.py")
KERNEL = tuple(int(part) for part in os.uname().release.split(".")[:2])
UNSEEN = (
    "killed by signal 6 (SIGABRT)"
    if KERNEL >= (6, 15)
    else "its process and its shim are gone (killed, or the machine restarted)"
)
"""Of a training whose shim died before it: what the kernel tells, or nobody."""
ITERATIONS = 20
LIMIT_BYTES = 1200 << 20
"""Enough for the starter, which holds torch, and not for what the training asks for."""


def tell(figure, death: str, trial: TrialModel, expected: str) -> None:
    told = trial.reason or trial.state.value
    figure("P9", death, told, asked=expected, is_met=told == expected)
    assert told == expected


def identities(trial: TrialModel) -> tuple[ProcessIdentity, ProcessIdentity]:
    """Return shim and training of a trial that runs."""
    assert trial.started is not None
    started = trial.started
    return ProcessIdentity.of_shim(started), ProcessIdentity.of_training(started)


def test_every_death_has_its_name(tmp_path, figure):
    endings = ["status 0", "status 7", "SIGSEGV", "killed", "killed without a shim"]
    count = len(endings)
    study = RealStudy.create(
        tmp_path, ENDING, trials=count, slots=count, ENDING=",".join(endings)
    )
    try:
        assert study.ask(RunStep()).accepted

        def waits(number: int) -> bool:
            return study.trial(number).state is TrialState.RUNNING and (
                study.trial(number).iteration == ITERATIONS
            )

        def is_over(number: int) -> bool:
            return study.trial(number).state.is_over

        for number in (4, 5):
            wait_for(partial(waits, number), "a training that waits for its end")
        _, training = identities(study.trial(4))
        training.send(signal.SIGKILL)
        shim, training = identities(study.trial(5))
        shim.send(signal.SIGKILL)
        wait_for(lambda: not shim.is_alive(), "the shim's end")
        training.send(signal.SIGABRT)
        expected = {
            "status 0": "finished",
            "status 7": "ended with exit status 7 and no last word; see its log",
            "SIGSEGV": "killed by signal 11 (SIGSEGV)",
            "killed": "killed by signal 9 (SIGKILL)",
            "killed without a shim": UNSEEN,
        }
        for number, ending in enumerate(endings, start=1):
            wait_for(partial(is_over, number), f"the end: {ending}")
            trial = study.trial(number)
            tell(figure, ending, trial, expected[ending])
            assert trial.ended is None or trial.ended.oom_kills == 0
        assert study.trial(1).state is TrialState.FINISHED
    finally:
        study.end()


def test_want_of_memory_is_told_by_the_kernels_own_count(tmp_path, figure):
    study = RealStudy.create(tmp_path, ENDING, ENDING="memory")
    said = tmp_path / "said"
    with small_memory(LIMIT_BYTES) as members:

        def enter() -> None:
            members.write_text(str(os.getpid()))

        try:
            with said.open("wb") as out:
                # Started in it, supervisor, starter, shim and training are all in it.
                client = study.start(
                    *study.headless(), preexec_fn=enter, stdout=out, stderr=out
                )
                wait_for(lambda: study.trial().state.is_over, "the end")
                client.wait(60)
        finally:
            study.end()
    trial = study.trial()
    expected = "likely out of memory: killed by signal 9 (SIGKILL) as memory ran out"
    tell(figure, "out of memory in a control group", trial, expected)
    assert trial.ended is not None
    assert trial.ended.oom_kills >= 1
    assert expected in said.read_text()
