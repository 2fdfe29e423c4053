"""The first line: which study, how far, on what device; and whether this is live."""

from collections.abc import Sequence

from textual.reactive import var

from tuitrain.events import GpuReading
from tuitrain.study import StepState, StepView, Study
from tuitrain.tui.lines import Line, Span, crop, justify, line, plain, width_of
from tuitrain.tui.lines_pane import LinesPane
from tuitrain.tui.messages import Link
from tuitrain.tui.view import View, cursor_trial
from tuitrain.units import format_duration

_CPU = "cpu"
_GIB = 1 << 30
_LONGEST_NAME = 32


class HeaderPane(LinesPane):
    """One line about the study as a whole."""

    study: var[Study | None] = var(None, init=False, always_update=True)
    link: var[Link] = var(Link(), init=False)
    view: var[View] = var(View(), init=False)

    def watch_study(self) -> None:
        """Draw the newer study."""
        self.redraw()

    def watch_link(self) -> None:
        """Draw how the study is connected."""
        self.redraw()

    def watch_view(self) -> None:
        """Draw the device of another trial."""
        self.redraw()

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """Return the one line; the device goes first when room is short."""
        left = line(" ", ("tuitrain", "title"), " ", *self._banner())
        if self.study is not None:
            left = (*left, *_describe(self.study, width - width_of(left)))
        right: Line = ()
        if self.study is not None:
            right = (*_device(self.study, self.view), (" ", ""))
        return [justify(left, right, width)]

    def _banner(self) -> list[Span]:
        link = self.link
        if link.problem:
            return [(f"! {plain(link.problem)} ", "warn"), (" ", "")]
        if not link.is_replay:
            return []
        if link.is_reading:
            return [("REPLAY reading … ", "warn"), (" ", "")]
        sign = "▶" if link.is_playing else "paused"
        clock = f"{format_duration(link.position_s)}/{format_duration(link.length_s)}"
        return [(f"REPLAY {sign} ×{link.speed:g} {clock}", "warn"), ("  ", "")]


def _describe(study: Study, room: int) -> Line:
    """Return name, step and progress of a study, in words as short as needed."""
    model, current = study.model, study.current
    name = crop(plain(model.name) or "(no name)", _LONGEST_NAME)
    if current is None:
        trials = f" · {len(study.trials)} trials" if len(study.trials) != 1 else ""
        return line((name, "strong"), trials)
    long = f" · round {current.round} · step {current.step.number} of 6 "
    short = f" · r{current.round} · {current.step.number}/6 "
    label, parts = current.step.label, _parts(study, current)
    described = line((name, "strong"), long, (label, "accent"), "".join(parts.values()))
    # What can be read elsewhere goes first; how the study stands stays.
    for dropped in ("", "time", "trials", "auto", "label"):
        if width_of(described) <= room:
            break
        parts.pop(dropped, None)
        label = "" if dropped == "label" else label
        tail = "".join(parts.values())
        described = line((name, "strong"), short, (label, "accent"), tail)
    return described


def _parts(study: Study, current: StepView) -> dict[str, str]:
    """Return what follows the step, in order."""
    model, rows = study.model, study.trials_of_current()
    parts = {}
    if rows:
        done = sum(trial.state.is_over for trial in rows)
        parts["trials"] = f" · {done}/{len(rows)} trials"
    if model.opened_at_s is not None and model.last_at_s is not None:
        parts["time"] = f" · {format_duration(model.last_at_s - model.opened_at_s)}"
    if model.auto is not None:
        parts["auto"] = " · auto"
    if model.ended is not None:
        parts["state"] = f" · {plain(study.state)}"
    elif current.state is StepState.READY:
        parts["state"] = " · waits for enter"
    return parts


def _device(study: Study, view: View) -> Line:
    """Return the GPU that the chosen trial runs on, or the first one there is."""
    sampled = study.model.gpus
    if sampled is None or not sampled.gpus:
        return line(("no GPU", "muted"))
    chosen = cursor_trial(study, view)
    started = study.model.trials[chosen.trial].started if chosen is not None else None
    if started is not None and started.device == _CPU:
        return line(("on the CPU", "muted"))
    uuids = [gpu.uuid for gpu in sampled.gpus]
    known = started is not None and started.device in uuids
    index = uuids.index(started.device) if started is not None and known else 0
    more = f" +{len(uuids) - 1} more" if len(uuids) > 1 else ""
    return line(_reading(index, sampled.gpus[index]), (more, "muted"))


def _reading(index: int, gpu: GpuReading) -> str:
    parts = [f"cuda:{index}"]
    if gpu.used_ratio is not None:
        parts.append(f"{100 * gpu.used_ratio:.0f} %")
    if gpu.memory_used_bytes is not None and gpu.memory_total_bytes is not None:
        used, total = gpu.memory_used_bytes / _GIB, gpu.memory_total_bytes / _GIB
        parts.append(f"{used:.1f}/{total:.0f} GiB")
    if gpu.temp_c is not None:
        parts.append(f"{gpu.temp_c:.0f} °C")
    return " ".join(parts)
