"""The trials as a table: columns, what they are sorted by, which rows are shown."""

from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace

from tuitrain.study import Study, TrialView
from tuitrain.tui.lines import pad
from tuitrain.tui.plans import config_in_short
from tuitrain.tui.view import Shown, View, listed_trials, matches, shown_trials
from tuitrain.units import (
    format_duration,
    format_number,
    format_percent,
    format_power,
)

GAP = 1
"""Cells between two columns, always empty."""
STATE = "state"
"""The last column: it takes what room is left."""
STATE_WIDTH = 10

SortKey = float | str | None
"""What a column is sorted by; None: not known, which goes last."""


class Column(msgspec.Struct, frozen=True):
    """One column of the table."""

    title: str
    width: int
    priority: int
    """Columns with higher numbers go first when room is short."""
    text: Callable[[TrialView], str]
    sort_key: Callable[[TrialView], SortKey]
    is_left: bool = False
    is_needed: Callable[[Sequence[TrialView]], bool] = lambda _: True

    def cell(self, text: str) -> str:
        """Return a gap and `text`, cut or filled to the column's width."""
        return " " * GAP + pad(text, self.width, right=not self.is_left)


def short_number(value: float | None, width: int) -> str:
    """Write a number with three digits, or with as many as `width` cells hold."""
    texts = [format_number(value, digits) for digits in (3, 2, 1)]
    return next((text for text in texts if len(text) <= width), texts[-1])


def _number_of(trial: TrialView, name: str) -> float | None:
    value = trial.config.get(name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and value is not None else None


def _power(trial: TrialView, name: str) -> str:
    value = _number_of(trial, name)
    return format_power(value) if value is not None else "–"


def _others(trial: TrialView) -> str:
    """Return the hyperparameters beside LR and weight decay."""
    others = {k: v for k, v in trial.config.items() if k not in ("lr", "weight_decay")}
    return config_in_short(others)


def _made(trial: TrialView) -> str:
    if trial.epochs is not None:
        return f"{trial.epoch}/{trial.epochs}"
    planned = f"/{trial.iterations}" if trial.iterations else ""
    return f"{trial.iteration}{planned}"


def _time(trial: TrialView) -> str:
    if trial.left_s is not None:
        return format_duration(trial.left_s)
    return format_duration(trial.elapsed_s) if trial.elapsed_s is not None else "–"


def _some(name: str) -> Callable[[Sequence[TrialView]], bool]:
    return lambda trials: any(getattr(t, name) is not None for t in trials)


def _measured(title: str, name: str, priority: int, *, is_share: bool) -> Column:
    width = 7 if is_share else 8

    def text(trial: TrialView) -> str:
        value = getattr(trial, name)
        return format_percent(value) if is_share else short_number(value, width)

    return Column(
        title,
        width,
        priority,
        text,
        lambda trial: getattr(trial, name),
        is_needed=(lambda _: True) if name == "loss" else _some(name),
    )


COLUMNS = (
    Column("lr", 6, 0, lambda t: _power(t, "lr"), lambda t: _number_of(t, "lr")),
    Column(
        "wd",
        6,
        1,
        lambda t: _power(t, "weight_decay"),
        lambda t: _number_of(t, "weight_decay"),
    ),
    Column(
        "other",
        14,
        8,
        _others,
        _others,
        is_left=True,
        is_needed=lambda trials: any(_others(t) for t in trials),
    ),
    Column("made", 7, 4, _made, lambda t: float(t.iteration)),
    _measured("loss", "loss", 0, is_share=False),
    _measured("acc", "accuracy", 5, is_share=True),
    _measured("val loss", "val_loss", 3, is_share=False),
    _measured("val acc", "val_accuracy", 2, is_share=True),
    Column(
        "ratio",
        6,
        6,
        lambda t: format_power(t.ratio) if t.ratio is not None else "–",
        lambda t: t.ratio,
        is_needed=_some("ratio"),
    ),
    Column("time", 7, 7, _time, lambda t: t.elapsed_s),
)


def choose_columns(trials: Sequence[TrialView], room: int) -> list[Column]:
    """Return the columns that have something to show and fit, in order.

    Args:
        trials: All rows.
        room: Cells there are, the column of the state included.
    """
    chosen: list[Column] = []
    for column in sorted(COLUMNS, key=lambda c: c.priority):
        used = STATE_WIDTH + sum(c.width + GAP for c in chosen)
        if column.is_needed(trials) and used + column.width + GAP <= room:
            chosen.append(column)
    return [column for column in COLUMNS if column in chosen]


def table_rows(study: Study, view: View) -> tuple[Shown, ...]:
    """Return the trials that are looked for, in the order that was asked for."""
    shown = [s for s in shown_trials(study, view) if matches(s.trial, view.looked_for)]
    sort_key = _sort_key(view.sort)
    if sort_key is None:
        return tuple(reversed(shown)) if view.is_reversed else tuple(shown)
    keyed = [(sort_key(s.trial), s) for s in shown]
    known = [(key, s) for key, s in keyed if key is not None and key == key]
    # Numbers and words never meet in one column.
    known.sort(key=lambda pair: pair[0], reverse=view.is_reversed)
    unknown = [s for key, s in keyed if key is None or key != key]
    return (*(s for _, s in known), *unknown)


def next_sort(study: Study, view: View) -> View:
    """Return the view sorted by the next column; after the last, by none."""
    trials = listed_trials(study)
    titles = ["", *(c.title for c in COLUMNS if c.is_needed(trials)), STATE]
    at = titles.index(view.sort) if view.sort in titles else 0
    return replace(view, sort=titles[(at + 1) % len(titles)], is_reversed=False)


def _sort_key(title: str) -> Callable[[TrialView], SortKey] | None:
    if title == STATE:
        return lambda trial: trial.state.value
    return next((c.sort_key for c in COLUMNS if c.title == title), None)


def heading(view: View, title: str) -> str:
    """Return a title with an arrow if rows are sorted by it: ↑ smallest first."""
    if view.sort != title:
        return title
    arrow = "↓" if view.is_reversed else "↑"
    # Between the words, so that no title grows into its neighbour.
    return title.replace(" ", arrow) if " " in title else title + arrow
