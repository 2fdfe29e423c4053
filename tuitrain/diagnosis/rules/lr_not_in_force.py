"""The optimizer runs at another LR than the configuration says."""

from collections.abc import Sequence
from typing import Final

from tuitrain.diagnosis.curves import Curves
from tuitrain.diagnosis.findings import rounded
from tuitrain.events import Advice, Confidence, Finding, Severity
from tuitrain.units import format_number, format_power

TOLERANCE: Final = 0.01
"""Relative difference that rounding may make."""
TOO_FAR: Final = 30.0
"""Factor from which a comparison of LRs is worth nothing. Ours: one of several parameter
groups may well run at ten times the LR, but not at a hundred times."""

_ADVICE: Final = (
    Advice(text="Give the optimizer the trial's LR as it is: lr=trial.lr."),
    Advice(text="Take out numbers that multiply or replace it."),
)


def find_lr_not_in_force(curves: Curves) -> Finding | None:
    """Compare the LR of the optimizer with the configuration's.

    A lower LR is left alone: a warm-up begins low and a decay ends low.

    Returns:
        `high` from `TOO_FAR` on, else `medium`; None: it is at most what was asked for,
        or not measured.
    """
    asked, in_force = curves.configured_lr, highest_lr(curves)
    if asked is None or in_force is None or asked <= 0:
        return None
    factor = in_force / asked
    if factor <= 1 + TOLERANCE:
        return None
    severity = Severity.HIGH if factor >= TOO_FAR else Severity.MEDIUM
    return Finding(
        kind="lr_not_in_force",
        severity=severity,
        confidence=Confidence.HIGH,
        summary=(
            f"The optimizer runs at LR {format_power(in_force)}, "
            f"{_in_words(factor)} times the {format_power(asked)} it was given."
        ),
        evidence={
            "lr": rounded(asked),
            "lr_in_force": rounded(in_force),
            "factor": rounded(factor),
        },
        advice=_ADVICE,
    )


def find_lr_ignored(trials: Sequence[Curves]) -> Finding | None:
    """Find an optimizer that runs at the same LR whatever it is given.

    Args:
        trials: Trials with different LRs in their configurations.

    Returns:
        The finding, or None: the LR in force varies, or two trials can't be compared.
    """
    pairs = [(c.configured_lr, highest_lr(c)) for c in trials]
    asked = {lr for lr, in_force in pairs if lr is not None and in_force is not None}
    found = {in_force for lr, in_force in pairs if lr is not None and in_force}
    if len(asked) < 2 or len(found) != 1:
        return None
    in_force = found.pop()
    return Finding(
        kind="lr_not_in_force",
        severity=Severity.HIGH,
        confidence=Confidence.HIGH,
        summary=(
            f"The optimizer runs at LR {format_power(in_force)} whatever LR it is given."
        ),
        evidence={"lrs": sorted(asked), "lr_in_force": rounded(in_force)},
        advice=_ADVICE,
    )


def highest_lr(curves: Curves) -> float | None:
    """Return the highest LR that was in force; None: not measured."""
    best = curves.lr.best(highest=True)
    return best[1] if best is not None else None


def _in_words(factor: float) -> str:
    return f"{factor:.0f}" if factor >= 100 else format_number(factor, 3)
