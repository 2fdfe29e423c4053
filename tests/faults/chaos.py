"""A real study under random SIGKILLs, and the books that are kept about it outside."""

import random
import signal
import subprocess
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.faults.processes import Found, find_processes, of_kind
from tests.faults.real_study import RealStudy
from tests.flow.terminal import Terminal
from tuitrain.events import (
    Event,
    MalformedRecordError,
    PointsMeasured,
    TrialEnded,
    TrialLost,
    TrialStarted,
    decode_record,
)

WEIGHTS = {
    "supervisor": 36,
    "trial": 26,
    "shim": 18,
    "headless": 8,
    "sampler": 6,
    "screen": 3,
    "starter": 3,
}
"""How often each kind is killed, out of 100."""
STORM = 40
"""Kills before it is calm until trials run in all slots again: a starter that is killed
every second would never get as far as torch."""
CALM_S = 120.0
PATIENCE_S = 1.0
"""How long a kind that has none is waited for, before another one is taken."""


class Chaos:
    """Kills processes of one study, and keeps its clients alive in between."""

    def __init__(self, study: RealStudy, seed: int, slots: int) -> None:
        self.study = study
        self.slots = slots
        self.killed: Counter[str] = Counter()
        self.killed_trials: set[str] = set()
        self._random = random.Random(seed)
        self._headless: subprocess.Popen[bytes] | None = None
        self._screen: Terminal | None = None

    def run(self, kills: int) -> None:
        """Kill so many processes, in storms."""
        while (left := kills - self.killed.total()) > 0:
            self.wait_for_calm()
            for _ in range(min(STORM, left)):
                self.kill_one()
                self.tend()
                time.sleep(self._random.uniform(0.0, 0.3))

    def wait_for_calm(self) -> None:
        """Wait until trials run in all slots."""
        deadline = time.monotonic() + CALM_S
        while len(of_kind(self.study.name, "trial")) < self.slots:
            assert time.monotonic() < deadline, "the trials did not come back"
            self.tend()
            time.sleep(0.1)

    def kill_one(self) -> None:
        """Kill one process of a kind chosen at random, or of another if it has none."""
        began_s = time.monotonic()
        (wanted,) = self._random.choices(list(WEIGHTS), list(WEIGHTS.values()))
        while time.monotonic() - began_s < CALM_S:
            present = [f for f in find_processes(self.study.name) if f.kind in WEIGHTS]
            chosen = [found for found in present if found.kind == wanted]
            if not chosen and time.monotonic() - began_s > PATIENCE_S:
                chosen = present
            if chosen and self._kill(self._random.choice(chosen)):
                return
            self.tend()
            time.sleep(0.02)
        raise AssertionError("nothing is left to kill")

    def _kill(self, victim: Found) -> bool:
        if not victim.kill(signal.SIGKILL):
            return False
        self.killed[victim.kind] += 1
        if victim.kind in ("trial", "shim"):
            _, _, rest = victim.command.partition(f"{self.study.name}/")
            self.killed_trials.add(rest.removeprefix("trials/")[:4])
        return True

    def tend(self) -> None:
        """Keep one client of each kind, as a person would who wants to see how it goes."""
        if self._headless is None or self._headless.poll() is not None:
            self._headless = self.study.start(*self.study.headless())
        if self._screen is None or not self._screen.process.isalive():
            if self._screen is not None:
                self._screen.close()
            folder = self.study.folder
            arguments = ["attach", str(folder.path)]
            # It, too, starts a supervisor where there is none.
            environment: dict[str, Any] = {**self.study.environment}
            self._screen = Terminal(arguments, folder.path.parent, **environment)
        self._screen.read(0.0)

    def close(self) -> None:
        """End the clients."""
        if self._headless is not None:
            self._headless.kill()
            self._headless.wait()
        if self._screen is not None:
            self._screen.close()


class Books:
    """What the logs hold, against what was acknowledged, counted line by line."""

    def __init__(self, study: RealStudy) -> None:
        self.acknowledged = self.lost = self.duplicated = self.mangled = self.points = 0
        self.holes = self.missing_counts = 0
        """Gaps between iterations that were acknowledged, and the iterations in them."""
        self.finals: dict[str, list[Event]] = {}
        """The final records of every trial that started."""
        self._study = study
        folder = study.folder
        journal = self._read(folder.journal)
        for place in folder.list_trials():
            state = self._read(place.state)
            if any(isinstance(event, TrialStarted) for event in state):
                self.finals[place.trial] = _finals(state, place.trial)
                self.finals[place.trial] += _finals(journal, place.trial)
            self._compare(place.points, study.outside / place.trial)

    def unfinished(self) -> list[str]:
        """Return the trials that started and have not exactly one final record."""
        return [trial for trial, finals in self.finals.items() if len(finals) != 1]

    def _compare(self, log: Path, outside: Path) -> None:
        lines = _whole_lines(log)
        events = self._decode(lines)
        self.points += sum(
            len(e.iteration) * len(e.values)
            for e in events
            if isinstance(e, PointsMeasured)
        )
        acknowledged = _whole_lines(outside)
        known = Counter(lines)
        counts: list[float] = []
        for line in acknowledged:
            event = decode_record(line).event
            if not isinstance(event, PointsMeasured):
                continue
            size = len(event.iteration) * len(event.values)
            self.acknowledged += size
            self.lost += size if not known[line] else 0
            self.duplicated += size * (known[line] - 1) if known[line] else 0
            if "count" in event.values:
                counts += [float(value) for value in event.values["count"]]
        steps = [later - earlier for earlier, later in pairwise(counts)]
        self.holes += sum(step != 1.0 for step in steps)
        self.missing_counts += round(sum(step - 1.0 for step in steps))

    def _read(self, path: Path) -> list[Event]:
        return self._decode(_whole_lines(path))

    def _decode(self, lines: list[bytes]) -> list[Event]:
        """Return the events; sequence numbers tell of records written twice."""
        events: list[Event] = []
        last = -1
        for line in lines:
            try:
                record = decode_record(line)
            except MalformedRecordError:
                self.mangled += bool(line.strip())
                continue
            self.duplicated += record.seq <= last
            last = record.seq
            events.append(record.event)
        return events


def _finals(events: list[Event], trial: str) -> list[Event]:
    return [
        event
        for event in events
        if isinstance(event, TrialEnded | TrialLost) and event.trial == trial
    ]


def _whole_lines(path: Path) -> list[bytes]:
    """Return the lines that are complete; what was cut off by a kill is none yet."""
    if not path.exists():
        return []
    return [line + b"\n" for line in path.read_bytes().split(b"\n")[:-1]]
