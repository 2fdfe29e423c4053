"""The main screen: everything about one study at a glance."""

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from msgspec.structs import replace
from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.reactive import var

from tuitrain.events import TrialId
from tuitrain.tui.keys import MAIN_KEYS, REPLAY_KEYS, to_bindings
from tuitrain.tui.messages import HintGiven, PictureWanted, ScreenWanted
from tuitrain.tui.panes.checklist import ChecklistPane
from tuitrain.tui.panes.gauges import GaugesPane
from tuitrain.tui.panes.header import HeaderPane
from tuitrain.tui.panes.key_bar import KeyBar
from tuitrain.tui.panes.plot_pane import PlotPane
from tuitrain.tui.panes.tabs import TabsPane
from tuitrain.tui.panes.trials import TrialsPane
from tuitrain.tui.panes.typing_line import TypingLine
from tuitrain.tui.panes.verdict import VerdictPane
from tuitrain.tui.screens.looking import LookingScreen
from tuitrain.tui.table import next_sort, table_rows
from tuitrain.tui.view import cursor_trial, drawn_trials

WIDE_FROM = 100
"""Columns from which all panes are shown at once."""
TALL_FROM = 24
"""Rows from which they are."""

PANES = ("checklist", "loss", "accuracy", "ratios", "trials", "verdict")
"""Ids of the panes, in the order in which tab goes through them."""


class MainScreen(LookingScreen):
    """Header, panes and keys of one study."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *to_bindings(MAIN_KEYS),
        *to_bindings(REPLAY_KEYS),
    ]
    AUTO_FOCUS = ""

    chosen: var[int] = var(1, init=False)
    """Which pane is shown where only one is."""
    is_zoomed: var[bool] = var(default=False, init=False)

    def __init__(
        self, find_log: Callable[[TrialId], Path], begin: Callable[[], None]
    ) -> None:
        """Return the screen.

        Args:
            find_log: Says where a trial's output lies.
            begin: Called once, when there are panes and none of them is drawn yet.
        """
        super().__init__()
        self._find_log = find_log
        self._begin = begin

    def compose(self) -> ComposeResult:
        """Arrange the panes; the style sheet decides how much of each is seen."""
        study, view, link = MainScreen.study, MainScreen.view, MainScreen.link
        yield HeaderPane(id="header").data_bind(study, link, view)
        yield TabsPane(id="tabs").data_bind(study, chosen=MainScreen.chosen)
        with Horizontal(id="body"):
            with Vertical(id="left"):
                yield ChecklistPane(id="checklist", classes="pane").data_bind(study)
                yield GaugesPane(id="ratios", classes="pane").data_bind(study, view)
            with Vertical(id="right"):
                with Horizontal(id="plots"):
                    for quantity in ("loss", "accuracy"):
                        yield PlotPane(quantity, id=quantity).data_bind(study, view)
                yield TrialsPane(id="trials", classes="pane").data_bind(study, view)
                yield VerdictPane(id="verdict", classes="pane").data_bind(study, view)
        yield TypingLine("list trials with these words: running lr=1e-2 …")
        yield KeyBar(id="keys").data_bind(study, link)

    def on_mount(self) -> None:
        """Tell the tabs what there is, and have the study read."""
        self.query_one(TabsPane).names = PANES
        self._arrange()
        self._begin()

    def on_resize(self, _: events.Resize) -> None:
        """Show all panes, or one at a time."""
        self._arrange()

    def watch_chosen(self) -> None:
        """Show the chosen pane."""
        self._arrange()

    def watch_is_zoomed(self) -> None:
        """Show one pane, or all."""
        self._arrange()

    def _arrange(self) -> None:
        size = self.app.size
        is_narrow = size.width < WIDE_FROM or size.height < TALL_FROM
        self.set_class(is_narrow or self.is_zoomed, "-stacked")
        for index, name in enumerate(PANES):
            for pane in self.query(f"#{name}"):
                pane.set_class(index == self.chosen, "-chosen")
        for name in ("left", "right", "plots"):
            for box in self.query(f"#{name}"):
                holds = any(box.query(f"#{PANES[self.chosen]}"))
                box.set_class(holds, "-holds")

    # How a person looks at it -------------------------------------------------------

    def action_move_cursor(self, rows: int) -> None:
        """Choose the trial above or below."""
        if self.study is None:
            return
        trials = [shown.trial.trial for shown in table_rows(self.study, self.view)]
        chosen = cursor_trial(self.study, self.view)
        if chosen is None or chosen.trial not in trials:
            return
        at = max(0, min(len(trials) - 1, trials.index(chosen.trial) + rows))
        self.view = replace(self.view, cursor=trials[at])

    def action_mark(self) -> None:
        """Draw the chosen trial's curves, or don't."""
        chosen = self._cursor()
        if self.study is not None and chosen is not None:
            self.view = self.view.toggled(self.study, chosen)

    def action_unmark(self) -> None:
        """Draw what is drawn by default."""
        self.view = replace(self.view, marks=None, cursor=None)

    def action_sort(self) -> None:
        """Sort the trials by the next column."""
        if self.study is not None:
            self.view = next_sort(self.study, self.view)

    def action_reverse(self) -> None:
        """Turn the order of the trials round."""
        self.view = replace(self.view, is_reversed=not self.view.is_reversed)

    def action_filter(self) -> None:
        """Ask which trials to list."""
        self.chosen = PANES.index("trials")
        self.query_one(TypingLine).open(self.view.looked_for)

    @on(TypingLine.Typed)
    def list_like(self, message: TypingLine.Typed) -> None:
        """List the trials that hold what is typed."""
        message.stop()
        self.view = replace(self.view, looked_for=message.text)

    def action_move_pane(self, direction: int) -> None:
        """Show the pane before or after."""
        self.chosen = (self.chosen + direction) % len(PANES)

    def action_zoom(self) -> None:
        """Show one pane, or all."""
        self.is_zoomed = not self.is_zoomed

    def action_scroll_pane(self, pages: int) -> None:
        """Scroll the chosen pane, or the verdict where there is nothing to scroll."""
        match PANES[self.chosen]:
            case "trials":
                page = max(1, self.query_one(TrialsPane).size.height - 2)
                self.action_move_cursor(pages * page)
            case "ratios":
                self.query_one(GaugesPane).scroll_by(pages)
            case _:
                self.query_one(VerdictPane).scroll_by(pages)

    # Other screens, each imported when it is opened: a study is seen sooner ------------

    def action_open_trial(self) -> None:
        """Show everything about the chosen trial."""
        from tuitrain.tui.screens.trial import TrialScreen

        trial = self._cursor()
        if trial is None:
            self.post_message(HintGiven("there is no trial yet"))
            return
        view = replace(self.view, cursor=trial, marks=frozenset({trial}))
        self.post_message(ScreenWanted(TrialScreen(view)))

    def action_open_log(self) -> None:
        """Show what the chosen trial printed."""
        from tuitrain.tui.screens.log import LogScreen

        trial = self._cursor()
        if self.study is None or trial is None:
            self.post_message(HintGiven("there is no trial yet"))
            return
        finished = self.study.model.trials[trial].finished
        traceback = finished.traceback if finished is not None else ""
        screen = LogScreen(trial, self._find_log(trial), traceback)
        self.post_message(ScreenWanted(screen))

    def action_compare(self) -> None:
        """Show the marked trials side by side."""
        from tuitrain.tui.screens.compare import CompareScreen

        drawn = drawn_trials(self.study, self.view) if self.study is not None else ()
        if len(drawn) < 2:
            self.post_message(HintGiven("m marks trials; two are needed to compare"))
            return
        self.post_message(ScreenWanted(CompareScreen(replace(self.view, marks=drawn))))

    def action_open_grid(self) -> None:
        """Show LR × weight decay."""
        from tuitrain.tui.screens.grid import GridScreen

        self.post_message(ScreenWanted(GridScreen()))

    def action_open_plan(self) -> None:
        """Show and edit what the step is made of."""
        from tuitrain.tui.screens.plan import PlanScreen, step_to_plan

        step = step_to_plan(self.study)
        screen = PlanScreen(step, is_replay=self.link.is_replay)
        self.post_message(ScreenWanted(screen))

    def action_open_gpus(self) -> None:
        """Show who uses the GPUs."""
        from tuitrain.tui.screens.gpus import GpuScreen

        self.post_message(ScreenWanted(GpuScreen()))

    def action_open_help(self) -> None:
        """Show all keys."""
        from tuitrain.tui.screens.help import HelpScreen

        self.post_message(ScreenWanted(HelpScreen()))

    def action_save_picture(self) -> None:
        """Have the screen saved."""
        self.post_message(PictureWanted())

    def _cursor(self) -> TrialId | None:
        chosen = cursor_trial(self.study, self.view) if self.study is not None else None
        return chosen.trial if chosen is not None else None
