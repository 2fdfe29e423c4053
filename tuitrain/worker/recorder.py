"""The sender thread: takes what training hands over, writes it, offers it.

The training thread only appends to a queue. Everything that may wait (a GPU, a disk,
a socket) or fail happens in the thread here, and nothing that fails here reaches it.
"""

import math
import os
import sys
import threading
from collections import deque
from typing import Final

import torch

from tuitrain.events import Event, PointsMeasured, ProbeFailed, TrialFinished, TrialId
from tuitrain.store import LogWriter, StoreError
from tuitrain.worker.offering import LineOffer
from tuitrain.worker.points import ForwardOnly, to_events
from tuitrain.worker.readings import Deferred, PartsReading, Reading, read_rows

SEND_EVERY_S: Final = 0.1
"""Time between two batches."""
RETRY_EVERY_S: Final = 1.0
"""Time between two attempts to write to a log that refused."""
MAX_UNWRITTEN: Final = 2000
"""Events held while the log can't be written; the oldest points go first."""
MAX_WAITING: Final = 100_000
"""Readings and events that wait for the sender, which a device or a file system may hold
up for as long as it likes; the oldest go first. After the end nobody takes any."""
BITE: Final = 200
"""Events written by one `write()` at most."""
CLOSE_WITHIN_S: Final = 10.0
"""Longest wait for the last batch; a hung device must not keep a process alive."""

_Item = Reading | PartsReading | Event | Deferred | threading.Event


class Recorder:
    """One trial's way to its log; made once, in the process that trains."""

    def __init__(
        self, trial: TrialId, writer: LogWriter | None, offer: LineOffer | None = None
    ) -> None:
        """Start the sender thread.

        Args:
            trial: Whose points these are.
            writer: The trial's log; None: nothing is kept, nothing fails.
            offer: The supervisor's socket; None: nobody listens.
        """
        self.trial = trial
        self.non_finite_at: int | None = None
        """The first iteration whose loss was NaN or infinite; None: none read so far."""
        self._writer = writer
        self._offer = offer
        self._queue: deque[_Item] = deque(maxlen=MAX_WAITING)
        self.put = self._queue.append
        """Hand over a reading or an event; what the training thread calls."""
        self._forward = ForwardOnly()
        self._unwritten: list[Event] = []
        self._lost = 0
        self._reported: set[str] = set()
        self._retry_in = 0
        self._pid = os.getpid()
        self._is_closing = False
        self._wake = threading.Event()
        self._thread = threading.Thread(
            target=self._send_until_closed, name="tuitrain-sender", daemon=True
        )
        self._thread.start()

    def flush(self, within_s: float = CLOSE_WITHIN_S) -> None:
        """Wait until all that was handed over has been read and offered to the log."""
        if self._is_closing or not self._is_ours():
            return
        done = threading.Event()
        self.put(done)
        self._wake.set()
        done.wait(within_s)

    def finish(self, finished: TrialFinished) -> None:
        """Write what is left and `finished`, and stop; calling it again does nothing."""
        if self._is_closing or not self._is_ours():
            return
        self.put(finished)
        self._is_closing = True
        self._wake.set()
        self._thread.join(CLOSE_WITHIN_S)

    def _is_ours(self) -> bool:
        """Whether this is the process that made it; a fork's child has no sender."""
        return os.getpid() == self._pid

    def _send_until_closed(self) -> None:
        while not self._is_closing:
            self._wake.wait(SEND_EVERY_S)
            self._wake.clear()
            self._send()
        self._retry_in = 0
        self._send()
        self._give_up()

    def _send(self) -> None:
        waiting = []
        try:
            waiting = self._collect()
            self._write()
        except Exception as error:  # noqa: BLE001 - the monitor must not end a training
            self._report("log", f"{type(error).__name__}: {error}")
        for done in waiting:
            done.set()

    def _collect(self) -> list[threading.Event]:
        """Turn what was handed over into events; return who waits for that."""
        waiting: list[threading.Event] = []
        readings: list[Reading | PartsReading] = []
        if len(self._queue) == self._queue.maxlen:
            self._report(
                "waiting", "points were lost: the log was held up for too long"
            )
        # The training may hand over more meanwhile, which waits for the next time.
        items = [self._queue.popleft() for _ in range(len(self._queue))]
        newest = next(
            (each for each in reversed(items) if type(each) is Deferred), None
        )
        for item in items:
            if isinstance(item, Reading | PartsReading):
                readings.append(item)
            elif isinstance(item, threading.Event):
                waiting.append(item)
            elif isinstance(item, Deferred):
                if item is newest:
                    self._take_points(readings)
                    readings = []
                    self._make(item)
            else:
                self._take_points(readings)
                readings = []
                self._unwritten.append(item)
        self._take_points(readings)
        return waiting

    def _make(self, item: Deferred) -> None:
        # Asked for the first time, torch lets this thread compute with as many threads as
        # the training may. Until then MKL starts a team for each small function: 3.5 ms
        # of both cores for a logsumexp of 320 numbers, in place of 0.05.
        torch.get_num_threads()
        try:
            self._unwritten.append(item.make())
        except Exception as error:  # noqa: BLE001 - what could not be read is left out
            self._report("inspection", f"{type(error).__name__}: {error}")

    def _take_points(self, readings: list[Reading | PartsReading]) -> None:
        if not readings:
            return
        rows, problems = read_rows(readings)
        for name, problem in problems.items():
            self._report(name, problem)
        rows = self._forward.admit(rows)
        if self._forward.dropped:
            self._report("log", "points of earlier iterations were dropped")
        for iteration, values in rows:
            if self.non_finite_at is None and not math.isfinite(values.get("loss", 0)):
                self.non_finite_at = iteration
        self._unwritten += to_events(self.trial, rows)

    def _write(self) -> None:
        if not self._unwritten:
            return
        if self._retry_in > 0:
            self._retry_in -= 1
        else:
            self._unwritten = self._append_in_bites(self._unwritten)
        self._bound()
        if self._lost and not self._unwritten:
            # Each time, unlike other failures: the sum of them all is what was lost.
            lost, self._lost = self._lost, 0
            error = f"{lost} points lost: the log was not writable"
            self._unwritten.append(
                ProbeFailed(trial=self.trial, probe="log", error=error)
            )

    def _append_in_bites(self, events: list[Event]) -> list[Event]:
        """Write as much of `events` as fits, oldest first; return what did not.

        What has gathered while a disk was full may be more than it takes at once.
        """
        for first in range(0, len(events), BITE):
            left = self._append(events[first : first + BITE])
            if left:
                return left + events[first + BITE :]
        return []

    def _append(self, events: list[Event]) -> list[Event]:
        """Write and offer `events`; return those the log did not take."""
        if self._writer is None or not events:
            return []
        try:
            lines = self._writer.append(events)
        except StoreError as error:
            self._retry_in = round(RETRY_EVERY_S / SEND_EVERY_S)
            self._complain(str(error))
            return events
        except (TypeError, ValueError) as error:
            return self._append_one_by_one(events, str(error))
        if self._offer is not None:
            self._offer.offer(lines)
        return []

    def _append_one_by_one(self, events: list[Event], error: str) -> list[Event]:
        """Leave out what can't be encoded: it must not keep back all that follows."""
        if len(events) == 1:
            self._complain(f"{type(events[0]).__name__} can't be logged ({error})")
            return []
        return [left for event in events for left in self._append([event])]

    def _bound(self) -> None:
        """Let go of the oldest points; what happened to the trial is kept."""
        excess = len(self._unwritten) - MAX_UNWRITTEN
        kept: list[Event] = []
        for event in self._unwritten:
            if excess > 0 and isinstance(event, PointsMeasured):
                self._lost += len(event.iteration) * len(event.values)
                excess -= 1
            else:
                kept.append(event)
        self._unwritten = kept

    def _give_up(self) -> None:
        """Close; if the log still refuses, keep at least what happened to the trial."""
        if self._unwritten:
            self._complain("the last points are lost")
            self._append(
                [e for e in self._unwritten if not isinstance(e, PointsMeasured)]
            )
        if self._writer is not None:
            self._writer.close()
        if self._offer is not None:
            self._offer.close()

    def _report(self, probe: str, error: str) -> None:
        """Say once that something is not recorded, in the log itself."""
        if probe not in self._reported:
            self._reported.add(probe)
            self._unwritten.append(
                ProbeFailed(trial=self.trial, probe=probe, error=error)
            )

    def _complain(self, message: str) -> None:
        """Say once, where the script's own output goes, that the log can't be written."""
        if message not in self._reported:
            self._reported.add(message)
            sys.stderr.write(f"tuitrain: {message}; training goes on\n")
