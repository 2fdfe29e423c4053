"""P12: one supervisor, however many start at once and whatever was left behind."""

import random
import signal
import subprocess
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from tests.faults.processes import kill_all, of_kind, unique_name
from tests.flow.supervised import Supervised
from tests.flow.waiting import wait_for
from tuitrain.events import SupervisorStarted, decode_record
from tuitrain.launch import ProcessIdentity, module_command
from tuitrain.supervisor import find_running
from tuitrain.supervisor.whereabouts import read_whereabouts
from tuitrain.wire import WireError, connect, find_socket_path

ROUNDS = 12
LONG_ROUNDS = 200
MOST_RACERS = 4
LONG_RACERS = 8


@pytest.fixture
def supervised(tmp_path):
    supervised = Supervised.create(tmp_path / unique_name("race"), cold=True)
    yield supervised
    kill_all(supervised.folder.name)


def leave_stale_socket(supervised: Supervised) -> None:
    """Leave the files of a supervisor that was killed."""
    path = find_socket_path(supervised.folder)
    path.unlink(missing_ok=True)
    path.touch()


def leave_other_boot(supervised: Supervised) -> None:
    """Leave the word of a supervisor of another boot, whose pid lives today."""
    last = read_whereabouts(supervised.folder)
    if last is None:
        return
    stranger = ProcessIdentity.of(1)
    assert stranger is not None
    left = msgspec.structs.replace(
        last, pid=1, start_ticks=stranger.start_ticks, boot_id="another"
    )
    supervised.folder.supervisor.write_bytes(msgspec.json.encode(left))


def race(supervised: Supervised, racers: int) -> "list[subprocess.Popen[bytes]]":
    command = module_command("tuitrain.supervisor", str(supervised.folder.path))
    return [
        subprocess.Popen([*command, "--foreground"], stderr=subprocess.DEVNULL)
        for _ in range(racers)
    ]


def answers(supervised: Supervised) -> bool:
    socket = find_running(supervised.folder)
    if socket is None:
        return False
    with suppress(WireError):
        connect(socket, supervised.folder.name).close()
        return True
    return False


def run_rounds(supervised: Supervised, rounds: int, most: int, figure) -> None:
    seed = random.randrange(2**31)
    print(f"seed {seed}")
    chance = random.Random(seed)
    won: Counter[int] = Counter()
    racers = 0
    for number in range(rounds):
        (leave_stale_socket, leave_other_boot, lambda _: None)[number % 3](supervised)
        runners = race(supervised, chance.randint(2, most))
        racers += len(runners)
        is_killed = number % 4 == 3
        try:
            wait_for(lambda: answers(supervised), "the winner's answer")
            if is_killed:
                # While others may still be on their way, who then have to take over.
                supervised.identify().send(signal.SIGKILL)
                late = race(supervised, 2)
                runners += late
                racers += len(late)
                wait_for(lambda: answers(supervised), "the next one's answer")
            left = settle(runners)
            won[len(left)] += 1
            assert supervised.identify().pid == left[0].pid
        finally:
            for runner in runners:
                runner.kill()
                runner.wait()
    figure(
        "P12",
        f"{rounds} rounds, {racers} racers: rounds with exactly one supervisor",
        f"{won[1]} of {rounds}",
        asked="all",
        is_met=won[1] == rounds,
    )
    assert won == {1: rounds}
    assert_journal_has_one_writer(supervised.folder.journal)


def settle(
    runners: "list[subprocess.Popen[bytes]]",
) -> "list[subprocess.Popen[bytes]]":
    """Return who is left once nobody has given up for a while."""

    def left() -> "list[subprocess.Popen[bytes]]":
        return [runner for runner in runners if runner.poll() is None]

    wait_for(lambda: len(left()) == 1, "all but one to give up")
    time.sleep(0.1)
    return left()


def assert_journal_has_one_writer(journal: Path) -> None:
    records = [decode_record(line) for line in journal.read_bytes().splitlines()]
    assert [record.seq for record in records] == list(range(len(records)))
    assert any(isinstance(record.event, SupervisorStarted) for record in records)


@pytest.mark.timeout(600)
def test_of_many_started_at_once_exactly_one_stays(supervised, figure):
    run_rounds(supervised, ROUNDS, MOST_RACERS, figure)
    assert len(of_kind(supervised.folder.name, "supervisor")) == 0


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_of_many_started_at_once_exactly_one_stays_in_many_rounds(supervised, figure):
    run_rounds(supervised, LONG_ROUNDS, LONG_RACERS, figure)
