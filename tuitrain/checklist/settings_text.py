"""`study.toml` as text: written with an explanation of each section, edited in place."""

import re
import tomllib
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import tomli_w

from tuitrain.checklist.settings import (
    Settings,
    SettingsError,
    settings_from,
    settings_to,
)

HEADER: Final = """\
# What this study is asked to do. Edit it while nothing runs: what follows goes by the
# new content. Lines left out take their default.

"""

_SECTION: Final = re.compile(r"^\s*\[(?P<name>[^\[\]]+)\]\s*(?:#.*)?$")
_KEY: Final = re.compile(r"^\s*(?P<name>[A-Za-z0-9_-]+)\s*=")


def format_settings(settings: Settings) -> str:
    """Return `settings` as TOML that a person can edit, each section explained."""
    data = settings_to(settings)
    plain = {k: v for k, v in data.items() if not isinstance(v, dict)}
    parts = ["".join(_line(key, value) for key, value in plain.items())]
    for field in msgspec.structs.fields(Settings):
        values = data.get(field.name)
        if not isinstance(values, dict):
            continue
        lines = [f"# {line}\n" for line in _about(field, values)]
        lines.append(f"[{field.name}]\n")
        lines.extend(_line(key, value) for key, value in values.items())
        parts.append("".join(lines))
    return HEADER + "\n".join(parts)


def edit_settings(text: str, settings: Settings) -> str:
    """Return `text` with the values of `settings`, a person's own comments kept.

    Lines whose value stays the same stay as they are. Where that can't be done line by
    line, such as for a list over several lines, all is written anew.
    """
    try:
        asked = settings_from(tomllib.loads(text))
        if text == format_settings(asked):
            return format_settings(settings)
        edited = _edit(text, _changed(settings_to(asked), settings_to(settings)))
        if settings_from(tomllib.loads(edited)) == settings:
            return edited
    except (SettingsError, tomllib.TOMLDecodeError, RecursionError):
        pass
    return format_settings(settings)


_Place = tuple[str, str]
"""Section and key; the section is empty for what belongs to none."""


def _edit(text: str, changes: Mapping[_Place, Any]) -> str:
    """Put changed values where they are; those that are nowhere below their heading."""
    edited: list[str] = []
    missing = dict(changes)
    headings = {"": 0}
    section = ""
    for old in text.splitlines(keepends=True):
        if heading := _SECTION.match(old):
            section = heading["name"].strip()
        key = _KEY.match(old)
        place = (section, key["name"] if key else "")
        missing.pop(place, None)
        value = changes.get(place)
        if place not in changes:
            edited.append(old)
        elif value is not None:
            edited.append(_line(place[1], value))
        if heading or (key and not section):
            headings[section] = len(edited)
    for (section, name), value in reversed(missing.items()):
        if section not in headings:
            edited.append(f"\n[{section}]\n")
            headings[section] = len(edited)
        edited.insert(headings[section], _line(name, value))
        for other, row in headings.items():
            if other != section and row >= headings[section]:
                headings[other] = row + 1
    return "".join(edited)


def _changed(before: dict[str, Any], after: dict[str, Any]) -> dict[_Place, Any]:
    """Return (section, key) of what differs, with its new value; None: left out now."""
    old, new = _flat(before), _flat(after)
    return {
        place: new.get(place)
        for place in {**old, **new}
        if old.get(place) != new.get(place)
    }


def _flat(data: dict[str, Any]) -> dict[_Place, Any]:
    flat: dict[_Place, Any] = {}
    for name, value in data.items():
        if isinstance(value, dict):
            flat |= {(name, key): item for key, item in value.items()}
        else:
            flat["", name] = value
    return flat


def _about(field: msgspec.structs.FieldInfo, values: Mapping[str, Any]) -> list[str]:
    is_section = isinstance(field.type, type) and issubclass(field.type, msgspec.Struct)
    if not is_section:
        return ["Fixed values the script reads, besides those the steps choose."]
    lines = [(field.type.__doc__ or "").split("\n")[0]]
    unset = [name for name in field.type.__struct_fields__ if name not in values]
    return [*lines, f"Not set: {', '.join(unset)}."] if unset else lines


def _line(key: str, value: object) -> str:
    if not isinstance(value, list):
        return tomli_w.dumps({key: value})
    # On one line: these are short, and read as a row of values.
    items = (tomli_w.dumps({"x": item}).strip().removeprefix("x = ") for item in value)
    name = tomli_w.dumps({key: 0}).strip().removesuffix("= 0")
    return f"{name}= [{', '.join(items)}]\n"
