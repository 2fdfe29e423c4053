"""The GPU screen: how much each is used, by whom, now and over the last minutes."""

from collections.abc import Sequence

from tuitrain.events import GpuProcess, TrialId
from tuitrain.model import Series
from tuitrain.study import GpuView, Study
from tuitrain.tui.bars import bar_rows, held_columns, window_s
from tuitrain.tui.lines import BLANK, Line, crop, line, pad, plain, wrap
from tuitrain.tui.plans import config_in_short
from tuitrain.tui.screens.reading import ReadingScreen
from tuitrain.units import format_bytes

_LABEL_WIDTH = 13
_VALUE_WIDTH = 26
_TALLEST = 4
_FIXED_ROWS = 5
"""Rows of a GPU beside its two curves: heading, temperature, trials, others, a gap."""
_MOST_PIDS = 6


class GpuScreen(ReadingScreen):
    """Every GPU of this machine, or why there is none."""

    def watch_study(self) -> None:
        """Show the newest reading."""
        self.show_rows()

    def title_text(self) -> str:
        """Return how many there are."""
        count = len(self.study.gpus) if self.study is not None else 0
        return f"GPUs · {count}"

    def rows(self, width: int) -> Sequence[Line]:
        """Return all GPUs, one below the other."""
        if self.study is None:
            return [line(("nothing is known yet", "muted"))]
        return describe_gpus(self.study, width, self.text.size.height)


def describe_gpus(study: Study, width: int, height: int) -> list[Line]:
    """Return all there is to say about the GPUs, curves as tall as there is room for."""
    gpus = study.gpus
    rows = _about_use(study, width)
    room = (height - len(rows)) // max(1, len(gpus)) - _FIXED_ROWS
    tall = max(1, min(_TALLEST, room // 2))
    for gpu in gpus:
        rows += [*_about_gpu(study, gpu, width, tall), BLANK]
    return rows + _about_lost(study, width)


def _about_use(study: Study, width: int) -> list[Line]:
    """Return why there is no GPU to be seen, or none is used."""
    model, settings = study.model, study.settings
    is_cpu = settings is not None and settings.devices.gpus == "none"
    rows: list[Line] = []
    if model.gpus is None:
        rows += wrap("No reading of GPUs in this log so far.", width, "warn")
    elif not model.gpus.gpus:
        why = model.gpus.error or "no GPU was found"
        rows += wrap(why[:1].upper() + why[1:], width, "warn")
    elif model.gpus.error:
        rows += wrap(model.gpus.error, width, "warn")
    if is_cpu:
        rows += wrap('study.toml asks for none: devices.gpus = "none".', width)
    supervisor = model.supervisor
    if supervisor is not None and not supervisor.devices:
        rows += wrap(f"Trials run on the CPU, {supervisor.slots} at once.", width)
    return [*rows, BLANK] if rows else rows


def _about_gpu(study: Study, gpu: GpuView, width: int, tall: int) -> list[Line]:
    reading, used = gpu.reading, study.model.supervisor
    is_used = used is None or not used.devices or reading.uuid in used.devices
    uuid = crop(plain(reading.uuid), 20)
    head = line(
        (f"cuda:{gpu.index} ", "title"),
        crop(plain(reading.name) or "(no name)", 40),
        (f"  {uuid}", "muted"),
        ("" if is_used else "  not used by this study", "warn"),
    )
    watt = f"{reading.power_w:.0f} W" if reading.power_w is not None else "not told"
    temp = f"{reading.temp_c:.0f} °C" if reading.temp_c is not None else "not told"
    facts = line(
        (pad("  temperature", _LABEL_WIDTH + 2), "muted"),
        temp,
        ("   power ", "muted"),
        watt,
    )
    return [
        head,
        *_about_history(study, gpu, width, tall),
        facts,
        *_about_processes(study, gpu, width),
    ]


def _about_history(study: Study, gpu: GpuView, width: int, tall: int) -> list[Line]:
    reading, history = gpu.reading, gpu.history
    now_s = float(study.model.last_at_s or 0.0)
    length_s = window_s([history.used_ratio, history.memory_used_bytes], now_s)
    share = reading.used_ratio
    used, total = reading.memory_used_bytes, reading.memory_total_bytes
    parts: tuple[tuple[str, str, Series, float], ...] = (
        (
            "utilization",
            "not told" if share is None else f"{100 * share:.0f} %",
            history.used_ratio,
            1.0,
        ),
        ("memory", _tell_memory(used, total), history.memory_used_bytes, total or 0.0),
    )
    rows: list[Line] = []
    for label, value, series, top in parts:
        first = line(
            (pad(f"  {label}", _LABEL_WIDTH + 2), "muted"), pad(value, _VALUE_WIDTH)
        )
        count = width - _LABEL_WIDTH - 2 - _VALUE_WIDTH
        if count < 1 or not len(series) or top <= 0:
            rows.append(first)
            continue
        bars = bar_rows(held_columns(series, now_s, length_s, count), top, tall)
        note = f"last {length_s // 60} min" if tall > 1 else ""
        left = [
            first,
            line((" " * (_LABEL_WIDTH + 2) + pad(note, _VALUE_WIDTH), "muted")),
        ]
        blank = line(" " * (_LABEL_WIDTH + 2 + _VALUE_WIDTH))
        rows += [
            (*(left[row] if row < len(left) else blank), *bar)
            for row, bar in enumerate(bars)
        ]
    return rows


def _tell_memory(used: int | None, total: int | None) -> str:
    if used is None:
        return "not told"
    if not total:
        return format_bytes(used)
    return f"{format_bytes(used)} of {format_bytes(total)} {100 * used / total:.0f} %"


def _about_processes(study: Study, gpu: GpuView, width: int) -> list[Line]:
    if not gpu.are_told:
        here = ", ".join(plain(trial) for trial in gpu.trials)
        text = "the driver does not tell which processes use it"
        if here:
            text = f"{text}; trials on it: {here}"
        return wrap(text, width, "muted", first=line("  "), indent=2)
    trials = dict.fromkeys((*gpu.own, *gpu.trials))
    rows = [_trial_row(study, trial, gpu.own.get(trial, ()), width) for trial in trials]
    rows.append(_others_row(gpu, width))
    if gpu.others and gpu.trials and not gpu.own:
        text = (
            "None of these can be told to be a trial: in a container, a driver counts "
            "processes by the host's numbers."
        )
        rows += wrap(text, width, "warn", first=line("  "), indent=2)
    return rows


def _trial_row(
    study: Study, trial: TrialId, processes: Sequence[GpuProcess], width: int
) -> Line:
    config = config_in_short(study.model.trials[trial].config)
    count = f" in {len(processes)} processes" if len(processes) > 1 else ""
    held = _held(processes) + count if processes else "no memory seen"
    return line(
        (f"  trial {plain(trial)}  ", "accent"),
        pad(held, _VALUE_WIDTH),
        (f"  {config}", "muted"),
    )


def _others_row(gpu: GpuView, width: int) -> Line:
    if not gpu.others:
        return line(("  nobody else uses it", "muted"))
    count = len(gpu.others)
    pids = ", ".join(str(process.pid) for process in gpu.others[:_MOST_PIDS])
    more = " …" if count > _MOST_PIDS else ""
    return line(
        ("  others      ", "warn"),
        pad(
            f"{_held(gpu.others)} in {count} process{'es' * (count > 1)}", _VALUE_WIDTH
        ),
        (f"  pid {pids}{more}", "muted"),
    )


def _held(processes: Sequence[GpuProcess]) -> str:
    """Return the memory that processes hold, as far as it is told."""
    known = [p.memory_used_bytes for p in processes if p.memory_used_bytes is not None]
    return format_bytes(sum(known)) if known else "memory not told"


def _about_lost(study: Study, width: int) -> list[Line]:
    here = {gpu.reading.uuid for gpu in study.gpus}
    lost = [plain(uuid) for uuid in study.model.gpu_history if uuid not in here]
    return [
        row for uuid in lost for row in wrap(f"{uuid} no longer answers", width, "bad")
    ]
