"""What keys do to a study: commands, asked back where they can't be undone."""

from collections.abc import Callable

from textual.reactive import var
from textual.screen import Screen

from tuitrain.commands import AcceptBest, OverrideVerdict, StopTrial
from tuitrain.events import Verdict
from tuitrain.study import StepState, Study
from tuitrain.tui.glyphs import VERDICT_SIGNS
from tuitrain.tui.messages import (
    CommandGiven,
    HintGiven,
    LeaveWanted,
    Link,
    PlayerWished,
)
from tuitrain.tui.player import Player
from tuitrain.tui.screens.ask import Answer, AskChoice, AskText
from tuitrain.tui.view import View, cursor_trial
from tuitrain.tui.wishes import (
    NOT_BEGUN,
    Hint,
    Wish,
    accept,
    apply_advice,
    go_on,
    has_running,
    move_step,
    rerun,
    resume_trial,
    stop_trial,
    toggle_auto,
)

_REPLAY_HINT = Hint("this is a replay: nothing runs, so nothing can be asked for")
_LIVE_HINT = "only a replay can be moved; this study is live"


class StudyScreen(Screen[None]):
    """A screen from which a study can be steered."""

    study: var[Study | None] = var(None, init=False, always_update=True)
    link: var[Link] = var(Link(), init=False)
    view: var[View] = var(View(), init=False)

    def action_go_on(self) -> None:
        """Run the step, or go on to the next."""
        self._ask_for(go_on)

    def action_move_step(self, direction: int) -> None:
        """Go to a neighbouring step."""
        self._ask_for(lambda study: move_step(study, direction))

    def action_rerun(self) -> None:
        """Run the step again."""
        self._ask_for(rerun)

    def action_apply(self, number: int) -> None:
        """Apply an advice."""
        self._ask_for(lambda study: apply_advice(study, number))

    def action_auto(self) -> None:
        """Let the steps follow by themselves, or not."""
        self._ask_for(toggle_auto)

    def action_accept(self) -> None:
        """Accept the best configuration, after a question."""
        self._ask_for(lambda study: accept(study, None))

    def action_stop_trial(self) -> None:
        """Stop the chosen trial, after a question."""
        self._ask_for(lambda study: stop_trial(cursor_trial(study, self.view)))

    def action_resume_trial(self) -> None:
        """Carry on the chosen trial, which died or was stopped."""
        self._ask_for(lambda study: resume_trial(study, cursor_trial(study, self.view)))

    def action_override(self) -> None:
        """Overrule the verdict: ask which one, then why."""
        current = self.study.current if self.study is not None else None
        if self.link.is_replay:
            self.post_message(HintGiven(_REPLAY_HINT.text))
        elif current is None or current.state is not StepState.JUDGED:
            self.post_message(HintGiven("there is no verdict to overrule yet"))
        else:
            answers = [
                Answer(verdict.value[0], f"{sign} {verdict.value}", verdict.value)
                for verdict, (sign, _) in VERDICT_SIGNS.items()
                if verdict is not Verdict.UNKNOWN  # a person has to say which
            ]
            question = f"Overrule the verdict of step {current.step.number} as:"
            self.app.push_screen(AskChoice(question, answers), self._ask_why)

    def action_detach(self) -> None:
        """Leave; the study goes on."""
        self.post_message(LeaveWanted())

    def action_ask_quit(self) -> None:
        """Leave; ask whether trials go on if there are any."""
        if self.link.is_replay or not has_running(self.study):
            self.post_message(LeaveWanted())
            return
        answers = (
            Answer("g", "trials go on without this screen", "go on"),
            Answer("s", "stop all trials and the study", "stop"),
        )
        question = "Trials are running. What becomes of them?"
        self.app.push_screen(AskChoice(question, answers), self._leave)

    def action_play(self) -> None:
        """Play or pause."""
        self._move_replay(Player.toggle)

    def action_change_speed(self, direction: int) -> None:
        """Play faster or slower."""
        self._move_replay(lambda player: player.change_speed(direction))

    def action_seek_by(self, seconds: int) -> None:
        """Go on or back by recorded time."""
        self._move_replay(lambda player: player.seek_by(seconds))

    def action_seek_step(self, direction: int) -> None:
        """Go to the next or the former start or verdict of a step."""
        self._move_replay(lambda player: player.seek_scene(direction))

    def action_seek_finding(self, direction: int) -> None:
        """Go to the next or the former moment at which something was found."""
        self._move_replay(lambda player: player.seek_finding(direction))

    def action_seek_start(self) -> None:
        """Go to the beginning."""
        self._move_replay(Player.seek_start)

    def action_seek_end(self) -> None:
        """Go to the end."""
        self._move_replay(Player.seek_end)

    def _move_replay(self, wish: Callable[[Player], None]) -> None:
        if self.link.is_replay:
            self.post_message(PlayerWished(wish))
        else:
            self.post_message(HintGiven(_LIVE_HINT))

    def _ask_for(self, wish: Callable[[Study], Wish]) -> None:
        """Pass on what a key asks for, or say why it can't be done now."""
        if self.link.is_replay:
            wanted: Wish = _REPLAY_HINT
        else:
            wanted = wish(self.study) if self.study is not None else NOT_BEGUN
        match wanted:
            case Hint(text=text):
                self.post_message(HintGiven(text))
            case StopTrial(trial=trial):
                question = f"Stop trial {trial}? What it measured so far is kept."
                self._confirm(question, "stop it", wanted)
            case AcceptBest():
                question = "Accept the best configuration and end the study?"
                self._confirm(question, "accept it", wanted)
            case _:
                self.post_message(CommandGiven(wanted))

    def _confirm(
        self, question: str, yes: str, command: StopTrial | AcceptBest
    ) -> None:
        def take(answer: str | None) -> None:
            if answer == "yes":
                self.post_message(CommandGiven(command))

        self.app.push_screen(AskChoice(question, [Answer("y", yes, "yes")]), take)

    def _ask_why(self, verdict: str | None) -> None:
        if verdict is None:
            return

        def overrule(note: str | None) -> None:
            if note is not None:
                command = OverrideVerdict(verdict=Verdict(verdict), note=note)
                self.post_message(CommandGiven(command))

        self.app.push_screen(AskText("Why? The note is kept in the journal."), overrule)

    def _leave(self, answer: str | None) -> None:
        if answer is not None:
            self.post_message(LeaveWanted(stops_study=answer == "stop"))
