"""What the judge was tuned to: its thresholds, as one number that changes with any."""

import ast
import hashlib
import json
from pathlib import Path

ROOT = Path(__file__).parents[3]
JUDGE = ROOT / "tuitrain" / "diagnosis"
FIGURES = ROOT / "docs" / "diagnosis.json"
"""Figures and thresholds of the last full run."""
OVERFITTING = ("rules/overfitting.py", "numerics.py")
"""What the figures on overfitting depend on."""


def thresholds() -> dict[str, str]:
    """Return each constant of the judge that is a number, or a few, by file and name."""
    found = {}
    for path in sorted(JUDGE.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.AnnAssign) or node.value is None:
                continue
            text = ast.unparse(node.value)
            if any(sign.isdigit() for sign in text) and '"' not in text:
                name = ast.unparse(node.target)
                found[f"{path.relative_to(JUDGE)}:{name}"] = text
    return found


def digest() -> str:
    """Return the number that stands for all thresholds."""
    text = json.dumps(thresholds(), sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def thresholds_of(*files: str) -> dict[str, str]:
    """Return the constants of some files of the judge, as `thresholds` names them."""
    return {
        name: value
        for name, value in thresholds().items()
        if name.partition(":")[0] in files
    }
