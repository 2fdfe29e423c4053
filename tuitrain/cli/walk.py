"""`demo`, `run` and `attach`: a study is started or carried on, and shown."""

import argparse
import importlib.util
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuitrain.cli.failures import UsageError
from tuitrain.cli.terminal import is_left_behind, is_terminal, write_ascii_only

if TYPE_CHECKING:
    from tuitrain.events import Step
    from tuitrain.store import StudyFolder


def demo(options: argparse.Namespace) -> int:
    """Walk the bundled data set through the six steps."""
    from tuitrain.cli.studies import find_free, open_study
    from tuitrain.data import demo_script

    until = _read_step(options.until)
    _require_torch()
    asked = {"script": str(demo_script()), "function": "task", **_asked(options)}
    given = Path(options.study) if options.study else find_free("demo")
    return _walk(options, open_study(asked, given=given, name="demo"), until)


def run(options: argparse.Namespace) -> int:
    """Start or carry on the study of a script."""
    from tuitrain.cli.arguments import keep_given, show_arguments
    from tuitrain.cli.script import find_script
    from tuitrain.cli.studies import open_study

    until = _read_step(options.until)
    script = find_script(options.script)
    if options.python is None:
        _require_torch()
    elif shutil.which(options.python) is None:
        raise UsageError(
            f"--python {options.python}: no such program; give the path of an interpreter"
        )
    asked: dict[str, Any] = {"script": str(script.path)}
    if script.function is not None:
        asked["function"] = script.function
    if options.arguments:
        if script.function is not None:
            raise UsageError(
                f"{options.script}: a task takes no arguments; only a script with "
                "a loop of its own does"
            )
        asked["arguments"] = show_arguments(options.arguments)
    asked |= _asked(options)
    given = Path(options.study) if options.study else None
    folder = open_study(asked, given=given, name=script.path.stem)
    if options.arguments:
        keep_given(folder, options.arguments)
    return _walk(options, folder, until)


def attach(options: argparse.Namespace) -> int:
    """Show a study again that was started before."""
    from tuitrain.cli.shelf import find_study

    if not is_terminal():
        raise UsageError(
            "attach needs a terminal; to follow a study in a pipe: "
            "tuitrain run SCRIPT --headless"
        )
    return _show(options, find_study(options.study, "attach"))


def _walk(
    options: argparse.Namespace, folder: "StudyFolder", until: "Step | None"
) -> int:
    if options.headless or options.json or not is_terminal():
        return _walk_headless(options, folder, until)
    if options.auto or until is not None:
        _set_auto(folder, until)
    return _show(options, folder)


def _walk_headless(
    options: argparse.Namespace, folder: "StudyFolder", until: "Step | None"
) -> int:
    from tuitrain.headless import Printer, find_look, run_headless
    from tuitrain.supervisor import ensure_running

    results = Printer(sys.stdout, find_look(sys.stdout, ascii_only=options.ascii))
    progress = results
    if options.json:
        progress = Printer(sys.stderr, find_look(sys.stderr, ascii_only=options.ascii))
    return run_headless(
        folder,
        lambda: ensure_running(folder),
        results,
        progress,
        until=until,
        as_json=options.json,
        # A document on a pipe is for a program, which waits for it.
        is_left=is_left_behind if not options.json else lambda: False,
    )


def _show(options: argparse.Namespace, folder: "StudyFolder") -> int:
    from tuitrain.supervisor import ensure_running
    from tuitrain.tui import Glance, Terms

    if options.ascii:
        write_ascii_only()
    terms = Terms(has_mouse=not options.no_mouse, theme=options.theme)
    with Glance() as glance:
        glance.show(folder.path)
        socket = ensure_running(folder)
        from tuitrain.tui import run_screen

        return run_screen(
            folder, socket, revive=ensure_running, terms=terms, glance=glance
        )


def _set_auto(folder: "StudyFolder", until: "Step | None") -> None:
    from tuitrain.commands import SetAuto
    from tuitrain.supervisor import ensure_running
    from tuitrain.wire import connect

    connection = connect(ensure_running(folder), folder.name)
    try:
        answer = connection.ask(SetAuto(on=True, until=until))
    finally:
        connection.close()
    if not answer.accepted:
        raise UsageError(f"{folder.path}: {answer.message}")


def _require_torch() -> None:
    if importlib.util.find_spec("torch") is None:
        raise UsageError(
            "torch is not installed for this Python; install it: pip install torch "
            "(or name an interpreter that has it with --python)"
        )


def _read_step(text: str | None) -> "Step | None":
    if text is None:
        return None
    from tuitrain.events import Step

    wanted = text.strip().lower().replace("-", "_").replace(" ", "_")
    for step in Step:
        if wanted in (step.value, str(step.number)):
            return step
    names = ", ".join(f"{step.number} {step.value}" for step in Step)
    raise UsageError(f"--until {text}: there is no such step; give one of {names}")


def _asked(options: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that options were given for, as in `study.toml`."""
    devices = {
        "slots": options.slots,
        "per_gpu": options.per_gpu,
        "gpus": _read_gpus(options.gpus),
        "cold": options.cold or None,
        "python": getattr(options, "python", None),
    }
    asked = {
        "seed": getattr(options, "seed", None),
        "metric": getattr(options, "metric", None),
        "devices": {k: v for k, v in devices.items() if v is not None} or None,
    }
    return {key: value for key, value in asked.items() if value is not None}


def _read_gpus(text: str | None) -> str | list[int | str] | None:
    if text is None or text in ("auto", "none"):
        return text
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise UsageError(f"--gpus {text}: give auto, none, or indices or UUIDs: 0,1")
    return [int(part) if part.isdecimal() else part for part in parts]
