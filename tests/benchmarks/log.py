"""What `run.log()` costs the training thread, beside a buffered write of a JSON line."""

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

import tuitrain
from tests.benchmarks.figures import Figure, tell, within

BLOCK = 100
"""Calls between two looks at the clock, as many as a quick training makes in 0.1 s."""


def _per_call_us(call: Callable[[], object], blocks: int) -> list[float]:
    """Return the time of one call in each block, µs; the sender runs beside it."""
    times = []
    for _ in range(blocks):
        started = time.perf_counter()
        for _ in range(BLOCK):
            call()
        times.append((time.perf_counter() - started) / BLOCK * 1e6)
        # Between iterations a training computes; the sender gets the interpreter then.
        time.sleep(0.002)
    return times


def measure(quick: bool) -> Iterator[Figure]:
    """Measure floats and tensors, with the baseline in blocks between."""
    blocks = 50 if quick else 500
    with tempfile.TemporaryDirectory() as folder:
        run = tuitrain.init(name="bench", dir=Path(folder))
        file = open(Path(folder) / "baseline.jsonl", "w")  # noqa: SIM115
        loss = torch.tensor(0.5)

        def log_floats() -> None:
            run.log({"loss": 0.5, "accuracy": 0.25})

        def log_tensors() -> None:
            run.log({"loss": loss, "accuracy": loss})

        def write_line() -> None:
            file.write(json.dumps({"loss": 0.5, "accuracy": 0.25}) + "\n")

        times: dict[str, list[float]] = {"floats": [], "tensors": [], "line": []}
        for _ in range(10):
            times["line"] += _per_call_us(write_line, blocks // 10)
            times["floats"] += _per_call_us(log_floats, blocks // 10)
            times["tensors"] += _per_call_us(log_tensors, blocks // 10)
        file.close()
        run.finish()
    median = {name: statistics.median(values) for name, values in times.items()}
    yield within("two floats, median", median["floats"], 2, "µs")
    yield Figure("two floats, worst block of 100", f"{max(times['floats']):.1f} µs")
    yield Figure("two tensors on the CPU, median", f"{median['tensors']:.2f} µs")
    yield Figure("baseline: a JSON line, buffered", f"{median['line']:.2f} µs")
    yield Figure("two floats ÷ baseline", f"{median['floats'] / median['line']:.2f}")


if __name__ == "__main__":
    tell(measure)
