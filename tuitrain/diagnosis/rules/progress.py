"""How far a model has come, for rules that must not blame one that fits."""

from tuitrain.diagnosis.curves import Curves, tail
from tuitrain.diagnosis.numerics import finite, median, start_of


def explained_share(curves: Curves) -> float | None:
    """Return how far from chance, 0, to a perfect fit, 1, the training data is fitted.

    By accuracy where it is measured and all classes count alike, else by the loss of the best constant answer, else
    by the share of the initial loss that is gone. Negative: worse than chance. None:
    nothing is known.
    """
    accuracy, chance = curves.train_accuracy, curves.chance_accuracy
    knows_accuracy = accuracy is not None and not is_weighted(curves)
    if accuracy is not None and knows_accuracy and chance is not None and chance < 1:
        return (accuracy - chance) / (1 - chance)
    values = finite(curves.loss.values)
    if not len(values):
        return None
    end = median(tail(values, 0.1))
    base = curves.facts.constant_loss if curves.facts is not None else None
    if base is None:
        base = curves.chance if curves.chance is not None else start_of(values)
    return 1 - end / base if base > 0 else None


def is_weighted(curves: Curves) -> bool:
    """Whether some classes count more, so that accuracy is given away on purpose."""
    facts = curves.facts
    return facts is not None and bool(facts.class_weights or facts.pos_weights)
