"""The first line: which study, how far, on what device; and whether this is live."""

from collections.abc import Sequence

from textual.reactive import var

from tuitrain.events import GpuReading, GpusSampled
from tuitrain.study import StepState, Study
from tuitrain.tui.lines import Line, Span, crop, justify, line, plain, width_of
from tuitrain.tui.lines_pane import LinesPane
from tuitrain.tui.messages import Link
from tuitrain.units import format_duration

_GIB = 1 << 30
_LONGEST_NAME = 32


class HeaderPane(LinesPane):
    """One line about the study as a whole."""

    study: var[Study | None] = var(None, init=False, always_update=True)
    link: var[Link] = var(Link(), init=False)

    def watch_study(self) -> None:
        """Draw the newer study."""
        self.redraw()

    def watch_link(self) -> None:
        """Draw how the study is connected."""
        self.redraw()

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """Return the one line; the device goes first when room is short."""
        left = line(" ", ("tuitrain", "title"), " ", *self._banner())
        if self.study is not None:
            left = (*left, *_describe(self.study, width - width_of(left)))
        right = (*_device(self.study), (" ", "")) if self.study is not None else ()
        return [justify(left, right, width)]

    def _banner(self) -> list[Span]:
        link = self.link
        if link.problem:
            return [(f"! {plain(link.problem)} ", "warn"), (" ", "")]
        if not link.is_replay:
            return []
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
    rows = study.trials_of_current()
    done = sum(trial.state.is_over for trial in rows)
    long = f" · round {current.round} · step {current.step.number} of 6 "
    short = f" · r{current.round} · {current.step.number}/6 "
    tail = f" · {done}/{len(rows)} trials" if rows else ""
    if model.opened_at_s is not None and model.last_at_s is not None:
        tail += f" · {format_duration(model.last_at_s - model.opened_at_s)}"
    if model.auto is not None:
        tail += " · auto"
    if study.model.ended is not None:
        tail += f" · {plain(study.state)}"
    elif current.state is StepState.READY:
        tail += " · waits for enter"
    label = current.step.label
    fits = len(name) + len(long) + len(label) + len(tail) <= room
    return line((name, "strong"), long if fits else short, (label, "accent"), tail)


def _device(study: Study | None) -> Line:
    sampled = study.model.gpus if study is not None else None
    if sampled is None or not sampled.gpus:
        return line((_why_no_gpu(sampled), "muted"))
    first = _reading(0, sampled.gpus[0])
    more = f" +{len(sampled.gpus) - 1} more" if len(sampled.gpus) > 1 else ""
    return line(first, (more, "muted"))


def _why_no_gpu(sampled: GpusSampled | None) -> str:
    return "no GPU"


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
