"""A plot of one measured quantity, training and validation, for the drawn trials."""

from textual.reactive import var

from tuitrain.study import Study
from tuitrain.tui.curves.chosen import WholeSeries, curves_of
from tuitrain.tui.curves.curve_plot import CurvePlot
from tuitrain.tui.curves.picture import Curve, Picture
from tuitrain.tui.glyphs import TRAIN, VALIDATION
from tuitrain.tui.lines import BLANK, Line, line, plain
from tuitrain.tui.view import View, listed_trials


class PlotPane(CurvePlot):
    """A plot bound to a study."""

    study: var[Study | None] = var(None, init=False, always_update=True)
    view: var[View] = var(View(), init=False)

    def __init__(self, quantity: str, *, id: str) -> None:  # noqa: A002 - Textual's own name
        """Return a plot of `quantity`: `loss`, or `accuracy` for what ranks trials."""
        super().__init__(id=id, classes="pane")
        self._quantity = quantity
        self._joined = WholeSeries()

    def watch_study(self) -> None:
        """Draw the newer study."""
        self._depict()

    def watch_view(self) -> None:
        """Draw other trials, or the same ones differently."""
        self._depict()

    def _depict(self) -> None:
        if self.study is None:
            return
        quantity, falls = self._find_quantity(self.study)
        names = (quantity, f"val_{quantity}")
        curves = curves_of(self.study, self.view, names, self._joined)
        # Accuracies lie in 0..1; a log axis would only hide their bad values.
        is_log = self.view.log_y and falls
        title = plain(quantity) + (" · log" if is_log else "")
        unit = "epochs" if self.view.by_epoch else "iterations"
        self.entitle(f"{title} · {unit}")
        self.picture = Picture(
            curves=curves,
            log_y=is_log,
            empty=_why_empty(self.study),
            legend=_legend(curves),
            falls=falls,
        )

    def _find_quantity(self, study: Study) -> tuple[str, bool]:
        """Return the name of the training series to draw, and whether it falls."""
        if self._quantity == "loss":
            return "loss", True
        metric, highest = study.metric()
        name = metric.removeprefix("val_")
        if name != "loss":
            return name, not highest
        measured = (trial.series for trial in study.model.trials.values())
        if any("accuracy" in series for series in measured):
            return "accuracy", False
        return "grad_norm", True


def _why_empty(study: Study) -> str:
    begun = any(trial.loss is not None for trial in listed_trials(study))
    return "not measured" if begun else "no points yet"


def _legend(curves: tuple[Curve, ...]) -> Line:
    if not any(len(curve.series) for curve in curves if curve.is_validation):
        return BLANK
    return line((f"{TRAIN} train {VALIDATION} val", "muted"))
