"""Advice against overfitting, as changes to a configuration."""

from tuitrain.diagnosis.curves import Curves
from tuitrain.events import Advice
from tuitrain.units import format_power

_FIRST_WEIGHT_DECAY = 1e-3
_STRONGEST_WEIGHT_DECAY = 1.0
_FIRST_DROPOUT = 0.3
_DROPOUTS = (0.1, 0.2, 0.3, 0.5)


def regularize_more(curves: Curves) -> tuple[Advice, ...]:
    """Return ways to regularize more, those that change numbers first."""
    decay = curves.config.get("weight_decay")
    advice = []
    if isinstance(decay, int | float) and decay < _STRONGEST_WEIGHT_DECAY:
        stronger = float(f"{max(10 * decay, _FIRST_WEIGHT_DECAY):.2g}")
        advice.append(
            Advice(
                text=f"Raise the weight decay to {format_power(stronger)}.",
                change={"weight_decay": stronger},
            )
        )
    if "dropout" in curves.config_read:
        advice.append(_more_dropout(curves))
    return (
        *advice,
        Advice(text="Augment the data, or get more of it."),
        Advice(text="Take a smaller model."),
    )


def _more_dropout(curves: Curves) -> Advice:
    now = curves.config.get("dropout")
    if not isinstance(now, int | float):
        # The script's own default is not known here.
        return Advice(
            text=f"Set dropout to {_FIRST_DROPOUT:g}, unless it is higher already.",
            change={"dropout": _FIRST_DROPOUT},
        )
    more = next((rate for rate in _DROPOUTS if rate > now), None)
    if more is None:
        return Advice(text="Dropout is high already; look for other regularization.")
    return Advice(text=f"Raise dropout to {more:g}.", change={"dropout": more})
