"""Writes the list of events from their source, for `cog` in events.md."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "tuitrain" / "events" / "happened.py"
INSPECTION = ROOT / "tuitrain" / "events" / "inspection.py"


def list_events() -> str:
    """Return a section a log file and an entry an event, in the order of the source."""
    lines = ["## Every file", ""]
    text = SOURCE.read_text(encoding="utf-8")
    headings = {
        number: line.strip("# -")
        for number, line in enumerate(text.splitlines(), start=1)
        if line.startswith("# ---")
    }
    for node in ast.parse(text).body:
        for number in [n for n in headings if n < node.lineno]:
            lines += [f"## {headings.pop(number)}", ""]
        if isinstance(node, ast.ClassDef) and _is_event(node):
            lines += [*_describe(node), ""]
    lines += ["## What a look inside the training process found", ""]
    for node in ast.parse(INSPECTION.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            lines += [*_describe(node), ""]
    return "\n".join(lines).rstrip()


def _is_event(node: ast.ClassDef) -> bool:
    """Whether a class is an event, or a part of one."""
    bases = [ast.unparse(base) for base in node.bases]
    is_part = "msgspec.Struct" in bases
    return not node.name.startswith("_") and ("_Happened" in bases or is_part)


def _describe(node: ast.ClassDef) -> Iterator[str]:
    yield f"**`{node.name}`**: {_one_line(ast.get_docstring(node) or '')}"
    yield ""
    for index, field in enumerate(node.body):
        if not isinstance(field, ast.AnnAssign):
            continue
        follows = node.body[index + 1 : index + 2]
        note = _text_of(follows[0]) if follows else ""
        kind = ast.unparse(field.annotation)
        default = f" = {ast.unparse(field.value)}" if field.value else ""
        head = f"- `{ast.unparse(field.target)}: {kind}{default}`"
        yield f"{head}: {note}" if note else head


def _text_of(node: ast.stmt) -> str:
    match node:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return _one_line(text)
        case _:
            return ""


def _one_line(text: str) -> str:
    return " ".join(text.split())
