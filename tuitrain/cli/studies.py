"""Study folders: which one a script's study is, and its `study.toml`."""

import sys
import tomllib
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any, Final

from tuitrain.checklist import (
    Settings,
    SettingsError,
    format_settings,
    settings_from,
    settings_to,
)
from tuitrain.cli.failures import UsageError
from tuitrain.events import PerGpuLowered
from tuitrain.store import LogFollower, StudyFolder, redact, write_atomically

PER_GPU: Final = ("devices", "per_gpu")
"""The setting that a study lowers by itself."""
RUNS: Final = Path("runs")
"""Where studies lie unless `--study` says otherwise."""


def read_settings(folder: StudyFolder) -> Settings:
    """Return what a study's `study.toml` says.

    Raises:
        UsageError: It can't be read or holds something that is not allowed.
    """
    path = folder.settings
    try:
        return settings_from(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UsageError(f"{path}: can't be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path}: is no TOML ({error}); repair it") from None
    except SettingsError as error:
        raise UsageError(f"{path}: {error}") from None


def open_study(
    asked: Mapping[str, Any], *, given: Path | None, name: str
) -> StudyFolder:
    """Return the folder of the study that is asked for, created if it is new.

    Args:
        asked: Settings that were given, in the shape of `study.toml`, secrets redacted.
        given: The folder the person named; None: the first below `runs` that is
            called `name` or `name-2`, … and is this script's or free.
        name: Name of the study where no folder is given.

    Raises:
        UsageError: The folder holds another script's study, or one with other
            settings than those asked for.
        StoreError: The folder can't be written.
    """
    if given is not None:
        folder = StudyFolder(given)
        if is_study(given) and not _is_same_script(folder, asked):
            raise UsageError(
                f"{given}: holds the study of {read_settings(folder).script}; "
                "choose another folder with --study DIR"
            )
    else:
        folder = _find_own(asked, name)
    if folder.settings.exists():
        _refuse_other_settings(folder, asked)
    else:
        settings = _check(asked)
        folder.create()
        write_settings(folder, settings)
    return folder


def find_free(name: str) -> Path:
    """Return the first folder below `runs` called `name` or `name-2`, … that is free."""
    return next(path for path in _candidates(name) if not path.exists())


def is_study(path: Path) -> bool:
    """Whether a study lies at `path`."""
    return (path / "study.toml").exists() or (path / "journal.jsonl").exists()


def write_settings(folder: StudyFolder, settings: Settings) -> None:
    """Write `study.toml`, each section with a line on what it is for.

    Raises:
        StoreError: It can't be written.
    """
    write_atomically(folder.settings, format_settings(settings).encode())


def _check(asked: Mapping[str, Any]) -> Settings:
    try:
        return settings_from(asked)
    except SettingsError as error:
        raise UsageError(str(error)) from None


def _find_own(asked: Mapping[str, Any], name: str) -> StudyFolder:
    for path in _candidates(name):
        folder = StudyFolder(path)
        if not path.exists() or (is_study(path) and _is_same_script(folder, asked)):
            return folder
        if path.is_file():
            raise UsageError(f"{path}: is a file; choose a folder with --study DIR")
    raise AssertionError("names never end")


def _candidates(name: str) -> Iterator[Path]:
    """`runs/name`, `runs/name-2`, … without an end."""
    yield RUNS / name
    for number in count(2):
        yield RUNS / f"{name}-{number}"


def _is_same_script(folder: StudyFolder, asked: Mapping[str, Any]) -> bool:
    settings = read_settings(folder)
    shown = list(redact(settings.arguments))
    has_same_arguments = shown == asked.get("arguments", shown)
    return (
        Path(settings.script).resolve() == Path(asked["script"]).resolve()
        and settings.function == asked.get("function")
        and has_same_arguments
    )


def _refuse_other_settings(folder: StudyFolder, asked: Mapping[str, Any]) -> None:
    there = settings_to(read_settings(folder))
    there["arguments"] = list(redact(there["arguments"]))
    wanted = settings_to(_check(asked))
    for path, _ in _leaves(asked):
        if path == ("script",):
            continue
        before, after = _value(there, path), _value(wanted, path)
        if path == PER_GPU and after > before and _was_lowered(folder):
            # Asked for in the same words as when the study began.
            sys.stderr.write(
                f"tuitrain: {folder.settings}: per_gpu stays {before}, since trials ran "
                "out of memory; raise it there\n"
            )
        elif before != after:
            raise UsageError(
                f"{folder.settings}: {'.'.join(path)} is {before!r}, not {after!r}; "
                "edit it there, or begin another study with --study DIR"
            )


def _was_lowered(folder: StudyFolder) -> bool:
    records = LogFollower(folder.journal).read(1 << 30)
    return any(isinstance(record.event, PerGpuLowered) for record in records)


def _leaves(
    data: Mapping[str, Any], above: tuple[str, ...] = ()
) -> list[tuple[tuple[str, ...], Any]]:
    leaves: list[tuple[tuple[str, ...], Any]] = []
    for key, value in data.items():
        path = (*above, key)
        leaves += _leaves(value, path) if isinstance(value, dict) else [(path, value)]
    return leaves


def _value(data: Mapping[str, Any], path: tuple[str, ...]) -> Any:  # noqa: ANN401 - any TOML value
    value: Any = data
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
