"""What the screen itself owns: where the cursor is, what is drawn and how."""

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from tuitrain.events import TrialId
from tuitrain.model import TrialState
from tuitrain.study import Study, TrialView
from tuitrain.tui.lens import Lens
from tuitrain.tui.lines import CURVE_ROLES

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
MOST_DRAWN = 4
"""Trials drawn at once while the person has marked none."""


class View(msgspec.Struct, frozen=True, kw_only=True):
    """How a person looks at a study."""

    cursor: TrialId | None = None
    """The chosen trial; None: follow the newest one that runs."""
    marks: frozenset[TrialId] | None = None
    """The trials whose curves are drawn; None: chosen by `default_marks`."""
    lens: Lens = msgspec.field(default_factory=Lens)
    """How the curves are looked at."""
    sort: str = ""
    """Title of the column that trials are sorted by; empty: in the order of ids."""
    is_reversed: bool = False
    """Whether the largest comes first."""
    looked_for: str = ""
    """Words that a trial's row must hold to be listed; empty: all are."""

    def toggled(self, study: Study, trial: TrialId) -> "View":
        """Return this view with the mark of `trial` set or taken away."""
        marks = drawn_trials(study, self)
        return replace(self, marks=marks ^ {trial})


class Shown(msgspec.Struct, frozen=True):
    """A trial with the letter and the role by which screens tell it from others."""

    trial: TrialView
    letter: str
    role: str
    is_drawn: bool = False
    is_cursor: bool = False


def shown_trials(study: Study, view: View) -> tuple[Shown, ...]:
    """Return the trials of the current step as they are shown."""
    trials = listed_trials(study)
    drawn = drawn_trials(study, view)
    cursor = cursor_trial(study, view)
    return tuple(
        Shown(
            trial,
            LETTERS[index] if index < len(LETTERS) else "+",
            f"curve-{index % CURVE_ROLES}",
            trial.trial in drawn,
            cursor is not None and trial.trial == cursor.trial,
        )
        for index, trial in enumerate(trials)
    )


def listed_trials(study: Study) -> Sequence[TrialView]:
    """Return the trials of the current step; all there are where there is no step."""
    return study.trials_of_current() if study.current is not None else study.trials


def cursor_trial(study: Study, view: View) -> TrialView | None:
    """Return the chosen trial, or the one that is most worth a look; None: no trial."""
    every = listed_trials(study)
    # Where nothing is found, there is still one whose curves and ratios are shown.
    trials = [t for t in every if matches(t, view.looked_for)] or every
    if chosen := next((t for t in trials if t.trial == view.cursor), None):
        return chosen
    running = [t for t in trials if t.state is TrialState.RUNNING]
    if running:
        return running[0]
    best = study.current.best_trial if study.current is not None else None
    over = [t for t in trials if t.state is not TrialState.QUEUED]
    return next(
        (t for t in trials if t.trial == best), next(iter(over or trials), None)
    )


def matches(trial: TrialView, looked_for: str) -> bool:
    """Whether a row holds every word that is looked for: state, step, configuration."""
    if not looked_for:
        return True
    step = trial.step.label if trial.step is not None else ""
    config = " ".join(f"{name}={value}" for name, value in trial.config.items())
    text = f"{trial.trial} {trial.state.value} {step} {trial.varied} {config}"
    held = f"{text} {trial.reason}".lower()
    return all(word in held for word in looked_for.lower().split())


def drawn_trials(study: Study, view: View) -> frozenset[TrialId]:
    """Return the trials whose curves are drawn: the marked ones, or a few by default."""
    trials = listed_trials(study)
    if view.marks is not None:
        here = frozenset(t.trial for t in trials)
        if view.marks & here or not view.marks:
            return view.marks & here
    return default_marks(study, trials)


def default_marks(study: Study, trials: Sequence[TrialView]) -> frozenset[TrialId]:
    """Return the trials that run, then the best ones, `MOST_DRAWN` at most."""
    _, highest = study.metric()

    def merit(trial: TrialView) -> tuple[bool, bool, float]:
        value = trial.best_metric
        known = value is not None and value == value
        rank = (-value if highest else value) if known and value is not None else 0.0
        return trial.state is not TrialState.RUNNING, not known, rank

    begun = [t for t in trials if t.state is not TrialState.QUEUED]
    return frozenset(t.trial for t in sorted(begun, key=merit)[:MOST_DRAWN])
