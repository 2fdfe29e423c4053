"""What was seen, what it means, what to do, and the key that does it."""

from collections.abc import Sequence

from textual.reactive import var

from tuitrain.checklist import has_died, why_not_carried_on
from tuitrain.events import Evidence, Finding, Step, Verdict
from tuitrain.study import StepState, StepView, Study
from tuitrain.tui.glyphs import SEVERITY_SIGNS, VERDICT_SIGNS
from tuitrain.tui.lines import BLANK, Line, crop, line, plain, wrap
from tuitrain.tui.lines_pane import LinesPane
from tuitrain.tui.plans import config_in_short, plan_rows
from tuitrain.tui.view import View, cursor_trial, listed_trials
from tuitrain.tui.wishes import applicable, go_on, name_of_next
from tuitrain.units import format_duration, format_number

_MOST_EVIDENCE = 6
_LONGEST_KIND = 40


class VerdictPane(LinesPane):
    """The judgement of the current step, or what is known while it runs."""

    study: var[Study | None] = var(None, init=False, always_update=True)
    view: var[View] = var(View(), init=False)
    offset_rows: var[int] = var(0, init=False)
    """Rows scrolled past."""

    def watch_study(self, before: Study | None, after: Study | None) -> None:
        """Draw the newer study; a new step or verdict is read from its top."""
        if _place(before) != _place(after):
            self.offset_rows = 0
        self.redraw()

    def watch_view(self) -> None:
        """Draw what is known of another trial."""
        self.redraw()

    def watch_offset_rows(self) -> None:
        """Draw further down or up."""
        self.redraw()

    def scroll_by(self, pages: int) -> None:
        """Scroll by pages, as far as there is text."""
        room = max(1, self.size.height)
        rows = self._rows(self.size.width)
        furthest = max(0, len(rows) - room)
        moved = self.offset_rows + pages * max(1, room - 1)
        self.offset_rows = max(0, min(furthest, moved))

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """Return the part of the text that is scrolled to."""
        rows = self._rows(width)
        below = len(rows) - self.offset_rows - height
        self.entitle("verdict", f"{below} more · pgdn" if below > 0 else "")
        return rows[self.offset_rows :]

    def _rows(self, width: int) -> list[Line]:
        if self.study is None:
            return []
        return describe(self.study, self.view, max(10, width - 1))


def describe(study: Study, view: View, width: int) -> list[Line]:
    """Return all there is to say about the current step, wrapped to `width` cells."""
    current = study.current
    if current is None:
        return _about_trial(study, view, width) or wrap(
            "A log without a journal: curves and numbers, no verdict.", width, "muted"
        )
    rows: list[Line] = []
    if current.state is StepState.READY:
        rows = _about_plan(study, current, width)
    elif current.state is StepState.RUNNING:
        rows = _about_run(current, width) + _about_crowding(study, width)
        rows += _about_trial(study, view, width)
    elif current.state is StepState.JUDGED:
        rows = _about_verdict(study, current, width) + _about_crowding(study, width)
    rows += _about_end(study, width)
    rows += _about_dead(study, width)
    return rows + _about_keys(study, current, width)


def _place(study: Study | None) -> tuple[object, ...]:
    current = study.current if study is not None else None
    if current is None:
        return ()
    return current.step, current.round, current.attempt, current.state


def _about_plan(study: Study, current: StepView, width: int) -> list[Line]:
    texts = {
        Step.INITIAL_LOSS: "Regularization off, no update made: is the loss what theory "
        "expects of this loss function?",
        Step.OVERFIT_SMALL: "A few minibatches, regularization off: can the model learn "
        "them by heart? If not, something is broken.",
        Step.FIND_LR: "Full training data, one short trial per learning rate: which one "
        "makes the loss go down?",
        Step.COARSE_GRID: "Learning rate × weight decay around what worked, a few epochs "
        "each.",
        Step.REFINE_GRID: "The best of the coarse grid and its neighbours, longer, no LR "
        "decay.",
        Step.LEARNING_CURVES: "Look at the learning curves of step 5, and say what to "
        "adjust.",
    }
    rows = wrap(texts[current.step], width)
    plan = study.plan(current.step)
    return rows + (plan_rows(plan, width) if plan is not None else [])


def _about_run(current: StepView, width: int) -> list[Line]:
    parts = [f"{current.done} of {current.total} trials over"]
    if current.elapsed_s is not None:
        parts.append(f"{format_duration(current.elapsed_s)} so far")
    if current.left_s is not None:
        parts.append(f"about {format_duration(current.left_s)} left")
    return wrap(", ".join(parts), width)


def _about_crowding(study: Study, width: int) -> list[Line]:
    """Say that trials of this step shared a GPU and ran out of its memory."""
    here = {trial.trial for trial in study.trials_of_current()}
    rows: list[Line] = []
    for lowered in study.model.lowered:
        if lowered.trial in here:
            text = (
                f"{lowered.trial} ran out of memory with {lowered.sharing} trials on a "
                f"GPU: from then on {lowered.per_gpu} on each (per_gpu)"
            )
            rows += wrap(text, width, "warn", first=line(("! ", "warn")), indent=2)
    return rows


def _about_dead(study: Study, width: int) -> list[Line]:
    """Offer to carry on trials of this step that died."""
    trials = [study.model.trials[trial.trial] for trial in study.trials_of_current()]
    dead = [
        trial.trial
        for trial in trials
        if has_died(trial) and why_not_carried_on(study.model, trial) is None
    ]
    if not dead or study.model.best is not None:
        return []
    which = f"{dead[0]} died" if len(dead) == 1 else f"{', '.join(dead[:3])} died"
    return wrap(f"{which}: choose it, C carries it on", width, "accent")


def _about_verdict(study: Study, current: StepView, width: int) -> list[Line]:
    verdict = current.verdict or Verdict.UNKNOWN
    sign, role = VERDICT_SIGNS[verdict]
    head = line((f"{sign} {verdict.value}  ", role))
    rows = wrap(current.summary, width, first=head, indent=2)
    if current.is_overridden:
        text = f"overruled: {current.note or 'no note'}"
        rows += wrap(text, width, "warn", first=line("  "), indent=2)
    for finding in current.findings:
        rows += describe_finding(finding, width)
    for number, advice in enumerate(current.advice, 1):
        can_apply = number in applicable(study)
        first = line((f"{number} ", "accent" if can_apply else "muted"))
        rows += wrap(advice.text, width, first=first, indent=2)
    return rows


def describe_finding(finding: Finding, width: int) -> list[Line]:
    """Return what a rule saw and on what evidence, wrapped to `width` cells."""
    sign, role = SEVERITY_SIGNS[finding.severity]
    kind = crop(plain(finding.kind).replace("_", " "), _LONGEST_KIND)
    where = f" ({plain(finding.trial)})" if finding.trial else ""
    head = line((f"{sign} {kind}{where}: ", role))
    rows = wrap(finding.summary, width, first=head, indent=2)
    if finding.evidence:
        rows += wrap(
            _in_words(finding.evidence), width, "muted", first=line("  "), indent=2
        )
    return rows


def _in_words(evidence: Evidence) -> str:
    parts = []
    for name, value in list(evidence.items())[:_MOST_EVIDENCE]:
        if isinstance(value, float):
            parts.append(f"{name} {format_number(value)}")
        elif isinstance(value, bool | int | str):
            parts.append(f"{name} {value}")
    return " · ".join(parts).replace("_", " ")


def _about_trial(study: Study, view: View, width: int) -> list[Line]:
    """Return what the rules see in the chosen trial by now."""
    trial = cursor_trial(study, view)
    if trial is None:
        return []
    rows: list[Line] = []
    for finding in study.findings(trial.trial):
        rows += describe_finding(finding, width)
    return rows


def _about_end(study: Study, width: int) -> list[Line]:
    ended, best = study.model.ended, study.model.best
    rows: list[Line] = []
    if best is not None:
        config = config_in_short(best.config)
        rows += wrap(f"accepted: trial {best.trial}, {config}", width, "good")
    if ended is not None and ended.message:
        rows += wrap(ended.message, width, "warn")
    return rows


def _say_enter(study: Study) -> str:
    name = name_of_next(study)
    return "enter runs it" if name == "run" else f"enter goes {name}"


def _about_keys(study: Study, current: StepView, width: int) -> list[Line]:
    """Return the keys that lead on from here."""
    if current.state is StepState.RUNNING:
        return []
    wish = go_on(study)
    words: list[str] = []
    if not hasattr(wish, "text"):
        words.append(_say_enter(study))
    if current.state is StepState.READY and current.step is not Step.LEARNING_CURVES:
        words.append("e edits the plan")
    if current.state is StepState.JUDGED and study.model.best is None:
        is_last = current.step is Step.LEARNING_CURVES
        what = "next round with advice" if is_last else "into the plan: advice"
        words += [f"{number} {what} {number}" for number in applicable(study)]
        if is_last:
            words.append("a accept the best")
        words += ["r run it again", "o overrule"]
    if not words or (not listed_trials(study) and current.step is Step.LEARNING_CURVES):
        return []
    return [BLANK, *wrap(" · ".join(words), width, "accent")] if words else []
