"""How far a model has come, for rules that must not blame one that fits."""

import numpy as np

from tuitrain.diagnosis.curves import Curves, tail
from tuitrain.diagnosis.numerics import finite, start_of


def explained_share(curves: Curves) -> float | None:
    """Return how far from chance, 0, to a perfect fit, 1, the training data is fitted.

    By accuracy where it is measured, else by the loss of the best constant answer, else
    by the share of the initial loss that is gone. Negative: worse than chance. None:
    nothing is known.
    """
    accuracy, chance = curves.train_accuracy, curves.chance_accuracy
    if accuracy is not None and chance is not None and chance < 1:
        return (accuracy - chance) / (1 - chance)
    values = finite(curves.loss.values)
    if not len(values):
        return None
    end = float(np.median(tail(values, 0.1)))
    base = curves.facts.constant_loss if curves.facts is not None else None
    if base is None:
        base = curves.chance if curves.chance is not None else start_of(values)
    return 1 - end / base if base > 0 else None
