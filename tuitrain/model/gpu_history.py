"""How much each GPU was used over the last while."""

from collections.abc import Mapping
from typing import Final

import msgspec
import numpy as np

from tuitrain.events import GpuReading, GpusSampled
from tuitrain.model.series import EMPTY_SERIES, Series
from tuitrain.units import Seconds

KEPT_READINGS: Final = 1800
"""Of each GPU; an hour at one every two seconds, and longer when little changes."""


class GpuHistory(msgspec.Struct, frozen=True, kw_only=True):
    """The readings of one GPU by time: the `iterations` of these are seconds.

    A value holds until the next one, since readings that hardly differ are not written.
    NaN: the GPU did not answer from there on.
    """

    used_ratio: Series = EMPTY_SERIES
    memory_used_bytes: Series = EMPTY_SERIES


def extend(
    history: Mapping[str, GpuHistory], sampled: GpusSampled, at_s: Seconds
) -> dict[str, GpuHistory]:
    """Return the history by UUID after one more reading; of each GPU a bounded part."""
    readings = {gpu.uuid: gpu for gpu in sampled.gpus}
    return {
        uuid: _extended(history.get(uuid, GpuHistory()), readings.get(uuid), at_s)
        for uuid in (*readings, *(uuid for uuid in history if uuid not in readings))
    }


def _extended(
    history: GpuHistory, reading: GpuReading | None, at_s: Seconds
) -> GpuHistory:
    return GpuHistory(
        used_ratio=_grown(
            history.used_ratio, reading.used_ratio if reading else None, at_s
        ),
        memory_used_bytes=_grown(
            history.memory_used_bytes,
            reading.memory_used_bytes if reading else None,
            at_s,
        ),
    )


def _grown(series: Series, value: float | None, at_s: Seconds) -> Series:
    if value is None and not len(series):
        return series
    # Between boots a clock may be set back; time on the screen only goes on.
    second = max(int(at_s), series.last_iteration or 0)
    if len(series) >= 2 * KEPT_READINGS:
        kept = slice(-KEPT_READINGS, None)
        series = EMPTY_SERIES.append(series.iterations[kept], series.values[kept])
    number = np.nan if value is None else float(value)
    return series.append(np.array([second]), np.array([number]))
