"""Every finding has a page, a picture, and a recorded run that shows it."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from tests.unit.diagnosis.recorded import NAMES, findings
from tuitrain.events import Severity

ROOT = Path(__file__).parents[3]
PAGES = ROOT / "docs" / "findings"
SECTIONS = [
    "What it sees",
    "A picture",
    "Why it hurts",
    "What to try",
    "Source",
    "Measured",
]
SYMPTOMS = {"divergence", "non_finite"}
"""Kinds whose recorded run may have a cause that is found, too."""


def _load() -> ModuleType:
    path = ROOT / "docs" / "list_findings.py"
    spec = importlib.util.spec_from_file_location("list_findings", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


lists = _load()
KINDS = lists.KINDS
RULES = ROOT / "tuitrain" / "diagnosis"


def test_every_kind_that_a_rule_reports_has_a_page():
    texts = [path.read_text("utf-8") for path in RULES.rglob("*.py")]
    reported = {k for text in texts for k in re.findall(r'\bkind="(\w+)",', text)}
    assert reported == set(KINDS)


def test_there_is_no_page_picture_or_log_of_a_kind_nobody_reports():
    pages = {path.stem for path in PAGES.glob("*.md")} - {"README"}
    pictures = {path.stem for path in (PAGES / "pictures").glob("*.svg")}
    logs = {path.stem for path in lists.LOGS[0].glob("*.jsonl")}
    assert pages == set(KINDS)
    assert pictures == set(KINDS)
    assert logs <= set(KINDS)


def test_the_index_lists_every_finding_once_and_in_order():
    text = (PAGES / "README.md").read_text("utf-8")
    assert tuple(re.findall(r"^\| \[`(\w+)`\]\(\1\.md\) \|", text, re.M)) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_has_all_sections_and_shows_its_picture_and_log(kind):
    text = (PAGES / f"{kind}.md").read_text("utf-8")
    assert re.findall("^## (.*)$", text, re.M) == SECTIONS
    links = set(re.findall(r"\]\(([^)#]+)", text))
    assert f"pictures/{kind}.svg" in links
    assert [link for link in links if not (PAGES / link).exists()] == []
    assert (PAGES / "../../tests/logs").resolve() in lists.log_of(kind).parents


@pytest.mark.parametrize("kind", KINDS)
def test_a_recorded_run_shows_what_it_is_named_after(kind):
    seen = lists.findings_of(kind)
    (own,) = (finding for finding in seen if finding.kind == kind)
    assert own.severity in lists.severities_of(kind)
    if kind in SYMPTOMS:
        assert own.consequence_of in {None, *(finding.kind for finding in seen)}
        return
    causes = [finding.kind for finding in seen if finding.consequence_of is None]
    grave = [f.kind for f in seen if f.severity.rank > own.severity.rank]
    assert own.consequence_of is None
    assert causes[0] == kind or not set(causes) & set(grave)


@pytest.mark.parametrize("name", [n for n in NAMES if n.startswith("healthy")])
def test_a_healthy_run_has_no_finding_of_weight(name):
    weighty = [f for f in findings(name) if f.severity.rank >= Severity.MEDIUM.rank]
    assert weighty == []


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_from_the_source_names_thresholds_and_advice(kind):
    assert lists.list_advice(kind).startswith("1. ")
    assert lists.line_of(kind).endswith(".")
    assert lists.severities_of(kind)
    table = lists.list_thresholds(kind)
    assert table.startswith(("| threshold |", "The rule has no threshold"))


def test_measured_figures_are_shown_once_there_are_some(tmp_path, monkeypatch):
    monkeypatch.setattr(lists, "MEASURED", tmp_path / "measured.json")
    unknown = lists.list_measured("stalled")
    assert unknown == "Not measured yet: see docs/diagnosis.md."
    lists.MEASURED.write_text(
        '{"stalled": {"precision": [0.9, 0.8, 0.95, 40], "recall": [1, 0.91, 1, 38]}}'
    )
    text = lists.list_measured("stalled")
    assert "| precision | 90 % | 80 % to 95 % | 40 |" in text
    assert "| recall | 100 % | 91 % to 100 % | 38 |" in text
    assert lists.list_measured("divergence") == unknown
