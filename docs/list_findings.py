"""Writes what each rule sees, from its source and from recorded runs, for `cog` in findings/."""

import ast
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tuitrain.diagnosis import CAUSES, PROBES, examine
from tuitrain.events import Finding, Severity, TrialId
from tuitrain.model import StudyModel, fold_all
from tuitrain.sources import StudySource

ROOT = Path(__file__).parents[1]
DIAGNOSIS = ROOT / "tuitrain" / "diagnosis"
RULES = DIAGNOSIS / "rules"
UNITS = ROOT / "tuitrain" / "worker" / "inspection" / "units.py"
LOGS = (ROOT / "tests" / "logs" / "findings", ROOT / "tests" / "logs" / "curves")
MEASURED = ROOT / "docs" / "findings" / "measured.json"
TRIAL = TrialId("0001")

KINDS = (
    "non_finite",
    "divergence",
    "initial_loss_mismatch",
    "wrong_reduction",
    "symmetric_initialization",
    "bad_initialization",
    "loss_not_decreasing",
    "lr_too_low",
    "lr_too_high",
    "lr_not_in_force",
    "loss_plateau",
    "lr_decayed_too_early",
    "needs_longer_training",
    "saturated_early",
    "generalization_gap",
    "overfitting",
    "overconfidence",
    "underfitting",
    "excess_regularization",
    "vanishing_gradients",
    "exploding_gradients",
    "dead_relu",
    "saturated_activations",
    "no_gradient",
    "not_in_optimizer",
    "gradients_not_zeroed",
    "output_loss_mismatch",
    "unnormalized_inputs",
    "labels_carry_no_signal",
    "input_ignored",
    "mixed_samples",
    "train_val_leakage",
    "wrong_mode",
    "class_collapse",
    "stalled",
    "update_ratio_off",
    "out_of_memory",
)
"""Every kind of finding that has a page, in the order of the index."""

_FILES = {
    "overconfidence": RULES / "overfitting.py",
    "initial_loss_mismatch": DIAGNOSIS / "initial_loss.py",
}
"""Rule files that are not called as the finding is."""
_MORE = {
    "initial_loss_mismatch": (
        (DIAGNOSIS / "expected" / "value.py", ("SPREADS", "RELATIVE_BANDS")),
        (DIAGNOSIS / "expected" / "classes.py", ("CROSS_ENTROPY_BANDS",)),
    ),
    "wrong_reduction": (
        (DIAGNOSIS / "initial_loss.py", ("SAME_RATIO", "LEAST_FACTOR")),
    ),
    "output_loss_mismatch": ((DIAGNOSIS / "initial_loss.py", ("NEAR_ZERO",)),),
    "symmetric_initialization": ((UNITS, ("ALIKE",)),),
    "saturated_activations": ((UNITS, ("SATURATED_TANH", "SATURATED_SIGMOID")),),
    "lr_too_low": ((RULES / "update_ratios.py", ("EARLY_SHARE", "MIN_READINGS")),),
    "lr_too_high": ((RULES / "update_ratios.py", ("EARLY_SHARE", "MIN_READINGS")),),
    "update_ratio_off": (
        (RULES / "update_ratios.py", ("EARLY_SHARE", "MIN_READINGS")),
    ),
}
"""Thresholds that a finding goes by and that its rule file does not import."""
_UNUSED = {
    "initial_loss_mismatch": ("SAME_RATIO", "LEAST_FACTOR", "NEAR_ZERO"),
}
"""Thresholds of the file that belong to another finding."""
_LINES = {
    "initial_loss_mismatch": "The loss before any update is not what theory expects.",
    "overconfidence": "The validation loss rises, but the model is right as often as "
    "before.",
}
"""What a finding sees, where the first line of its file says something else."""
_SEVERITIES = {
    "initial_loss_mismatch": (Severity.HIGH, Severity.MEDIUM, Severity.LOW),
}
"""Where they are worked out from numbers."""
_SEEN_BY_PROBES = tuple(dict.fromkeys(each.partition("@")[0] for each in PROBES))
_PROBED = "README.md#what-follows-from-what"
_NOT_PART = {
    "out_of_memory": "Not part of the benchmark: it needs a GPU, and there is nothing to "
    "be tuned. The rule goes by what torch and the CUDA libraries say when they refuse.",
}
"""Findings that are not measured, and why."""
_NOT_LISTED = frozenset({"CONSTANT_OUTPUT", "DECLARED", "MEDIAN_PENALTY"})
"""Names that the rules import and that are no thresholds."""


def list_index() -> str:
    """Return the table of all findings, one row each."""
    lines = ["| finding | what it sees | severity |", "| --- | --- | --- |"]
    for kind in KINDS:
        severities = ", ".join(each.value for each in severities_of(kind))
        lines.append(f"| [`{kind}`]({kind}.md) | {line_of(kind)} | {severities} |")
    return "\n".join(lines)


def list_thresholds(kind: str) -> str:
    """Return the table of a rule's thresholds; a sentence if it has none."""
    rows = [f"| `{n}` | `{v}` | {why} |" for n, v, why in _thresholds(kind)]
    if not rows:
        return "The rule has no threshold: what it looks for is there or is not."
    return "\n".join(["| threshold | value | why |", "| --- | --- | --- |", *rows])


def list_head(kind: str) -> str:
    """Return in one line what a finding sees, and how grave it is."""
    severities = " or ".join(f"`{each.value}`" for each in severities_of(kind))
    return f"{line_of(kind)} Severity: {severities}."


def list_probes() -> str:
    """Return the bugs that probes see directly, as links."""
    return ", ".join(_linked(kind) for kind in _SEEN_BY_PROBES)


def list_causes(kind: str) -> str:
    """Return of what else a finding may be a consequence."""
    names = dict.fromkeys(each.partition("@")[0] for each in CAUSES.get(kind, ()))
    names.pop(kind, None)
    if not names:
        return "Never listed as a consequence of another finding."
    links = [_linked(each) for each in names]
    seen = [each for each in names if each in _SEEN_BY_PROBES]
    if 2 * len(seen) > len(_SEEN_BY_PROBES):
        left = [each for each in _SEEN_BY_PROBES if each not in (*names, kind)]
        but = f" (but {' and '.join(_linked(each) for each in left)})" if left else ""
        links = [_linked(each) for each in names if each not in _SEEN_BY_PROBES]
        links.insert(0, f"[a bug that probes see directly]({_PROBED}){but}")
    return (
        f"Listed as a consequence where one of these is found, too: {', '.join(links)}."
    )


def list_seen(kind: str) -> str:
    """Return all that is found in the recorded run, in the order it is listed."""
    parts = []
    for finding in findings_of(kind):
        name = f"`{finding.kind}`" if finding.kind == kind else _linked(finding.kind)
        cause = finding.consequence_of
        parts.append(name if cause is None else f"{name} (from `{cause}`)")
    return f"Found in it, causes first: {', '.join(parts)}."


def list_advice(kind: str) -> str:
    """Return the rule's advice in the recorded run, most promising first."""
    lines = []
    for number, advice in enumerate(finding_of(kind).advice, 1):
        change = ""
        if advice.change:
            changes = ", ".join(f"`{n} = {v}`" for n, v in advice.change.items())
            change = f" In this run: {changes}."
        lines.append(f"{number}. {advice.text}{change}")
    return "\n".join(lines)


def list_source(kind: str) -> str:
    """Return what the rule itself names as its source."""
    texts = [
        _one_line(paragraph.strip().removeprefix("Source:"))
        for node in ast.walk(_parse(file_of(kind)))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("find_")
        for paragraph in (ast.get_docstring(node) or "").split("\n\n")
        if paragraph.strip().startswith("Source:")
    ]
    if not texts:
        return "The rule is our own; thresholds with a source name it in the table."
    return "\n".join(texts)


def list_measured(kind: str) -> str:
    """Return how well the rule did in the benchmark, if that was measured."""
    known = json.loads(MEASURED.read_text("utf-8")) if MEASURED.exists() else {}
    if kind in _NOT_PART:
        return _NOT_PART[kind]
    values = known.get(kind)
    if values is None:
        return "Not measured yet: see docs/diagnosis.md."
    lines = ["| | value | 95 % interval | runs |", "| --- | --- | --- | --- |"]
    for name in ("precision", "recall"):
        if values.get(name) is None:
            continue
        value, low, high, count = values[name]
        value, low, high = (
            "–" if each is None else f"{100 * each:.0f} %"
            for each in (value, low, high)
        )
        lines.append(f"| {name} | {value} | {low} to {high} | {count} |")
    return "\n".join(lines)


def line_of(kind: str) -> str:
    """Return in one line what a finding sees."""
    if kind in _LINES:
        return _LINES[kind]
    return _one_line((ast.get_docstring(_parse(file_of(kind))) or "").split("\n\n")[0])


def severities_of(kind: str) -> list[Severity]:
    """Return the severities a finding may have, the gravest first."""
    tree = _parse(file_of(kind))
    found = set(_SEVERITIES.get(kind, ()))
    for node in ast.walk(tree):
        if found and kind in _SEVERITIES:
            break
        if not isinstance(node, ast.Call) or ast.unparse(node.func) != "Finding":
            continue
        given = {each.arg: each.value for each in node.keywords}
        if ast.unparse(given["kind"]) == repr(kind):
            # A name stands for what the rest of the file assigns to it.
            found |= set(_named(given["severity"]) or _named(tree))
    return sorted(found, key=lambda severity: -severity.rank)


def file_of(kind: str) -> Path:
    """Return the rule file of a finding."""
    return _FILES.get(kind, RULES / f"{kind}.py")


def log_of(kind: str) -> Path:
    """Return the recorded run of a finding.

    Raises:
        FileNotFoundError: There is none.
    """
    for folder in LOGS:
        if (path := folder / f"{kind}.jsonl").exists():
            return path
    raise FileNotFoundError(f"no recorded run of {kind}: {LOGS[0] / 'record.py'}")


@cache
def model_of(path: Path) -> StudyModel:
    """Return the study of a recorded run."""
    return fold_all(StudyModel(), StudySource(path).read_all())


def findings_of(kind: str) -> tuple[Finding, ...]:
    """Return all that the rules see in the recorded run of a finding."""
    return examine(model_of(log_of(kind)), TRIAL)


def finding_of(kind: str) -> Finding:
    """Return the finding itself in its recorded run.

    Raises:
        LookupError: The rule does not see it there.
    """
    for finding in findings_of(kind):
        if finding.kind == kind:
            return finding
    raise LookupError(f"{log_of(kind)}: no rule finds {kind} in it")


def _linked(kind: str) -> str:
    return f"[`{kind}`]({kind}.md)" if kind in KINDS else f"`{kind}`"


def _thresholds(kind: str) -> Iterator[tuple[str, str, str]]:
    yield from _constants(file_of(kind), without=_UNUSED.get(kind, ()))
    for path, names in _MORE.get(kind, ()):
        yield from _constants(path, names)


def _constants(
    path: Path, names: tuple[str, ...] | None = None, without: tuple[str, ...] = ()
) -> Iterator[tuple[str, str, str]]:
    """Yield (name, value, why) of a file's thresholds, and of those it imports."""
    body = _parse(path).body
    for index, node in enumerate(body):
        match node:
            case ast.ImportFrom(module=str(module)) if names is None and (
                module.startswith("tuitrain.diagnosis")
            ):
                wanted = tuple(a.name for a in node.names if _is_listed(a.name))
                source = ROOT / Path(*module.split(".")).with_suffix(".py")
                yield from _constants(source, wanted) if wanted else ()
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                is_asked = _is_listed(name) if names is None else name in names
                if is_asked and name not in without:
                    follows = body[index + 1] if index + 1 < len(body) else None
                    yield name, ast.unparse(value), _text_of(follows)
            case _:
                pass


def _is_listed(name: str) -> bool:
    is_constant = name.isupper() and not name.startswith("_")
    return is_constant and name not in _NOT_LISTED


def _named(tree: ast.AST) -> list[Severity]:
    return [
        Severity[node.attr]
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and ast.unparse(node.value) == "Severity"
        and node.attr in Severity.__members__
    ]


@cache
def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _text_of(node: ast.stmt | None) -> str:
    match node:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return _one_line(text).replace("|", "&#124;")
        case _:
            return ""


def _one_line(text: str) -> str:
    return " ".join(text.split())
