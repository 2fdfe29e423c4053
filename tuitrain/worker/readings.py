"""Measured values on their way to the log: numbers, or tensors that are read all at once.

The training thread must not wait for a GPU, so it hands over tensors; whoever reads
them later makes one transfer per device and type, however many there are. What lies in
the CPU's memory is read where it is measured: that takes less time than a copy.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import NamedTuple, TypeVar, cast

import torch
from torch import Tensor

from tuitrain.events import Event

_T = TypeVar("_T")

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


class PartsReading(NamedTuple):
    """Values of one iteration that are worked out from several tensors.

    Each operation on small tensors takes the training's time, so the last ones are left
    to the sender thread, and made with plain numbers.
    """

    iteration: int
    names: Sequence[str]
    parts: Sequence[Tensor]
    """Of one device and type, without dimensions."""
    combine: Callable[[Sequence[float]], Sequence[float]]
    """From the numbers of the parts to a value for each name."""
    skipped: Tensor | None = None
    """One number; not 0: the optimizer skipped this update, so nothing was measured."""


class Deferred(NamedTuple):
    """An event that the sender thread makes, since tensors must be read for it.

    It says all that those before it say: of several that wait, the newest is made.
    """

    make: Callable[[], Event]


def read_at_hand(value: Tensor) -> Number:
    """Return the number that a tensor without dimensions holds, or the tensor itself.

    Itself where reading it would have to wait for a device, or is not to be had. Unlike
    any operation on tensors, reading does not give the interpreter's lock away, which
    the sender thread may keep for milliseconds.
    """
    if value.is_cpu and not value.ndim:
        try:
            return float(_number_in(value))
        except Exception:  # noqa: BLE001 - whoever reads it later tells what it is
            return value
    return value


def _number_in(value: Tensor) -> float:
    """Return what a tensor without dimensions holds, which stubs take for a list."""
    return cast("float", value.tolist())


def combined(
    iteration: int,
    names: Sequence[str],
    parts: Sequence[Tensor],
    combine: Callable[[Sequence[float]], Sequence[float]],
    skipped: Tensor | None = None,
) -> Reading | PartsReading | None:
    """Return what is worked out from several tensors, at once if they are at hand.

    Args:
        iteration: When they were measured.
        names: As of `PartsReading`, like the others.
        parts: One or more.
        combine: From their numbers to a value for each name.
        skipped: Whether the optimizer skipped this update.

    Returns:
        None: it did.
    """
    if not parts[0].is_cpu:
        return PartsReading(iteration, names, parts, combine, skipped)
    if skipped is not None and bool(skipped):
        return None
    values = combine(list(map(_number_in, parts)))
    return Reading(iteration, dict(zip(names, values, strict=True)))


def read_rows(
    readings: Iterable[Reading | PartsReading],
) -> tuple[list[Row], dict[str, str]]:
    """Fetch all values.

    Returns:
        The rows in the order given, and for each name whose values can't be read why.
    """
    readings = list(readings)
    with torch.no_grad():
        fetched = _Fetched(readings)
    rows: list[Row] = []
    problems: dict[str, str] = {}
    for reading in readings:
        if isinstance(reading, PartsReading):
            values = fetched.read_parts(reading, problems)
        else:
            values = fetched.read_values(reading, problems)
        if values:
            rows.append((reading.iteration, values))
    return rows, problems


def _tensors_of(reading: Reading | PartsReading) -> list[Tensor]:
    if isinstance(reading, PartsReading):
        return [] if reading.skipped is None else [reading.skipped]
    return [
        value
        for value in reading.values.values()
        if isinstance(value, Tensor) and value.numel() == 1
    ]


class _Fetched:
    """The numbers of many tensors, by the identity of each."""

    def __init__(self, readings: Sequence[Reading | PartsReading]) -> None:
        self._numbers: dict[int, float] = {}
        self._parts: dict[int, list[float]] = {}
        """Those of the parts of a reading, by the identity of their sequence."""
        self._errors: dict[int, str] = {}
        groups: dict[tuple[torch.device, torch.dtype], list[Tensor]] = {}
        for tensor in chain.from_iterable(map(_tensors_of, readings)):
            groups.setdefault((tensor.device, tensor.dtype), []).append(tensor)
        for group in groups.values():
            self._try(self._fetch, group)
        several: dict[tuple[torch.device, torch.dtype], list[Sequence[Tensor]]] = {}
        for each in readings:
            if isinstance(each, PartsReading):
                kind = each.parts[0].device, each.parts[0].dtype
                several.setdefault(kind, []).append(each.parts)
        for parts in several.values():
            self._try(self._fetch_parts, parts)

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

    def read_parts(
        self, reading: PartsReading, problems: dict[str, str]
    ) -> dict[str, float]:
        if reading.skipped is not None and self._numbers.get(id(reading.skipped)):
            return {}
        numbers = self._parts.get(id(reading.parts))
        if numbers is None:
            problems[reading.names[0]] = self._errors[id(reading.parts)]
            return {}
        return dict(zip(reading.names, reading.combine(numbers), strict=True))

    def _to_number(self, value: Number) -> float:
        if not isinstance(value, Tensor):
            return float(value)
        number = self._numbers.get(id(value))
        if number is not None:
            return number
        if value.numel() != 1:
            raise ValueError(
                f"a tensor of {value.numel()} elements; log a single number"
            )
        raise ValueError(self._errors[id(value)])

    def _try(self, fetch: Callable[[list[_T]], None], group: list[_T]) -> None:
        """Fetch a group at once, or one by one what can be fetched of it."""
        try:
            fetch(group)
        except Exception:  # noqa: BLE001 - whatever it was, it costs its own value only
            for each in group:
                try:
                    fetch([each])
                except Exception as error:  # noqa: BLE001 - as above
                    self._errors[id(each)] = str(error).partition("\n")[0]

    # One operation and hardly a loop of Python's own: the training waits for those.

    def _fetch(self, group: list[Tensor]) -> None:
        # Alone, what is sparse or of odd shape says so plainly.
        if len(group) == 1 or any(map(_get_ndim, group)):
            numbers = torch.cat([each.reshape(-1) for each in group]).tolist()
        else:
            numbers = torch.stack(group).tolist()
        self._numbers.update(zip(map(id, group), map(float, numbers), strict=True))

    def _fetch_parts(self, group: list[Sequence[Tensor]]) -> None:
        numbers = torch.stack(list(chain.from_iterable(group))).tolist()
        start = 0
        for parts in group:
            self._parts[id(parts)] = numbers[start : start + len(parts)]
            start += len(parts)


_get_ndim = attrgetter("ndim")
