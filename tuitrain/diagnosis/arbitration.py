"""Causes before symptoms: which finding follows from which, and in which order they go.

Direct evidence comes first: what a probe measured beats what the first loss shows, that
beats a numeric failure, that beats what happened at the same time, and that the shape of
a curve.
"""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from tuitrain.events import Finding, Severity

BUGS: Final = (
    "gradients_not_zeroed",
    "output_loss_mismatch",
    "symmetric_initialization",
    "not_in_optimizer",
    "lr_not_in_force",
    "mixed_samples",
    "wrong_reduction",
    "wrong_mode",
    "unnormalized_inputs",
    "class_collapse@start",
    "input_ignored@start",
    "non_finite@start",
)
"""Bugs that a probe sees directly and that nothing else brings about."""
PROBES: Final = (*BUGS, "input_ignored", "no_gradient")
"""All that a probe sees directly; the last two may also come of dead units."""
FIRST: Final = (
    "bad_initialization@start",
    "dead_relu@start",
    "saturated_activations@start",
    "initial_loss_mismatch",
    "vanishing_gradients",
    "exploding_gradients@start",
)
"""What the state before any update, and its first gradients, show."""
NUMERIC: Final = ("non_finite", "divergence")
TIMING: Final = ("lr_too_high", "lr_too_low", "excess_regularization", "dead_relu")
"""What updates of the wrong size do, and what they leave behind."""
DATA: Final = ("labels_carry_no_signal",)

RIVALS: Final = (
    "overfitting",
    "lr_too_low",
    "lr_too_high",
    "excess_regularization",
    "underfitting",
    "symmetric_initialization",
    "bad_initialization",
    "vanishing_gradients",
    "lr_decayed_too_early",
)
"""What is also named, as `low`, where it is possible beside another cause, or slight."""

_PLAIN_BUGS: Final = tuple(kind for kind in BUGS if "@" not in kind)
"""Those of them that may also be why something is wrong before any update."""
_STOPS_LEARNING: Final = (*PROBES, *FIRST, *TIMING, *NUMERIC, *DATA)

CAUSES: Final[dict[str, tuple[str, ...]]] = {
    "no_gradient": (
        "underfitting@dead",
        "symmetric_initialization",
        "bad_initialization@start",
        "dead_relu@whole",
        "input_ignored",
        "saturated_activations@start",
    ),
    "input_ignored": (
        "underfitting@dead",
        "symmetric_initialization",
        "gradients_not_zeroed",
        "output_loss_mismatch",
        "lr_not_in_force",
        "unnormalized_inputs",
        "wrong_reduction",
        "bad_initialization@start",
        "dead_relu@whole",
        "saturated_activations@start",
        "initial_loss_mismatch",
        "vanishing_gradients",
        "exploding_gradients@start",
        "excess_regularization",
        "lr_too_high",
        *NUMERIC,
    ),
    "initial_loss_mismatch": (
        "output_loss_mismatch",
        "wrong_reduction",
        "unnormalized_inputs",
    ),
    "wrong_reduction": ("output_loss_mismatch", "unnormalized_inputs"),
    "saturated_activations": (
        *BUGS,
        "bad_initialization@start",
        "initial_loss_mismatch",
        "lr_too_high",
    ),
    "saturated_activations@start": (*_PLAIN_BUGS, "initial_loss_mismatch"),
    "dead_relu@start": (*_PLAIN_BUGS, "bad_initialization@start"),
    "dead_relu": (
        *BUGS,
        "bad_initialization@start",
        "initial_loss_mismatch",
        "exploding_gradients@start",
        "vanishing_gradients",
        "lr_too_high",
    ),
    "vanishing_gradients": (
        *BUGS,
        "bad_initialization@start",
        "dead_relu@whole",
        "saturated_activations@start",
        "initial_loss_mismatch",
        "lr_too_high",
    ),
    "exploding_gradients": (
        *BUGS,
        "excess_regularization",
        "initial_loss_mismatch",
        "lr_too_high",
    ),
    "non_finite": (*BUGS, *FIRST, "excess_regularization", "lr_too_high"),
    "divergence": (*BUGS, *FIRST, "excess_regularization", "non_finite", "lr_too_high"),
    "lr_too_high": (
        *BUGS,
        "excess_regularization",
        "dead_relu@start",
        "saturated_activations@start",
        "initial_loss_mismatch",
        "exploding_gradients@start",
    ),
    "lr_too_low": (
        *BUGS,
        "bad_initialization@start",
        "dead_relu@start",
        "vanishing_gradients",
        "lr_decayed_too_early",
    ),
    "excess_regularization": (*BUGS, "initial_loss_mismatch"),
    "loss_not_decreasing": (
        *_STOPS_LEARNING,
        "lr_decayed_too_early",
        "underfitting@narrow",
    ),
    "class_collapse": _STOPS_LEARNING,
    "labels_carry_no_signal": (
        *PROBES,
        "wrong_mode@validation",
        "initial_loss_mismatch",
        "exploding_gradients@start",
        "lr_too_high",
        *NUMERIC,
    ),
    "labels_carry_no_signal@stuck": (
        *PROBES,
        "wrong_mode@validation",
        *FIRST,
        "lr_too_low",
        *NUMERIC,
    ),
    "update_ratio_off": _STOPS_LEARNING,
    "loss_exploded": (*BUGS, *FIRST),
    "stuck_below_fit": (*PROBES, *FIRST, "dead_relu", *DATA),
    "lr_at_edge": ("lr_not_in_force",),
    "bad_initialization": (*_STOPS_LEARNING, "loss_not_decreasing"),
    "overfitting": (
        *PROBES,
        "wrong_mode@validation",
        *DATA,
        "train_val_leakage",
        "lr_too_high",
        "divergence",
    ),
    "overconfidence": (
        *PROBES,
        "wrong_mode@validation",
        *DATA,
        "train_val_leakage",
        "lr_too_high",
    ),
    "generalization_gap": (
        *PROBES,
        "wrong_mode@validation",
        *DATA,
        "excess_regularization",
        "overfitting",
        "lr_too_high",
    ),
    "underfitting@dead": (
        "out_of_memory",
        *BUGS,
        "bad_initialization@start",
        "lr_too_high",
        "excess_regularization",
        *NUMERIC,
    ),
    "underfitting@narrow": ("out_of_memory", *_STOPS_LEARNING),
    "underfitting": (
        "out_of_memory",
        *_STOPS_LEARNING,
        "loss_not_decreasing",
        "lr_decayed_too_early",
        "class_collapse",
    ),
    "loss_plateau": (
        *_STOPS_LEARNING,
        "loss_not_decreasing",
        "lr_decayed_too_early",
        "underfitting",
        "class_collapse",
        "overfitting",
    ),
    "lr_decayed_too_early": (*PROBES, *FIRST, *NUMERIC),
    "needs_longer_training": (
        "out_of_memory",
        *_STOPS_LEARNING,
        "lr_decayed_too_early",
        "bad_initialization",
        "loss_not_decreasing",
        "underfitting",
    ),
    "saturated_early": (*_STOPS_LEARNING, "overfitting", "loss_not_decreasing"),
}
"""For each symptom the findings it may follow from, the most direct evidence first.
`@start`: only if it was so before the first update; `@whole`: only if a whole layer is
concerned; `@validation`: only in passes without gradients; `@narrow`: only if a layer of
few units is why; `@dead`: only if none of these few answers anything; `@stuck`: only if the
training data are not learned either. What was there at the start follows from bugs alone,
unless it has an entry of its own."""

_AT_START: Final[dict[str, Callable[[Finding], bool]]] = {
    "bad_initialization": lambda f: bool(f.evidence.get("at_start")),
    "dead_relu": lambda f: bool(f.evidence.get("at_start")),
    "exploding_gradients": lambda f: bool(f.evidence.get("at_start")),
    "class_collapse": lambda f: bool(f.evidence.get("at_start")),
    "input_ignored": lambda f: bool(f.evidence.get("at_start")),
    "non_finite": lambda f: bool(f.evidence.get("at_start")),
    "saturated_activations": lambda f: f.severity is Severity.HIGH,
}


def arrange(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Say of each finding what it follows from, and order them.

    Causes come before what follows from them, and the more severe before the less.
    """
    findings = list(found)
    kinds = {finding.kind for finding in findings}
    if any(f.kind == "dead_relu" and f.evidence.get("is_whole") for f in findings):
        kinds.add("dead_relu@whole")
    if any(f.kind == "underfitting" and f.evidence.get("narrowest") for f in findings):
        kinds.add("underfitting@narrow")
    if any(f.kind == "underfitting" and f.evidence.get("is_dead") for f in findings):
        kinds.add("underfitting@dead")
    if any(_is_stuck(finding) for finding in findings):
        kinds.add("labels_carry_no_signal@stuck")
    for finding in findings:
        if finding.kind == "wrong_mode" and finding.evidence.get("phase") != "training":
            # What a validation does wrong says nothing of the training.
            kinds = (kinds - {"wrong_mode"}) | {"wrong_mode@validation"}
        if finding.kind in RIVALS and finding.severity is Severity.LOW:
            # What may be so, too, explains nothing that is graver than itself.
            kinds = kinds - {finding.kind, f"{finding.kind}@narrow"}
    kinds |= {
        f"{f.kind}@start"
        for f in findings
        if f.kind in _AT_START and _AT_START[f.kind](f)
    }
    linked = [
        msgspec.structs.replace(f, consequence_of=_find_cause(f.kind, kinds))
        for f in findings
    ]
    return tuple(
        sorted(linked, key=lambda f: (f.consequence_of is not None, -f.severity.rank))
    )


def _is_stuck(finding: Finding) -> bool:
    is_of_labels = finding.kind == "labels_carry_no_signal"
    return is_of_labels and not finding.evidence.get("training_loss_falls")


def _find_cause(kind: str, kinds: set[str]) -> str | None:
    asides = (f"{kind}@{word}" for word in ("dead", "narrow", "stuck"))
    special = next((each for each in asides if each in kinds), None)
    if special is not None:
        causes = list(CAUSES[special])
    elif f"{kind}@start" in kinds:
        # It was there before anything that updates could do.
        at_start = [each for each in CAUSES.get(kind, ()) if each in _PLAIN_BUGS]
        causes = list(CAUSES.get(f"{kind}@start", at_start))
    else:
        causes = list(CAUSES.get(kind, ()))
    found = next((c for c in causes if c in kinds and not c.startswith(kind)), None)
    return None if found is None else found.partition("@")[0]
