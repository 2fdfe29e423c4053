"""P1: no acknowledged point is lost, whatever is killed, and every trial has one end."""

import os
import random
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.chaos import WEIGHTS, Books, Chaos
from tests.faults.processes import find_processes
from tests.faults.real_study import FAKE_DRIVER, RealStudy
from tests.flow.waiting import wait_for

SLOTS = 16
KILLS = 200
"""Of one study, whose plan can't hold trials for many more."""
STUDIES = 5
"""Of the long size, one after the other."""
FINAL_S = 5.0


@dataclass
class Survived:
    """What the books of one study said after its kills."""

    books: Books
    killed: Counter[str]
    settled_s: float
    """From the last kill until each trial had a final record."""


def make_study(base: Path) -> RealStudy:
    known = os.environ.get("PYTHONPATH", "")
    path = os.pathsep.join(filter(None, [str(FAKE_DRIVER), known]))
    return RealStudy.create(
        base, trials=100, slots=SLOTS, PYTHONPATH=path, PAUSE_S="0.05"
    )


def kill_at_random(study: RealStudy, kills: int, seed: int) -> Survived:
    """Kill so many processes of a study, let it end, and look at its books."""
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
    assert sum(chaos.killed.values()) == kills
    assert books.acknowledged > 1000
    assert (books.lost, books.duplicated, books.mangled, books.holes) == (0, 0, 0, 0)
    without = [trial for trial, finals in books.finals.items() if len(finals) != 1]
    assert not without, {trial: books.finals[trial] for trial in without}
    return Survived(books, chaos.killed, settled_s)


def survive(base: Path, studies: int, figure) -> None:
    seed = int(os.environ.get("TUITRAIN_CHAOS_SEED", random.randrange(2**31)))
    print(f"seed {seed}: repeat with TUITRAIN_CHAOS_SEED={seed}")
    survived = []
    for number in range(studies):
        (place := base / str(number)).mkdir()
        study = make_study(place)
        try:
            survived.append(kill_at_random(study, KILLS, seed + number))
        finally:
            study.end()
    tell(figure, survived, seed)


def tell(figure, survived: list[Survived], seed: int) -> None:
    size = f"{KILLS * len(survived)} kills"
    books = [each.books for each in survived]
    killed: Counter[str] = sum((each.killed for each in survived), Counter())
    by_kind = ", ".join(f"{killed[kind]} {kind}" for kind in WEIGHTS)
    figure("P1", f"{size}: killed (seed {seed})", by_kind)
    acknowledged = sum(each.acknowledged for each in books)
    figure("P1", f"{size}: acknowledged points", acknowledged)
    for what in ("lost", "duplicated", "mangled"):
        value = sum(getattr(each, what) for each in books)
        figure("P1", f"{size}: {what}", value, asked="0", is_met=value == 0)
    finals = [found for each in books for found in each.finals.values()]
    without = sum(len(found) != 1 for found in finals)
    figure(
        "P1",
        f"{size}: trials without exactly one final record",
        f"{without} of {len(finals)}",
        asked="0",
        is_met=not without,
    )
    settled_s = max(each.settled_s for each in survived)
    figure(
        "P1",
        f"{size}: from the last kill to the last final record",
        f"{settled_s:.1f} s",
        asked="5 s",
        is_met=settled_s <= FINAL_S,
    )


@pytest.mark.timeout(600)
def test_nothing_is_lost_in_200_kills(tmp_path, figure):
    survive(tmp_path, 1, figure)


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_nothing_is_lost_in_1000_kills(tmp_path, figure):
    survive(tmp_path, STUDIES, figure)
