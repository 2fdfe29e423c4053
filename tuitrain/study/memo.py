"""Remembering what was derived from values that never change."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

_T = TypeVar("_T")


class Memo(Generic[_T]):
    """Results by the identity of what they were derived from.

    Models are frozen, so the same object always gives the same result, however often
    a screen asks. The sources are kept with the result: an identity can't be reused
    while it is remembered here.
    """

    def __init__(self, size: int) -> None:
        """Remember the `size` results asked for last."""
        self._size = size
        self._kept: OrderedDict[tuple[int, ...], tuple[tuple[object, ...], _T]] = (
            OrderedDict()
        )

    def get(self, sources: tuple[object, ...], derive: Callable[[], _T]) -> _T:
        """Return what `derive` gives for `sources`, from memory if it is there."""
        key = tuple(id(source) for source in sources)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key][1]
        result = derive()
        self._kept[key] = (sources, result)
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)
        return result
