"""Findings: what a rule saw, how sure it is, and what to do about it."""

from enum import StrEnum

import msgspec

from tuitrain.events.words import Config, Scalar, TrialId

Evidence = dict[str, Scalar | list[float | str] | None]
"""Named numbers and words that a judgement rests on; JSON-ready.
Non-finite numbers in it are the strings `nan`, `inf`, `-inf`."""


class Severity(StrEnum):
    """How much a finding matters."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 (info) to 4 (critical), for comparing."""
        return list(Severity).index(self)


class Confidence(StrEnum):
    """How sure the rule is."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Advice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing to try."""

    text: str
    """What to do, in the imperative."""
    change: Config | None = None
    """The same as new values for a configuration (`lr`, `weight_decay`, …) and the
    plan (`epochs`); None: something only the person can do, such as changing code."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One symptom or cause that a rule saw."""

    kind: str
    """Identifier of the rule: `overfitting`, `non_finite`, …"""
    severity: Severity
    confidence: Confidence
    summary: str
    """One sentence: what was seen."""
    evidence: Evidence = {}
    advice: tuple[Advice, ...] = ()
    """Ordered: try the first one first."""
    consequence_of: str | None = None
    """Kind of the finding this one follows from; None: a cause of its own."""
    trial: TrialId | None = None
    """The trial it was seen in; None: the step as a whole."""
