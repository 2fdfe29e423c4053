"""A last layer that gets too few numbers to tell all classes apart."""

from typing import Final

from tuitrain.diagnosis.curves import Curves

NARROW: Final = 8
"""Numbers a last layer may get to count as narrow at all: larger vocabularies than widths
are how language models are built."""


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
