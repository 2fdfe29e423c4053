"""The plan editor: what a step would run, and the settings it is made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.reactive import var

from tuitrain.checklist import (
    RefusedError,
    Settings,
    SettingsError,
    answer,
    settings_to,
    with_changes,
)
from tuitrain.commands import ChangeSettings
from tuitrain.events import Step, Verdict
from tuitrain.study import StepState, Study
from tuitrain.tui.glyphs import CURSOR, FAIL
from tuitrain.tui.keys import PLAN_KEYS, Key, to_bindings
from tuitrain.tui.lines import BLANK, Line, crop, line, pad, plain, wrap
from tuitrain.tui.messages import CommandGiven, HintGiven
from tuitrain.tui.panes.reading import ReadingPane
from tuitrain.tui.panes.typing_line import TypingLine
from tuitrain.tui.plan_fields import Field, fields_of, to_settings
from tuitrain.tui.plans import plan_rows
from tuitrain.tui.screens.ask import Answer, AskChoice
from tuitrain.tui.screens.reading import ReadingScreen

_LABEL_WIDTH = 18
_MESSAGE_ROWS = 2
_REPLAY = "this is a replay: the plan is shown as it was, and can't be changed"
_NO_SETTINGS = "this log does not tell what the study was asked to do"
_SAVE, _FORGET = "save", "forget"


class FieldLine(TypingLine):
    """Where a value is typed; withdrawing leaves the value as it was."""

    @dataclass
    class Withdrawn(Message):
        """Nothing is to be changed by what was typed."""

    def action_withdraw(self) -> None:
        """Forget what was typed."""
        self.display = False
        self.screen.set_focus(None)
        self.post_message(self.Withdrawn())


class PlanScreen(ReadingScreen):
    """Settings above, the plan they make below; nothing counts before it is saved."""

    BINDINGS: ClassVar[list[BindingType]] = [*to_bindings(PLAN_KEYS)]
    OWN_KEYS: ClassVar[tuple[Key, ...]] = PLAN_KEYS
    CSS_PATH = "plan.tcss"

    step: var[Step] = var(Step.INITIAL_LOSS, init=False)
    """The step whose plan is shown."""
    row: var[int] = var(0, init=False)
    """The chosen setting."""
    drafts: var[dict[Field, str]] = var(dict[Field, str], init=False)
    """What was typed for each setting, whether it can be used or not."""

    def __init__(self, step: Step, *, is_replay: bool) -> None:
        """Show the plan of `step`; of a replay nothing can be changed."""
        super().__init__()
        self.set_reactive(PlanScreen.step, step)
        self._is_replay = is_replay
        self._before_typing: str | None = None

    def compose_body(self) -> ComposeResult:
        """Settings, plan, and the line in which a value is typed."""
        yield ReadingPane(id="fields", classes="pane")
        yield ReadingPane(id="text", classes="pane")
        yield FieldLine("another value; empty: the default")

    # What is shown ------------------------------------------------------------------

    def watch_study(self) -> None:
        """Show what is in force now; what was typed for it is no draft any more."""
        if not self._is_typing():
            kept = {f: text for f, text in self.drafts.items() if self._effect(f)}
            self.drafts = kept
        self.show_rows()

    def watch_step(self) -> None:
        """Show another step's plan from its top."""
        self.row = 0
        if self.is_mounted:
            self.text.go_to_start()
        self.show_rows()

    def watch_row(self) -> None:
        """Show which setting is chosen."""
        self.show_rows()

    def watch_drafts(self) -> None:
        """Show what the typed value makes of the plan."""
        self.show_rows()

    def title_text(self) -> str:
        """Return what the lower pane shows."""
        return f"plan · step {self.step.number} {self.step.label}"

    def show_rows(self) -> None:
        """Draw both panes."""
        super().show_rows()
        for pane in self.query("#fields").results(ReadingPane):
            pane.entitle(f"settings · {self._how_saved()}")
            pane.rows = self._field_rows(max(10, pane.size.width))
            pane.first = max(0, self.row + 1 - max(1, pane.size.height))
            pane.styles.height = len(fields_of(self.step)) + _MESSAGE_ROWS + 3

    def rows(self, width: int) -> Sequence[Line]:
        """Return the plan that the settings make."""
        settings = self._drafted()
        if self.study is None or settings is None:
            return wrap("no plan with these settings", width, "muted")
        plan = self.study.plan(self.step, settings)
        if plan is None or not plan.trials:
            return wrap(_why_empty(self.step), width, "muted")
        rows = plan_rows(plan, width)
        if plan.is_advised:
            text = "This round's plan comes from the advice that was applied."
            rows = [*wrap(text, width, "warn"), *rows]
        return rows

    def _field_rows(self, width: int) -> list[Line]:
        asked = self._asked()
        changed = self._changes()
        rows = []
        for index, field in enumerate(fields_of(self.step)):
            is_chosen = index == self.row
            text = plain(self.drafts.get(field, field.shown_in(asked)))
            is_new = bool(self._effect(field))
            shown = crop(
                text or field.unset or "auto", max(1, width - _LABEL_WIDTH - 6)
            )
            rows.append(
                line(
                    (f"{CURSOR if is_chosen else ' '} ", "accent"),
                    (
                        pad(field.label, _LABEL_WIDTH),
                        "strong" if is_chosen else "muted",
                    ),
                    (shown, "warn" if is_new else ""),
                    (" *" if is_new else "", "warn"),
                )
            )
        return [*rows, BLANK, *self._message_rows(changed, width)]

    def _message_rows(self, changes: dict[str, Any], width: int) -> list[Line]:
        problem = self._problem(changes)
        if problem:
            first = line((f"{FAIL} ", "bad"))
            rows = wrap(problem, width, "bad", first=first, indent=2)
        else:
            rows = wrap(fields_of(self.step)[self.row].about, width, "muted")
        return rows[:_MESSAGE_ROWS]

    def _how_saved(self) -> str:
        if self._is_replay:
            return "replay, to be read only"
        count = len(_places(self._changes()))
        return f"{count} not saved" if count else "as in study.toml"

    # What is known --------------------------------------------------------------------

    def _settings(self) -> Settings | None:
        return self.study.settings if self.study is not None else None

    def _asked(self) -> dict[str, Any]:
        settings = self._settings()
        return settings_to(settings) if settings is not None else {}

    def _changes(self) -> dict[str, Any]:
        """Return what is typed and not in force yet, in the shape of `study.toml`."""
        return self._effect(*self.drafts)

    def _effect(self, *fields: Field) -> dict[str, Any]:
        """Return what the drafts of some fields would change."""
        drafts = {f: text for f, text in self.drafts.items() if f in fields}
        changes = to_settings(drafts, self._asked())
        settings = self._settings()
        try:
            is_same = settings is None or with_changes(settings, changes) == settings
        except SettingsError:
            # What can't be used is still something that was typed.
            is_same = False
        return {} if is_same else changes

    def _drafted(self) -> Settings | None:
        """Return the settings as they would be; None: they can't be used."""
        settings = self._settings()
        try:
            return with_changes(settings, self._changes()) if settings else None
        except SettingsError:
            return None

    def _problem(self, changes: dict[str, Any]) -> str:
        """Return what the supervisor would say to these changes; empty: nothing."""
        settings = self._settings()
        if self.study is None or settings is None:
            return _NO_SETTINGS
        if not changes:
            return ""
        try:
            answer(self.study.model, settings, ChangeSettings(settings=changes))
        except (SettingsError, RefusedError) as error:
            return str(error)
        return ""

    # What keys do ---------------------------------------------------------------------

    def action_move_row(self, rows: int) -> None:
        """Choose the setting above or below."""
        self._keep_typed()
        self.row = max(0, min(len(fields_of(self.step)) - 1, self.row + rows))

    def action_move_step(self, steps: int) -> None:
        """Show the plan of a neighbouring step."""
        number = max(1, min(len(Step), self.step.number + steps))
        self.step = list(Step)[number - 1]

    def action_type(self) -> None:
        """Type another value for the chosen setting."""
        if self._refuses():
            return
        field = fields_of(self.step)[self.row]
        self._before_typing = self.drafts.get(field)
        shown = self.drafts.get(field, field.shown_in(self._asked()))
        self.query_one(FieldLine).open(plain(shown))

    def action_take_back(self) -> None:
        """Forget what was typed for the chosen setting."""
        self._draft(None)

    def action_save(self) -> None:
        """Ask the supervisor to go by what was typed."""
        changes = self._changes()
        if self._refuses():
            return
        if not changes:
            self.post_message(
                HintGiven("nothing is changed; enter types another value")
            )
        elif problem := self._problem(changes):
            self.post_message(HintGiven(problem))
        else:
            self.post_message(CommandGiven(ChangeSettings(settings=changes)))

    def action_close(self) -> None:
        """Go back; ask first if something would be lost."""
        count = len(_places(self._changes()))
        if not count:
            self.dismiss()
            return
        answers = (
            Answer("s", "save", _SAVE),
            Answer("f", "forget what was typed", _FORGET),
        )
        what = "A change is" if count == 1 else f"{count} changes are"
        question = f"{what} not saved. What becomes of it?"
        self.app.push_screen(AskChoice(question, answers), self._close)

    def _close(self, answered: str | None) -> None:
        if answered == _SAVE and self._problem(self._changes()):
            self.action_save()
        elif answered is not None:
            if answered == _SAVE:
                self.action_save()
            self.dismiss()

    @on(FieldLine.Typed)
    def take(self, message: FieldLine.Typed) -> None:
        """Show what the value makes of the plan while it is typed."""
        message.stop()
        self._draft(message.text)

    @on(FieldLine.Withdrawn)
    def withdraw(self, message: FieldLine.Withdrawn) -> None:
        """Go back to the value before."""
        message.stop()
        self._draft(self._before_typing)

    def _keep_typed(self) -> None:
        if self._is_typing():
            self.query_one(FieldLine).display = False
            self.set_focus(None)

    def _is_typing(self) -> bool:
        return any(line.display for line in self.query(FieldLine))

    def _draft(self, text: str | None) -> None:
        field = fields_of(self.step)[self.row]
        others = {other: t for other, t in self.drafts.items() if other != field}
        self.drafts = others if text is None else {**others, field: text}

    def _refuses(self) -> bool:
        if self._is_replay:
            self.post_message(HintGiven(_REPLAY))
        elif self._settings() is None:
            self.post_message(HintGiven(_NO_SETTINGS))
        return self._is_replay or self._settings() is None


def step_to_plan(study: Study | None) -> Step:
    """Return the step whose plan matters next: the current one, or the one after it."""
    current = study.current if study is not None else None
    if current is None:
        return Step.INITIAL_LOSS
    is_done = current.state is StepState.JUDGED and current.verdict is not Verdict.FAIL
    following = list(Step)[current.step.number : current.step.number + 1]
    return following[0] if is_done and following else current.step


def _places(changes: dict[str, Any]) -> list[str]:
    """Return the settings that change, sections opened up."""
    places = []
    for name, value in changes.items():
        inner = value if isinstance(value, dict) else {name: value}
        places += [f"{name}.{key}" for key in inner]
    return places


def _why_empty(step: Step) -> str:
    if step is Step.LEARNING_CURVES:
        return "Step 6 runs no trial: it looks at the curves of step 5."
    return "Not known yet: it depends on what the steps before it find."
