"""Writes settings, transitions and rules from their source, for `cog` in checklist.md."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tuitrain.checklist import settings_from, settings_to
from tuitrain.diagnosis import CAUSES

ROOT = Path(__file__).parents[1]
SETTINGS = ROOT / "tuitrain" / "checklist" / "settings.py"
TRANSITIONS = ROOT / "tuitrain" / "checklist" / "transitions.py"
DIAGNOSIS = ROOT / "tuitrain" / "diagnosis"

_SECTIONS = {
    "InitialLossSettings": "initial_loss",
    "OverfitSmallSettings": "overfit_small",
    "FindLrSettings": "find_lr",
    "CoarseGridSettings": "coarse_grid",
    "RefineGridSettings": "refine_grid",
    "DeviceSettings": "devices",
    "ProbeSettings": "probes",
}


def list_settings() -> str:
    """Return the content of a `study.toml` with every default and what it means."""
    values = settings_to(settings_from({"script": "train.py"}))
    classes = [node for node in _parse(SETTINGS).body if isinstance(node, ast.ClassDef)]
    top = next(node for node in classes if node.name == "Settings")
    lines = ["```toml", *_list_fields(top, values, _SECTIONS.values())]
    for node in classes:
        section = _SECTIONS.get(node.name)
        if section is not None:
            note = (ast.get_docstring(node) or "").splitlines()[0]
            fields = _list_fields(node, values[section])
            lines += ["", f"[{section}]  # {note}", *fields]
    return "\n".join([*lines, "```"])


def list_transitions() -> str:
    """Return the table of transitions, one row a step."""
    table = next(_values_of(_parse(TRANSITIONS), "TRANSITIONS"))
    assert isinstance(table, ast.Dict)
    cells: dict[str, dict[str, str]] = {}
    for key, value in zip(table.keys, table.values, strict=True):
        assert isinstance(key, ast.Tuple)
        step, outcome = (ast.unparse(part).split(".")[1].lower() for part in key.elts)
        following = ast.unparse(value).removeprefix("Step.").lower()
        place = "the end: best accepted" if following == "none" else f"`{following}`"
        cells.setdefault(step, {})[outcome] = place
    outcomes = list(dict.fromkeys(name for row in cells.values() for name in row))
    lines = [f"| step | {' | '.join(name.replace('_', ' ') for name in outcomes)} |"]
    lines.append("| --- " * (len(outcomes) + 1) + "|")
    for step, row in cells.items():
        targets = " | ".join(row.get(name, "–") for name in outcomes)
        lines.append(f"| `{step}` | {targets} |")
    return "\n".join(lines)


def list_rules() -> str:
    """Return a section a rule file: what it finds, its source, its thresholds."""
    lines: list[str] = []
    files = [DIAGNOSIS / "initial_loss.py", *(DIAGNOSIS / "rules").glob("*.py")]
    for path in sorted(files, key=lambda path: path.stem):
        tree = _parse(path)
        finders = [
            node
            for node in tree.body
            if isinstance(node, ast.FunctionDef) and node.name.startswith("find_")
        ]
        if finders:
            lines += [f"### `{path.stem}`", "", ast.get_docstring(tree) or "", ""]
            lines += [*_list_finders(finders), "", *_list_constants(tree), ""]
    return "\n".join(lines).rstrip()


def list_causes() -> str:
    """Return the table of what may follow from what."""
    lines = ["| finding | may follow from |", "| --- | --- |"]
    for kind, causes in CAUSES.items():
        lines.append(f"| `{kind}` | {', '.join(f'`{name}`' for name in causes)} |")
    return "\n".join(lines)


def _list_fields(
    node: ast.ClassDef, values: Mapping[str, object], skipped: Iterable[str] = ()
) -> Iterator[str]:
    for index, field in enumerate(node.body):
        if not isinstance(field, ast.AnnAssign):
            continue
        name = ast.unparse(field.target)
        if name in skipped:
            continue
        note = _text_of(node.body[index + 1]) if index + 1 < len(node.body) else ""
        if name in values:
            remark = f"  # {note}" if note else ""
            yield f"{name} = {_as_toml(values[name])}{remark}"
        else:
            yield f"# {name}: {note}"


def _as_toml(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_as_toml(item) for item in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.4g}"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _list_finders(finders: list[ast.FunctionDef]) -> Iterator[str]:
    for node in finders:
        paragraphs = (ast.get_docstring(node) or "").split("\n\n")
        source = [p for p in paragraphs if p.startswith("Source:")]
        yield f"- {_one_line(paragraphs[0])}"
        for text in source:
            yield f"  Source: {_one_line(text.removeprefix('Source:'))}"


def _list_constants(tree: ast.Module) -> Iterator[str]:
    rows = []
    for index, node in enumerate(tree.body):
        if not isinstance(node, ast.AnnAssign) or node.value is None:
            continue
        name = ast.unparse(node.target)
        follows = tree.body[index + 1] if index + 1 < len(tree.body) else None
        if name.isupper() and not name.startswith("_"):
            note = _text_of(follows) if follows is not None else ""
            rows.append(f"| `{name}` | `{ast.unparse(node.value)}` | {note} |")
    if rows:
        yield from ["| threshold | value | why |", "| --- | --- | --- |", *rows]


def _values_of(tree: ast.Module, name: str) -> Iterator[ast.expr]:
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == name:
            assert node.value is not None
            yield node.value


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _text_of(node: ast.stmt) -> str:
    match node:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return _one_line(text)
        case _:
            return ""


def _one_line(text: str) -> str:
    return " ".join(text.split())
