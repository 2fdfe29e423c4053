"""Measured values on their way to the log: kept as tensors, read all at once.

The training thread must not wait for a GPU, so it hands over tensors; whoever reads
them later makes one transfer per device and type, however many there are.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor

from tuitrain.events import Event

Number = float | Tensor
"""A value as it is handed over: a float, or a tensor that holds one number."""

Row = tuple[int, dict[str, float]]
"""Values of one iteration, read: (iteration, series name to value)."""


class Reading(NamedTuple):
    """Values of one iteration, one tensor or float each.

    A tuple, since one is made in every iteration of somebody's training.
    """

    iteration: int
    values: Mapping[str, Number]


class VectorReading(NamedTuple):
    """Values of one iteration that one tensor holds."""

    iteration: int
    names: Sequence[str]
    vector: Tensor
    """Shape (len(names),)."""
    skipped: Tensor | None = None
    """One number; not 0: the optimizer skipped this update, so nothing was measured."""


class Deferred(NamedTuple):
    """An event that the sender thread makes, since tensors must be read for it."""

    make: Callable[[], Event]


def read_rows(
    readings: Iterable[Reading | VectorReading],
) -> tuple[list[Row], dict[str, str]]:
    """Fetch all values.

    Returns:
        The rows in the order given, and for each name whose values can't be read why.
    """
    readings = list(readings)
    fetched = _Fetched([tensor for each in readings for tensor in _tensors_of(each)])
    rows: list[Row] = []
    problems: dict[str, str] = {}
    for reading in readings:
        if isinstance(reading, VectorReading):
            values = fetched.read_vector(reading, problems)
        else:
            values = fetched.read_values(reading, problems)
        if values:
            rows.append((reading.iteration, values))
    return rows, problems


def _tensors_of(reading: Reading | VectorReading) -> list[Tensor]:
    if isinstance(reading, VectorReading):
        return [t for t in (reading.vector, reading.skipped) if t is not None]
    return [
        value
        for value in reading.values.values()
        if isinstance(value, Tensor) and value.numel() == 1
    ]


class _Fetched:
    """The numbers of many tensors, by the identity of each."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self._numbers: dict[int, list[float]] = {}
        self._errors: dict[int, str] = {}
        groups: dict[tuple[torch.device, torch.dtype], list[Tensor]] = {}
        for tensor in tensors:
            groups.setdefault((tensor.device, tensor.dtype), []).append(tensor)
        for group in groups.values():
            try:
                self._fetch(group)
            except Exception:  # noqa: BLE001 - whatever it was, it costs its own value only
                self._fetch_one_by_one(group)

    def read_values(
        self, reading: Reading, problems: dict[str, str]
    ) -> dict[str, float]:
        values = {}
        # A script may have taken a tuple or a number for a name.
        given = cast("Mapping[object, Number]", reading.values)
        for key, value in given.items():
            name = key if isinstance(key, str) else str(key)
            try:
                values[name] = self._to_number(value)
            except Exception as error:  # noqa: BLE001 - of a script's own number, say
                problems[name] = str(error)
        return values

    def read_vector(
        self, reading: VectorReading, problems: dict[str, str]
    ) -> dict[str, float]:
        if reading.skipped is not None and any(self._get(reading.skipped)):
            return {}
        numbers = self._get(reading.vector)
        if len(numbers) != len(reading.names):
            error = self._errors.get(id(reading.vector))
            problems[reading.names[0]] = error or "the probe's values are gone"
            return {}
        return dict(zip(reading.names, numbers, strict=True))

    def _to_number(self, value: Number) -> float:
        if not isinstance(value, Tensor):
            return float(value)
        if value.numel() != 1:
            raise ValueError(
                f"a tensor of {value.numel()} elements; log a single number"
            )
        numbers = self._get(value)
        if not numbers:
            raise ValueError(self._errors.get(id(value), "it could not be read"))
        return numbers[0]

    def _get(self, tensor: Tensor) -> list[float]:
        return self._numbers.get(id(tensor), [])

    def _fetch_one_by_one(self, group: list[Tensor]) -> None:
        for tensor in group:
            try:
                self._fetch([tensor])
            except Exception as error:  # noqa: BLE001 - as above
                self._errors[id(tensor)] = str(error).partition("\n")[0]

    def _fetch(self, group: list[Tensor]) -> None:
        flat = torch.cat([tensor.detach().reshape(-1) for tensor in group])
        numbers = [float(number) for number in flat.tolist()]
        start = 0
        for tensor in group:
            self._numbers[id(tensor)] = numbers[start : start + tensor.numel()]
            start += tensor.numel()
