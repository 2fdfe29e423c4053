"""A study walked through without a screen: ask for it, follow it, print it."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tuitrain.clock import SYSTEM_CLOCK
from tuitrain.commands import SetAuto
from tuitrain.events import Step
from tuitrain.headless.lines import ProgressLines
from tuitrain.headless.load import load
from tuitrain.headless.outcome import ExitStatus
from tuitrain.headless.output import Printer
from tuitrain.headless.printing import print_result
from tuitrain.model import StudyModel, TrialState, fold_all
from tuitrain.sources import StudySource
from tuitrain.store import StudyFolder
from tuitrain.study import Study
from tuitrain.wire import Connection, ConnectionLostError, connect

LOOK_EVERY_S: Final = 0.25
"""How long to wait for the socket before the files are looked at anyway."""
LAST_TRIALS_S: Final = 30.0
"""How long trials may take to stop after the study has ended."""
_MOST_REVIVALS: Final = 5
_MERGE_S: Final = 0.05


class HeadlessError(Exception):
    """The study can't be run or followed; says what, where and what to do."""


def run_headless(
    folder: StudyFolder,
    revive: Callable[[], Path],
    results: Printer,
    progress: Printer,
    *,
    until: Step | None = None,
    as_json: bool = False,
    is_left: Callable[[], bool] = lambda: False,
) -> ExitStatus:
    """Walk a study through its steps and print it; a finished one is printed at once.

    A step that failed, or whose trials were stopped, is run again: whoever starts the
    study again has changed something.

    Args:
        folder: The study; at least its `study.toml` exists.
        revive: Returns the socket of a live supervisor, started if there is none.
        results: Where the result goes.
        progress: Where a line goes for everything that happens.
        until: The last step to run; None: all.
        as_json: The result is the JSON document instead of figures and tables.
        is_left: Whether nobody waits for the result any more; asked again and again
            once the study runs. If so, it goes on without being followed.

    Raises:
        HeadlessError: The script can't be used, or the supervisor refuses, or dies
            again and again.
        StoreError: The study's logs can't be read.
    """
    walk = _Walk(folder, revive, progress)
    try:
        walk.catch_up()
        if not walk.has_reached(until) and not walk.follow(until, is_left):
            progress.lines(_say_it_goes_on(folder))
            return ExitStatus.DONE
    except KeyboardInterrupt:
        progress.lines(["", *_say_it_goes_on(folder)])
        return ExitStatus.INTERRUPTED
    finally:
        walk.close()
    # From the files alone, so that a replay prints the same.
    loaded = load(folder.path)
    ended = loaded.study.model.ended
    if ended is None or ended.state != "rejected":
        return print_result(loaded, results, as_json=as_json)
    if as_json:
        print_result(loaded, results, as_json=True)
    raise HeadlessError(ended.message)


def _say_it_goes_on(folder: StudyFolder) -> list[str]:
    return [
        "detached; the study goes on",
        f"  to see it again: tuitrain attach {folder.path}",
        f"  to stop it:      tuitrain stop {folder.path}",
    ]


class _Walk:
    """A study as it is followed."""

    def __init__(
        self, folder: StudyFolder, revive: Callable[[], Path], progress: Printer
    ) -> None:
        self._folder = folder
        self._revive = revive
        self._progress = progress
        self._source = StudySource(folder.path)
        self._model = StudyModel()
        self._lines = ProgressLines()
        self._connection: Connection | None = None
        self._revivals = 0
        self._trouble = ""

    def catch_up(self) -> None:
        """Fold and tell all that the files hold and was not told yet."""
        self._advance([])

    def has_reached(self, until: Step | None) -> bool:
        """Whether there is nothing left to do up to and including `until`."""
        ended, current = self._model.ended, self._model.current
        if ended is not None and ended.state == "finished":
            return True
        if until is None or current is None:
            return False
        if current.step is until:
            return ended is not None and ended.state == "reached"
        return current.step.number > until.number

    def follow(self, until: Step | None, is_left: Callable[[], bool]) -> bool:
        """Ask for the steps and follow them to the end; False: left before it."""
        before = self._model.ended
        while not self._begin(until):
            self.catch_up()
        while self._model.ended is None or self._model.ended is before:
            if is_left():
                return False
            self._step()
        deadline_s = SYSTEM_CLOCK.mono_s() + LAST_TRIALS_S
        while self._has_running() and SYSTEM_CLOCK.mono_s() < deadline_s:
            time.sleep(LOOK_EVERY_S)
            self.catch_up()
        return True

    def _begin(self, until: Step | None) -> bool:
        """Ask for the steps; False: the supervisor died meanwhile, ask again."""
        connection = self._reconnect()
        try:
            answer = connection.ask(SetAuto(on=True, until=until))
        except ConnectionLostError:
            self.close()
            return False
        if not answer.accepted:
            raise HeadlessError(f"{self._folder.path}: {answer.message}")
        return True

    def close(self) -> None:
        """Hang up; the study goes on."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _step(self) -> None:
        """Take what the socket brings, or what is missing from the files."""
        connection = self._connection or self._reconnect()
        try:
            relayed = connection.receive(LOOK_EVERY_S)
        except ConnectionLostError:
            self.close()
            # Its last words, `StudyEnded` perhaps, are in the journal.
            self.catch_up()
            return
        self._tell_trouble(connection.trouble)
        self._advance([(r.stream, bytes(r.record) + b"\n") for r in relayed])
        time.sleep(_MERGE_S)  # many lines at once cost less than one by one

    def _tell_trouble(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            self._progress.lines([f"! {trouble}" if trouble else "! it works again"])

    def _advance(self, lines: list[tuple[str, bytes]]) -> None:
        records = []
        for stream, line in lines:
            records.extend(self._source.offer(stream, line))
        records.extend(self._source.read_all())
        if not records:
            return
        self._revivals = 0
        self._model = fold_all(self._model, records)
        self._progress.lines(self._lines.lines(records, Study(self._model)))

    def _reconnect(self) -> Connection:
        while True:
            self._revivals += 1
            if self._revivals > _MOST_REVIVALS:
                raise HeadlessError(
                    f"{self._folder.path}: the supervisor ended {_MOST_REVIVALS} times "
                    f"in a row; see {self._folder.supervisor_log}"
                )
            try:
                self._connection = connect(self._revive(), self._folder.name)
            except ConnectionLostError:
                time.sleep(LOOK_EVERY_S)
            else:
                return self._connection

    def _has_running(self) -> bool:
        trials = self._model.trials.values()
        return any(trial.state is TrialState.RUNNING for trial in trials)
