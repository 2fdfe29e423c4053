"""A real study, recorded: its replay tells what the live run told.

`document.json` beside the logs is what `tuitrain run --headless --json` printed then. What
the log holds must read the same in every later version; only what the rules see in a
trial may change with the rules.
"""

import io
import json
from pathlib import Path

import pytest

from tuitrain import cli
from tuitrain.events import Step
from tuitrain.headless import ExitStatus, Look, Printer, replay_headless

LOG = Path(__file__).parents[2] / "logs" / "digits_short"


def _logged(text):
    """Return a document without what is derived by rules when it is read."""
    document = json.loads(text)
    for trial in document["trials"]:
        del trial["findings"]
    return document


@pytest.mark.parametrize("command", ["replay", "diagnose"])
def test_the_log_reads_as_it_did_when_it_was_written(command, capsys):
    assert cli.main([command, str(LOG), "--json"]) == 0
    captured = capsys.readouterr()
    assert _logged(captured.out) == _logged((LOG / "document.json").read_text())
    assert captured.err == ""


def test_all_six_steps_are_in_it():
    document = json.loads((LOG / "document.json").read_text())
    assert [step["name"] for step in document["steps"]] == [s.value for s in Step]
    assert {step["verdict"] for step in document["steps"]} <= {"pass", "warn"}
    assert document["best"]["metrics"]["val_accuracy"] > 0.95


@pytest.mark.parametrize("columns", [40, 80, 120, 200])
def test_text_fits_the_terminal(columns):
    stream = io.StringIO()
    look = Look(columns=columns, lines=24, ascii_only=True, has_colour=False)
    status = replay_headless(LOG, Printer(stream, look), as_json=False)
    assert status is ExitStatus.DONE
    report = stream.getvalue().split("study finished")[1]
    tables = [line for line in report.splitlines() if not line.startswith("  ")]
    assert max(len(line) for line in tables) <= columns
    assert stream.getvalue().isascii()
