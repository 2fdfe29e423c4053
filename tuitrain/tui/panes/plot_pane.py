"""A plot of one measured quantity, training and validation, for the drawn trials."""

from msgspec.structs import replace
from textual.reactive import var

from tuitrain.study import Study
from tuitrain.tui.curves.chosen import Trajectories, choose
from tuitrain.tui.curves.curve import Curve
from tuitrain.tui.curves.curve_plot import CurvePlot
from tuitrain.tui.curves.picture import Picture
from tuitrain.tui.glyphs import TRAIN, VALIDATION
from tuitrain.tui.lens import Lens
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
        self._trajectories = Trajectories()

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
        chosen = choose(self.study, self.view, names, self._trajectories)
        # Accuracies lie in 0..1; a log axis would only hide their bad values.
        lens = replace(self.view.lens, log_y=self.view.lens.log_y and falls)
        self.entitle(_title(quantity, lens))
        self.picture = Picture(
            curves=chosen.curves,
            lens=lens,
            reach=chosen.reach,
            happened=chosen.happened,
            best_of=chosen.best_of,
            empty=_why_empty(self.study),
            legend=_legend(chosen.curves),
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


def _title(quantity: str, lens: Lens) -> str:
    parts = [plain(quantity)]
    if lens.log_y:
        parts.append("log")
    if lens.span:
        parts.append(f"mean of {lens.span:,}".replace(",", " "))
    return " · ".join([*parts, lens.unit.value])


def _why_empty(study: Study) -> str:
    begun = any(trial.loss is not None for trial in listed_trials(study))
    return "not measured" if begun else "no points yet"


def _legend(curves: tuple[Curve, ...]) -> Line:
    if not any(len(curve.series) for curve in curves if curve.is_validation):
        return BLANK
    return line((f"{TRAIN} train {VALIDATION} val", "muted"))
