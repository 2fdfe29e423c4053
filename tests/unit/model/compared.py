"""Models as plain values, and points that hypothesis makes, for tests of this room."""

import math

import msgspec
from hypothesis import strategies as st

from tests.samples import TRIAL
from tuitrain.events import PointsMeasured, to_column
from tuitrain.model import Series


def plain(value):
    """Return a model as plain values that can be compared, order of keys included."""
    if isinstance(value, Series):
        return [value.iterations.tolist(), [str(v) for v in value.values]]
    if isinstance(value, dict):
        return [(key, plain(item)) for key, item in value.items()]
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, msgspec.Struct):
        names = value.__struct_fields__
        return {name: plain(getattr(value, name)) for name in names}
    return value


MEASURED = st.builds(
    lambda trial, first, names, width: PointsMeasured(
        trial=trial,
        iteration=list(range(first, first + 2)),
        values={name: to_column([0.5, math.nan])[:width] for name in names},
    ),
    st.sampled_from([TRIAL, "0002"]),
    st.integers(1, 9),
    st.sets(st.sampled_from(["loss", "lr"])),
    st.sampled_from([2, 2, 1]),
)
"""Points of two trials, also such that go back or lack a value."""
