"""P1: no acknowledged point is lost, whatever is killed, and every trial has one end."""

import os
import random
import time

import pytest

from tests.faults.chaos import WEIGHTS, Books, Chaos
from tests.faults.processes import find_processes
from tests.faults.real_study import FAKE_DRIVER, RealStudy
from tests.flow.waiting import wait_for

SLOTS = 16
FINAL_S = 5.0


@pytest.fixture
def study(tmp_path, trials):
    """Return a study with as many trials to start."""
    known = os.environ.get("PYTHONPATH", "")
    path = os.pathsep.join(filter(None, [str(FAKE_DRIVER), known]))
    study = RealStudy.create(
        tmp_path, trials=trials, slots=SLOTS, PYTHONPATH=path, PAUSE_S="0.05"
    )
    yield study
    study.end()


def survive(study: RealStudy, kills: int, figure) -> None:
    seed = int(os.environ.get("TUITRAIN_CHAOS_SEED", random.randrange(2**31)))
    print(f"seed {seed}: repeat with TUITRAIN_CHAOS_SEED={seed}")
    chaos = Chaos(study, seed, SLOTS)
    try:
        chaos.run(kills)
        last_kill_s = time.monotonic()
        study.finish()

        def is_settled() -> bool:
            chaos.tend()
            return not Books(study).unfinished()

        wait_for(is_settled, "one final record of each trial")
        settled_s = time.monotonic() - last_kill_s
    finally:
        chaos.close()
    assert study.stop() == 0
    wait_for(lambda: not find_processes(study.name), "the end of all processes")
    books = Books(study)
    size = f"{kills} kills"
    by_kind = ", ".join(f"{chaos.killed[kind]} {kind}" for kind in WEIGHTS)
    figure("P1", f"{size}: killed (seed {seed})", by_kind)
    figure("P1", f"{size}: acknowledged points", books.acknowledged)
    for what in ("lost", "duplicated", "mangled"):
        value = getattr(books, what)
        figure("P1", f"{size}: {what}", value, asked="0", is_met=value == 0)
    without = [t for t in books.finals if len(books.finals[t]) != 1]
    figure(
        "P1",
        f"{size}: trials without exactly one final record",
        f"{len(without)} of {len(books.finals)}",
        asked="0",
        is_met=not without,
    )
    figure(
        "P1",
        f"{size}: from the last kill to the last final record",
        f"{settled_s:.1f} s",
        asked="5 s",
        is_met=settled_s <= FINAL_S,
    )
    assert sum(chaos.killed.values()) == kills
    assert books.acknowledged > 1000
    assert (books.lost, books.duplicated, books.mangled, books.holes) == (0, 0, 0, 0)
    assert not without, {trial: books.finals[trial] for trial in without}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("trials", [100])
def test_nothing_is_lost_in_200_kills(study, figure):
    survive(study, 200, figure)


@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("trials", [500])
def test_nothing_is_lost_in_1000_kills(study, figure):
    survive(study, 1000, figure)
