"""How long `run.log()` took while a fault was in force, told by the trainings themselves."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

P99_S = 1e-3
LONGEST_S = 50e-3


@dataclass(frozen=True)
class Window:
    """A time in which a fault was in force."""

    fault: str
    began_s: float
    """Of the monotonic clock, which all processes share."""
    ended_s: float


def tell_latency(figure, outside: Path, windows: list[Window]) -> None:
    """Tell p99 and maximum of `run.log()` in each fault's windows, all trainings together."""
    times = np.concatenate([np.load(path) for path in sorted(outside.glob("*.npy"))])
    for fault in dict.fromkeys(window.fault for window in windows):
        within = [
            times[(times[:, 0] >= w.began_s) & (times[:, 0] <= w.ended_s), 1]
            for w in windows
            if w.fault == fault
        ]
        taken_s = np.concatenate(within)
        assert len(taken_s) > 0, f"nothing was logged during: {fault}"
        p99_s, longest_s = float(np.quantile(taken_s, 0.99)), float(taken_s.max())
        figure(
            "P2",
            f"run.log() while: {fault}",
            f"p99 {p99_s * 1e3:.3f} ms, longest {longest_s * 1e3:.1f} ms "
            f"({len(taken_s):,} calls)",
            asked="p99 1 ms, longest 50 ms",
            is_met=p99_s <= P99_S and longest_s <= LONGEST_S,
        )
