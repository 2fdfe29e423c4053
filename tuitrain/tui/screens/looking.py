"""What keys do to the curves: how both plots of a screen are looked at."""

from collections.abc import Callable

from msgspec.structs import replace

from tuitrain.tui.curves.chosen import Trajectories, find_reach
from tuitrain.tui.lens import Lens
from tuitrain.tui.messages import HintGiven
from tuitrain.tui.screens.deeds import StudyScreen

ZOOM = 0.5
"""Share of what is shown that is left of it by zooming in."""
PAN = 0.25
"""Share of what is shown by which panning moves."""

_ONLY_ASCII = "this terminal's encoding has no other characters than ASCII"


class LookingScreen(StudyScreen):
    """A screen with plots that move in step."""

    def __init__(self) -> None:
        """Return a screen without a study."""
        super().__init__()
        self._trajectories = Trajectories()

    def action_log_y(self) -> None:
        """Switch the y axis."""
        self._look(lambda lens: replace(lens, log_y=not lens.log_y))

    def action_x_axis(self) -> None:
        """Count something else on the x axis."""
        self._look(Lens.with_next_unit)

    def action_smooth(self, direction: int) -> None:
        """Draw a longer or shorter moving mean."""
        study = self.study
        trials = study.model.trials.values() if study is not None else ()
        longest = max((trial.iteration for trial in trials), default=0)
        self._look(lambda lens: lens.smoothed(longest, direction))

    def action_zoom_curves(self, direction: int) -> None:
        """Show less (1) or more (-1) of the x axis."""
        factor = ZOOM if direction > 0 else 1 / ZOOM
        self._look_along(lambda lens, reach: lens.zoomed(reach, factor))

    def action_pan_curves(self, direction: int) -> None:
        """Show what is left or right."""
        if self.view.lens.window is None:
            self.post_message(HintGiven("everything is shown; i zooms in"))
            return
        self._look_along(lambda lens, reach: lens.panned(reach, direction * PAN))

    def action_move_reader(self, steps: int) -> None:
        """Read the values at another place."""
        self._look_along(lambda lens, reach: lens.cursor_moved(reach, steps))

    def action_reset_curves(self) -> None:
        """Show everything, without a cursor."""
        self._look(Lens.reset)

    def action_events(self) -> None:
        """Draw other vertical marks."""
        self._look(Lens.with_next_events)

    def action_glyphs(self) -> None:
        """Draw with other characters."""
        if self.app.has_class("-ascii"):
            self.post_message(HintGiven(_ONLY_ASCII))
        else:
            self._look(Lens.with_next_glyphs)

    def _look(self, change: Callable[[Lens], Lens]) -> None:
        self.view = replace(self.view, lens=change(self.view.lens))

    def _look_along(self, change: Callable[[Lens, float], Lens]) -> None:
        """Change what depends on how far the curves reach."""
        study = self.study
        reach = (
            find_reach(study, self.view, self._trajectories)
            if study is not None
            else 0.0
        )
        if reach > 0:
            self._look(lambda lens: change(lens, reach))
        else:
            self.post_message(HintGiven("there is no curve yet"))
