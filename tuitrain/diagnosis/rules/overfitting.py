"""The validation curve turns for the worse while the training loss still falls."""

import math
from typing import Final, NamedTuple

import numpy as np

from tuitrain.diagnosis.curves import Curves, tail
from tuitrain.diagnosis.findings import rounded
from tuitrain.diagnosis.numerics import (
    END_SHARE,
    MEDIAN_PENALTY,
    Numbers,
    Turn,
    find_turn,
    finite,
    median,
    noise,
)
from tuitrain.diagnosis.rules.regularize import regularize_more
from tuitrain.events import Advice, Confidence, Evidence, Finding, Severity
from tuitrain.units import format_number, format_percent

MIN_EVALUATIONS: Final = 5
LATEST_BEST: Final = 0.8
"""The best epoch must lie before this share of the run; later it is no trend yet."""
MIN_ERRORS: Final = 3.0
"""Standard errors, by the bouncing of the epochs, that a turn for the worse must exceed:
the best of some ten windows is 1.5 deviations too good by chance."""
SURE_RISE: Final = 0.1
"""Relative rise of the validation loss that is worth a word even where the accuracy
holds. Source: OverfitGuard and the tuning playbook judge by it."""
MIN_RISE: Final = 0.02
"""Relative rise that is enough where the score got worse, too: less is a trifle. Ours."""
LEAST_LOST: Final = 0.02
"""Accuracy that must be lost. Ours: less is within what two trainings differ by."""
LEAST_LEFT: Final = 0.03
"""The same without an accuracy: rise as a share of the loss of a constant answer."""
MIN_ANSWER_ERRORS: Final = 1.0
"""Standard errors, by the number of validation samples, that must be lost to be told of
it. Source: McNemar 1947, that only answers that changed count."""
SURE_ANSWER_ERRORS: Final = 2.0
"""The same for an alarm: two are the usual 5 %."""
PLAIN_LOSS: Final = 0.05
"""Score lost from which it is an alarm. Ours: healthy runs of the benchmark lose less."""
PLAIN_RISE: Final = 0.4
"""Relative rise from which it is an alarm, too. Ours: where healthy runs rise as far,
their accuracy holds."""
MIN_EPOCHS: Final = 2
"""A training of a single epoch is no advice."""


def find_overfitting(curves: Curves) -> Finding | None:
    """Find a validation loss that has risen above its best, and a score that fell.

    A classifier that is right as often as before and only surer of its few mistakes
    does not overfit in any way that matters: that is `overconfidence`, of severity
    `info`.

    Returns:
        The finding, or None: no such rise, or fewer than `MIN_EVALUATIONS` evaluations.

    Source:
        CS231n lecture 11, "train / val"; rule and the split from a pilot of 218 runs,
        where rising loss at unchanged accuracy was 7 of 8 false alarms.
    """
    losses = finite(curves.val_loss.values)
    turn = find_turn(-losses)
    if len(losses) < MIN_EVALUATIONS or turn is None:
        return None
    fall = _find_fall(curves, turn)
    if fall is None or not _has_turned(curves, turn, losses):
        return _find_overconfidence(curves, losses)
    # Told as it is seen on the curve: by the lowest epoch. Judged was by windows.
    best, end, epoch = float(losses.min()), -turn.end, int(np.argmin(losses)) + 1
    lost, score = fall.lost, _name_score(curves)
    fell = f", {score} fell by {format_percent(lost)}" if score else ""
    stop = Advice(
        text=f"Stop early: train for {epoch} epochs.", change={"epochs": epoch}
    )
    is_far = lost >= PLAIN_LOSS or turn.lost > PLAIN_RISE * abs(turn.best)
    is_plain = is_far and lost > SURE_ANSWER_ERRORS * fall.error
    return Finding(
        kind="overfitting",
        severity=Severity.HIGH if is_plain else Severity.LOW,
        confidence=Confidence.HIGH if is_plain else Confidence.MEDIUM,
        summary=(
            f"Since epoch {epoch} the validation loss rises, from "
            f"{format_number(best, 3)} to {format_number(end, 3)}{fell}."
        ),
        evidence={
            **_evidence(losses, best, end),
            "lost_accuracy": rounded(lost if score else None),
        },
        advice=(
            *([] if epoch < MIN_EPOCHS else [stop]),
            *regularize_more(curves),
        ),
    )


def _find_overconfidence(curves: Curves, losses: Numbers) -> Finding | None:
    """Find a rise over the best epoch, of whatever length, where the accuracy holds."""
    best_at, last = int(np.argmin(losses)), tail(losses, END_SHARE, 3)
    best, end = float(losses[best_at]), median(last)
    scatter = MEDIAN_PENALTY * noise(losses[len(losses) // 2 :])
    error = scatter * math.sqrt(1 + 1 / len(last))
    if not len(_scores(curves)) or best_at >= LATEST_BEST * len(losses):
        return None
    if end - best <= max(SURE_RISE * abs(best), MIN_ERRORS * error):
        return None
    if not _train_falls(curves, best_at, losses):
        return None
    return Finding(
        kind="overconfidence",
        severity=Severity.INFO,
        confidence=Confidence.MEDIUM,
        summary=(
            f"Since epoch {best_at + 1} the validation loss rises from "
            f"{format_number(best, 3)} to {format_number(end, 3)}, but the "
            "model is right as often as before."
        ),
        evidence=_evidence(losses, best, end),
        advice=(
            Advice(text="Label smoothing, if the probabilities matter."),
            Advice(text="Otherwise leave it: this is no failure."),
        ),
    )


def _evidence(losses: Numbers, best: float, end: float) -> Evidence:
    return {
        "best_epoch": int(np.argmin(losses)) + 1,
        "epochs": len(losses),
        "best_val_loss": rounded(best),
        "val_loss": rounded(end),
        "rise": rounded((end - best) / abs(best) if best else None),
    }


def _has_turned(curves: Curves, turn: Turn, losses: Numbers) -> bool:
    return (
        _is_real(turn)
        and turn.lost > MIN_RISE * abs(turn.best)
        and turn.best_at < LATEST_BEST * len(losses)
        and _train_falls(curves, turn.best_at, losses)
    )


def _train_falls(curves: Curves, best_at: int, losses: Numbers) -> bool:
    values = finite(curves.loss.values)
    index = int(len(values) * (best_at + 1) / len(losses))
    if index < 5 or len(values) - index < 5:
        return True
    there, end = values[max(0, index - 10) : index], tail(values, 0.1, 5)
    return median(end) <= median(there)


def _is_real(turn: Turn) -> bool:
    return turn.lost > MIN_ERRORS * turn.error


class _Fall(NamedTuple):
    """How much worse the score got."""

    lost: float
    error: float
    """Its standard error by the number of answers; 0: not known."""


def _find_fall(curves: Curves, turn: Turn) -> _Fall | None:
    """Return by how much the score got worse; None: no more than chance explains.

    That is the accuracy, balanced where the script measures that, too; where there is
    none, the loss in units of that of the best constant answer; and where that is not
    known either, the rise of the loss itself.
    """
    values, answers = _scores(curves), _count_answers(curves)
    if len(values):
        score = find_turn(values)
        if score is None or not _is_real(score):
            return None
        # Of the answers that changed, three are taken to be lost for each one gained.
        lost, least, spread = score.lost, LEAST_LOST, 2 * score.lost
    else:
        constant = curves.facts.constant_loss if curves.facts is not None else None
        if not constant or constant <= 0:
            rise = turn.lost / abs(turn.best) if turn.best else math.inf
            return _Fall(rise, 0.0) if rise > SURE_RISE else None
        # What squared errors differ by where something normal is added to predictions.
        lost, least = turn.lost / constant, LEAST_LEFT
        spread = 4 * lost * -turn.best / constant + 2 * lost**2
    error = math.sqrt(spread / answers) if answers else 0.0
    is_more = lost >= least and lost > MIN_ANSWER_ERRORS * error
    return _Fall(lost, error) if is_more else None


def _scores(curves: Curves) -> Numbers:
    """Return the accuracies that tell how good it is; empty: there are none.

    Where classes are rare, accuracy hardly sees them, so whoever measures the mean over
    classes means that one.
    """
    is_balanced = len(curves.val_balanced_accuracy) > 0
    series = curves.val_balanced_accuracy if is_balanced else curves.val_accuracy
    return finite(series.values)


def _name_score(curves: Curves) -> str:
    if len(curves.val_balanced_accuracy):
        return "balanced accuracy"
    return "accuracy" if len(curves.val_accuracy) else ""


def _count_answers(curves: Curves) -> float:
    """Return how many answers a score is the mean of; 0: not known.

    Where each class counts the same, those of rare classes scatter most: it is the number
    of answers whose plain mean would scatter as much.
    """
    facts = curves.facts
    each = facts.positions if facts is not None else None
    answers = float((curves.val_samples or 0) * (each or 1))
    if not len(curves.val_balanced_accuracy) or facts is None or not facts.priors:
        return answers
    priors = facts.priors
    shares = priors if len(priors) > 1 else [priors[0], 1 - priors[0]]
    seen = [share for share in shares if share > 0]
    return answers * len(seen) ** 2 / sum(1 / share for share in seen)
