"""From what was looked at to one event; runs in the sender thread, which may wait."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from torch import Tensor, nn

from tuitrain.events import (
    InputFacts,
    Inspection,
    ProbeFailed,
    SignalFacts,
    TaskInspected,
    TrialId,
    UnitFacts,
)
from tuitrain.worker.inspection.answers import OutputFacts
from tuitrain.worker.inspection.gradients import Sums, read_sizes
from tuitrain.worker.inspection.reading import flag, number
from tuitrain.worker.inspection.units import UnitShare, WeightScales, read_units

LOOKED_AT: Final = 20
"""Iterations that gradients, outputs and inputs are looked at."""
TOLD_AT: Final = (1, 5, LOOKED_AT)
"""Iterations after which what is known so far is told."""
AGAIN_AFTER: Final = 4
"""How many times as many iterations it is until units are looked at again: 80, 320, …."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """All that was looked at up to one moment; tensors are those of that moment."""

    iterations: int
    looked: int
    """Iterations the sums of gradients are over."""
    checked: int
    stale: list[Tensor | int]
    sizes: tuple[list[tuple[str, nn.Parameter]], Sums]
    outside: list[str]
    alike: tuple[list[tuple[str, Tensor]], list[tuple[str, Tensor]]]
    """Before the first update, and now."""
    outputs: Callable[[], OutputFacts]
    facts: dict[str, Any]
    """What a look of our own found, by the names of `Inspection`."""
    inputs: Callable[[], InputFacts | None] | None
    signal: Callable[[], SignalFacts | None] | None
    twins: Callable[[], tuple[float, float, float] | None]
    units: tuple[list[UnitShare], list[UnitShare]]
    """Before the first update, and now."""
    plain: dict[str, Any]
    """Fields of `Inspection` that are no tensors."""


class Teller:
    """Makes the events of one trial; works out once what does not change."""

    def __init__(self, trial: TrialId, put: Callable[[Any], None]) -> None:
        """Tell of `trial`; what fails goes to `put`."""
        self._trial = trial
        self._put = put
        self._known: dict[str, Any] = {}

    def tell(self, seen: Snapshot) -> TaskInspected:
        """Read the tensors, wait for them if need be, and return the event."""
        named, sums = seen.sizes
        missing, sizes = read_sizes(named, sums, seen.looked)
        if not seen.looked:
            missing = []
        began, now = seen.alike
        still = {name for name, same in now if bool(same)}
        facts, outputs = seen.facts, seen.outputs()
        at_start: list[UnitFacts] = self._once(
            "units", lambda: read_units(seen.units[0])
        )
        scales: WeightScales | None = facts.get("weight_scales")
        layer, scale = ("", None) if scales is None else scales.largest()
        twins = self._once("twins", seen.twins)
        signal = None if seen.signal is None else self._once("signal", seen.signal)
        return TaskInspected(
            trial=self._trial,
            found=Inspection(
                iterations=seen.iterations,
                stale_checked=seen.checked,
                stale=max((int(each) for each in seen.stale), default=0),
                no_gradient=[name for name in missing if name not in seen.outside],
                not_in_optimizer=seen.outside,
                gradient_rms={name: _short(size) for name, size in sizes.items()},
                alike_units=[n for n, same in began if bool(same) and n in still],
                alike_at_start=[n for n, same in began if bool(same)],
                target_shape=facts.get("target_shape", []),
                are_probabilities=flag(outputs.probabilities),
                are_log_probabilities=flag(outputs.log_probabilities),
                in_unit_interval=flag(outputs.in_unit),
                in_unit_interval_later=flag(facts.get("in_unit_interval_later")),
                last_operation=facts.get("last_operation", ""),
                is_broadcast=facts.get("is_broadcast"),
                batch_loss_ratio=_number(facts, "batch_loss_ratio"),
                loss_scale=_number(facts, "loss_scale"),
                output_spread=_number(facts, "output_spread"),
                head_inputs=facts.get("head_inputs"),
                mixed_samples=flag(facts.get("mixed_samples")),
                chance_share=_number(facts, "chance_share"),
                varies_with_input=flag(facts.get("varies_with_input")),
                top_class=_number(facts, "top_class"),
                weight_norm_at_start=_number(facts, "weight_norm_at_start"),
                weight_norm=_number(facts, "weight_norm"),
                weight_scale=None if scale is None else _short(scale),
                weight_scale_layer=layer,
                decay_over_gradient=_number(facts, "decay_over_gradient"),
                inputs=None if seen.inputs is None else seen.inputs(),
                signal=signal,
                twins=None if twins is None else _short(twins[0]),
                twins_within=None if twins is None else _short(twins[1]),
                twins_expected=None if twins is None else _short(twins[2]),
                units_at_start=at_start,
                units=read_units(seen.units[1]),
                **seen.plain,
            ),
        )

    def report(self, look: str, error: Exception) -> None:
        """Say that a look failed and is not made again."""
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        self._put(ProbeFailed(trial=self._trial, probe=look, error=reason))

    def _once(self, key: str, work_out: Callable[[], Any]) -> Any:  # noqa: ANN401
        if key not in self._known:
            try:
                self._known[key] = work_out()
            except Exception as error:  # noqa: BLE001 - the rest is told all the same
                self._known[key] = [] if key == "units" else None
                self.report(key, error)
        return self._known[key]


def _number(facts: dict[str, Any], name: str) -> float | None:
    value = number(facts.get(name))
    return None if value is None else _short(value)


def _short(value: float) -> float:
    return float(f"{value:.4g}")
