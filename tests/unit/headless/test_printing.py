"""Replay and diagnosis of a log, as text and as JSON."""

import io
import json

import pytest

from tests.samples import FINDING
from tests.studies import StudyMaker, make_finished_study
from tuitrain.events import (
    Finding,
    LogVersionError,
    OutcomeKind,
    Severity,
    Step,
    TrialId,
    Verdict,
    VerdictOverridden,
)
from tuitrain.headless import (
    ExitStatus,
    Look,
    Printer,
    diagnose_headless,
    replay_headless,
)
from tuitrain.headless.load import load
from tuitrain.headless.outcome import exit_status
from tuitrain.store import StoreError

LOOK = Look(columns=100, lines=24, ascii_only=False, has_colour=False)


class _Stream(io.StringIO):
    encoding = "utf-8"


@pytest.fixture
def stream():
    return _Stream()


@pytest.fixture
def printer(stream):
    return Printer(stream, LOOK)


def _critical(trial: str | None = None) -> Finding:
    return Finding(
        kind="loss_not_decreasing",
        severity=Severity.CRITICAL,
        confidence=FINDING.confidence,
        summary="It does not fall.",
        trial=TrialId(trial) if trial else None,
    )


def test_a_replay_shows_curves_trials_checklist_and_the_best(tmp_path, stream, printer):
    folder = make_finished_study(tmp_path / "digits")
    assert replay_headless(folder.path, printer, as_json=False) is ExitStatus.DONE
    text = stream.getvalue()
    assert "┌" in text
    assert "0002 lr=1e-2 wd=1e-4" in text
    assert "1  initial loss  PASS" in text
    assert "best: 0002  lr=1e-2 weight_decay=1e-4" in text
    assert "val_accuracy 98.0 %" in text
    assert "digits: finished" in text


def test_json_is_the_document_and_nothing_else(tmp_path, stream, printer):
    folder = make_finished_study(tmp_path / "digits")
    replay_headless(folder.path, printer, as_json=True)
    assert json.loads(stream.getvalue())["study"]["state"] == "finished"


def test_the_journal_or_the_points_stand_for_their_folder(tmp_path):
    folder = make_finished_study(tmp_path / "digits")
    texts = []
    for path in (folder.path, folder.journal):
        stream = _Stream()
        replay_headless(path, Printer(stream, LOOK), as_json=True)
        texts.append(stream.getvalue())
    assert texts[0] == texts[1]


def test_a_diagnosis_holds_verdicts_and_findings_only(tmp_path, stream, printer):
    folder = make_finished_study(tmp_path / "digits")
    diagnose_headless(folder.path, printer, as_json=False)
    text = stream.getvalue()
    assert "step 1 of 6 initial loss: PASS" in text
    assert "non_finite in 0003" in text
    assert "┌" not in text


def test_a_trial_on_its_own_is_diagnosed(tmp_path, stream, printer):
    folder = make_finished_study(tmp_path / "digits").list_trials()[2]
    status = diagnose_headless(folder.points, printer, as_json=False)
    assert status is ExitStatus.FAILED
    assert "critical: non_finite in 0003" in stream.getvalue()


def test_text_from_scripts_cant_act_on_the_terminal(tmp_path, stream, printer):
    maker = StudyMaker(tmp_path / "digits", script="\x1b]0;owned\x07train.py")
    maker.step(Step.FIND_LR)
    maker.trial(
        "0001", Step.FIND_LR, [2.3], OutcomeKind.RAISED, "\x1b[2Jgone\u202etxt\x9b1m"
    )
    replay_headless(maker.folder.path, printer, as_json=False)
    text = stream.getvalue()
    assert "gonetxt" in text
    assert not any(mark in text for mark in "\x1b\x07\x9b\u202e")


def test_an_output_without_braille_gets_ascii(tmp_path):
    folder = make_finished_study(tmp_path / "digits")
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    printer = Printer(stream, Look.of(stream, {}))
    replay_headless(folder.path, printer, as_json=False)
    text = raw.getvalue().decode("ascii")
    assert "****" in text
    assert "PASS - initial loss is judged" in text


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (b"hello\nworld\n", StoreError, "is not a tuitrain log"),
        (b"\x00\xff\x00\n" * 5, StoreError, "is not a tuitrain log"),
        (b"", StoreError, "holds no records yet"),
        (b"torn, no newline", StoreError, "holds no records yet"),
        (
            b'{"seq":0,"at_s":1.0,"mono_s":1.0,"event":{"type":"LogOpened",'
            b'"format":"tuitrain-log/99","stream":"journal","tuitrain":"9"},'
            b'"crc":"00000000"}\n',
            (LogVersionError, StoreError),
            "newer|not a tuitrain log",
        ),
    ],
)
def test_what_is_no_log_is_refused_in_one_line(
    tmp_path, printer, content, error, words
):
    path = tmp_path / "points.jsonl"
    path.write_bytes(content)
    with pytest.raises(error, match=words) as caught:
        replay_headless(path, printer, as_json=False)
    assert "\n" not in str(caught.value)


def _status(maker):
    return exit_status(load(maker.folder.path).study)


def test_a_failed_step_fails_the_study_until_it_passes(tmp_path):
    maker = StudyMaker(tmp_path / "digits")
    maker.step(Step.INITIAL_LOSS)
    maker.judge(Step.INITIAL_LOSS, Verdict.FAIL)
    assert _status(maker) is ExitStatus.FAILED
    maker.journal(
        VerdictOverridden(
            step=Step.INITIAL_LOSS, round=1, attempt=1, verdict=Verdict.PASS, note="ok"
        )
    )
    assert _status(maker) is ExitStatus.DONE


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("finished", ExitStatus.DONE),
        ("reached", ExitStatus.DONE),
        ("failed", ExitStatus.FAILED),
        ("stopped", ExitStatus.FAILED),
        ("rejected", ExitStatus.MISUSED),
    ],
)
def test_how_a_study_ended_decides_the_exit_status(tmp_path, state, status):
    maker = StudyMaker(tmp_path / "digits")
    maker.end(state)
    assert _status(maker) is status


@pytest.mark.parametrize(
    ("trial", "status"),
    [
        (None, ExitStatus.FAILED),
        ("0001", ExitStatus.FAILED),
        ("0002", ExitStatus.DONE),
    ],
)
def test_a_critical_finding_counts_where_the_verdict_rests_on_it(
    tmp_path, trial, status
):
    maker = StudyMaker(tmp_path / "digits")
    maker.step(Step.FIND_LR)
    maker.judge(Step.FIND_LR, Verdict.PASS, [_critical(trial)], best="0001")
    assert _status(maker) is status
