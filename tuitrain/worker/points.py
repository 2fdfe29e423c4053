"""From rows of values to columnar events, series with the same iterations together."""

from collections.abc import Iterator, Sequence

from tuitrain.events import PointsMeasured, TrialId, to_column
from tuitrain.worker.readings import Row

MAX_VALUES = 20_000
"""Values in one event at most, so that a line stays far below what the wire takes."""


class ForwardOnly:
    """Drops points that go back to an earlier iteration of their series.

    A log only goes forward: a script that counts for itself may start again at 1.
    """

    def __init__(self) -> None:
        self._newest: dict[str, int] = {}
        self.dropped = 0
        """Points dropped so far."""

    def admit(self, rows: Sequence[Row]) -> list[Row]:
        """Return `rows` without the points that go back."""
        admitted = []
        for iteration, values in rows:
            kept = {
                name: value
                for name, value in values.items()
                if iteration >= self._newest.get(name, iteration)
            }
            self._newest.update(dict.fromkeys(kept, iteration))
            self.dropped += len(values) - len(kept)
            if kept:
                admitted.append((iteration, kept))
        return admitted


def to_events(trial: TrialId, rows: Sequence[Row]) -> list[PointsMeasured]:
    """Return the fewest events that hold `rows`, whose iterations do not decrease."""
    return [event for bite in _bites(rows) for event in _columns_of(trial, bite)]


def _bites(rows: Sequence[Row]) -> Iterator[list[Row]]:
    bite: list[Row] = []
    size = 0
    for row in rows:
        if bite and size + len(row[1]) > MAX_VALUES:
            yield bite
            bite, size = [], 0
        bite.append(row)
        size += len(row[1])
    if bite:
        yield bite


def _columns_of(trial: TrialId, rows: Sequence[Row]) -> list[PointsMeasured]:
    columns: dict[str, tuple[list[int], list[float]]] = {}
    for iteration, values in rows:
        for name, value in values.items():
            iterations, numbers = columns.setdefault(name, ([], []))
            iterations.append(iteration)
            numbers.append(value)
    groups: dict[tuple[int, ...], dict[str, list[float]]] = {}
    for name, (iterations, numbers) in columns.items():
        groups.setdefault(tuple(iterations), {})[name] = numbers
    return [
        PointsMeasured(
            trial=trial,
            iteration=list(iterations),
            values={name: to_column(numbers) for name, numbers in group.items()},
        )
        for iterations, group in groups.items()
    ]
