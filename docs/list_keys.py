"""Writes the list of keys from the bindings, for `cog` in keys.md."""

from tuitrain.tui.keys import KeyGroup, help_rows


def list_keys() -> str:
    """Return a table a group, in the order of the help screen."""
    lines: list[str] = []
    for group in KeyGroup:
        lines += [f"## {group.value}", "", "| key | what it does |", "| --- | --- |"]
        lines += [f"| `{shown}` | {sentence} |" for shown, sentence in help_rows(group)]
        lines.append("")
    return "\n".join(lines).rstrip()
