"""Layers of so few units that what tells samples apart can't get through."""

from typing import Final

import msgspec

from tuitrain.diagnosis.curves import Curves
from tuitrain.events import Inspection

NARROW: Final = 8
"""Numbers a last layer may get to count as narrow at all: larger vocabularies than widths
are how language models are built."""

FEW: Final = 3
"""Units of a layer that are few whatever is asked for. Ours: the narrowest layers of the
benchmark's healthy runs have 8."""
WHOLE: Final = 0.99
"""Share of dead units from which nothing gets through, as in `find_dead_relu`."""


class Narrow(msgspec.Struct, frozen=True, kw_only=True):
    """The narrowest place of a model."""

    units: int
    """Numbers that get through."""
    outputs: int | None
    """Those that are made of them, if it is before the last layer."""
    is_dead: bool = False
    """Whether nothing gets through: none of its units answers any sample."""
    told: str
    """It, as the rest of a sentence's paragraph."""


def narrow_layer(curves: Curves) -> Narrow | None:
    """Return the place that is too narrow for what is asked for; None: there is none.

    A last layer that gets too few numbers for its outputs, see `narrow_head`, or any with
    `FEW` units.
    """
    head = narrow_head(curves)
    if head is not None:
        inputs, outputs = head
        told = (
            f" Its last layer makes {outputs} outputs of {inputs} numbers: "
            f"at least {outputs - 1} are needed."
        )
        is_dead = curves.inspection is not None and _has_dead(curves.inspection)
        return Narrow(units=inputs, outputs=outputs, is_dead=is_dead, told=told)
    seen = curves.inspection
    if seen is None:
        return None
    features = seen.inputs.features if seen.inputs is not None else 0
    widths = [unit.units for unit in seen.units_at_start]
    # What the last layer gets is a layer's own output, unless it is the only layer.
    is_made = len(seen.gradient_rms) > 1 or (seen.head_inputs or 0) < features
    if seen.head_inputs is not None and is_made:
        widths.append(seen.head_inputs)
    narrowest = min(widths, default=FEW + 1)
    if narrowest > FEW:
        return None
    told = f" All it knows of a sample goes through a layer of {narrowest} units."
    return Narrow(units=narrowest, outputs=None, is_dead=_has_dead(seen), told=told)


def _has_dead(seen: Inspection) -> bool:
    """Whether a layer of few units answers no sample at all."""
    units = seen.units or seen.units_at_start
    return any(unit.units <= NARROW and unit.dead >= WHOLE for unit in units)


def narrow_head(curves: Curves) -> tuple[int, int] | None:
    """Return the numbers the last layer gets and gives, if it gets too few for that.

    Source:
        Yang et al. 2018, arXiv:1711.03953: from k numbers come logits of rank k, and
        k + 1 classes can be told apart freely.
    """
    seen = curves.inspection
    if seen is None or seen.head_inputs is None or len(seen.output_shape) != 2:
        return None
    inputs, outputs = seen.head_inputs, seen.output_shape[1]
    return (inputs, outputs) if inputs < min(outputs - 1, NARROW + 1) else None
