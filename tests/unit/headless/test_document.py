"""The JSON document: its shape, and that it depends on the log only."""

import json
import shutil

import pytest

from tests.samples import FINDING
from tests.studies import SteppingClock, StudyMaker, make_finished_study, write_log
from tuitrain.events import (
    AdviceApplied,
    GpusSampled,
    Step,
    SupervisorStopped,
    TrialId,
    Verdict,
    VerdictOverridden,
)
from tuitrain.headless.document import document, encode
from tuitrain.headless.load import load
from tuitrain.model import StudyModel, fold_all
from tuitrain.store import LogFollower, LogWriter
from tuitrain.study import Study


def _document(path):
    loaded = load(path)
    return document(loaded.study, loaded.damage)


def test_it_has_the_keys_that_scripts_rely_on(tmp_path):
    made = _document(make_finished_study(tmp_path / "digits").path)
    assert made["format"] == "tuitrain/1"
    assert made["study"]["name"] == "digits"
    assert made["study"]["script"] == "train.py"
    assert made["study"]["state"] == "finished"
    step, trial = made["steps"][0], made["trials"][1]
    assert {"number", "name", "verdict", "round", "evidence", "summary"} <= set(step)
    assert (step["number"], step["name"]) == (1, "initial_loss")
    assert step["evidence"] == {"measured": 2.3, "expected": 2.3026}
    assert (trial["id"], trial["step"], trial["state"]) == ("0002", 4, "finished")
    assert trial["config"] == {"lr": 0.01, "weight_decay": 1e-4}
    assert trial["points"] == 6
    assert made["best"]["trial"] == "0002"
    assert made["best"]["metrics"]["val_accuracy"] == 0.98


def test_findings_carry_evidence_advice_and_cause(tmp_path):
    maker = StudyMaker(tmp_path / "digits")
    maker.step(Step.COARSE_GRID)
    maker.judge(Step.COARSE_GRID, Verdict.WARN, [FINDING])
    finding = _document(maker.folder.path)["steps"][0]["findings"][0]
    assert finding["kind"] == "overfitting"
    assert (finding["severity"], finding["confidence"]) == ("high", "medium")
    assert finding["evidence"]["worst"] == "inf"
    assert finding["advice"] == ["Regularize more."]
    assert finding["consequence_of"] == "too_long"


def test_values_that_are_no_numbers_are_words(tmp_path):
    folder = make_finished_study(tmp_path / "digits")
    made = json.loads(encode(_document(folder.path)), parse_constant=pytest.fail)
    assert made["trials"][2]["metrics"]["loss"] == "nan"


def test_an_overruled_verdict_is_the_persons_and_says_so(tmp_path):
    maker = StudyMaker(tmp_path / "digits")
    maker.step(Step.INITIAL_LOSS)
    maker.judge(Step.INITIAL_LOSS, Verdict.FAIL)
    maker.journal(
        VerdictOverridden(
            step=Step.INITIAL_LOSS,
            round=1,
            attempt=1,
            verdict=Verdict.PASS,
            note="the loss is a sum",
        )
    )
    (step,) = _document(maker.folder.path)["steps"]
    assert step["verdict"] == "pass"
    assert step["overridden"] is True
    assert step["note"] == "the loss is a sum"


def test_each_round_keeps_its_steps(tmp_path):
    maker = StudyMaker(tmp_path / "digits")
    maker.step(Step.REFINE_GRID)
    maker.trial("0001", Step.REFINE_GRID)
    maker.judge(Step.REFINE_GRID)
    maker.journal(
        AdviceApplied(round=2, base=TrialId("0001"), advice=FINDING.advice[0])
    )
    maker.step(Step.REFINE_GRID, nth=2)
    made = _document(maker.folder.path)
    assert made["study"]["rounds"] == 2
    assert [(s["round"], s["verdict"]) for s in made["steps"]] == [
        (1, "pass"),
        (2, None),
    ]


def test_only_the_newest_attempt_of_a_step_is_told(tmp_path):
    maker = StudyMaker(tmp_path / "digits")
    maker.step(Step.INITIAL_LOSS)
    maker.judge(Step.INITIAL_LOSS, Verdict.FAIL)
    maker.step(Step.INITIAL_LOSS, attempt=2)
    (step,) = _document(maker.folder.path)["steps"]
    assert step["verdict"] is None


def test_a_copy_of_the_folder_gives_the_same_bytes(tmp_path):
    folder = make_finished_study(tmp_path / "here" / "digits")
    shutil.copytree(folder.path, tmp_path / "there")
    assert encode(_document(folder.path)) == encode(_document(tmp_path / "there"))


def test_what_is_damaged_is_counted(tmp_path):
    folder = make_finished_study(tmp_path / "digits")
    points = folder.list_trials()[1].points
    lines = points.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b"1.1", b"1.2")
    points.write_bytes(b"".join(lines))
    made = _document(folder.path)
    assert made["damage"] == {"bad_lines": 1, "missing_records": 1}
    assert made["trials"][1]["points"] == 0


def test_a_trial_on_its_own_has_no_steps(tmp_path):
    folder = make_finished_study(tmp_path / "digits").list_trials()[1]
    made = _document(folder.path)
    assert made["study"]["name"] == "0002"
    assert made["study"]["state"] == "finished"
    assert made["steps"] == []
    assert made["trials"][0]["step"] is None


def test_a_run_started_by_hand_is_over_when_it_says_so(tmp_path):
    maker = StudyMaker(tmp_path / "digits")
    maker.trial("0001", Step.FIND_LR)
    points = maker.folder.list_trials()[0].points
    assert _document(points.parent)["study"]["state"] == "finished"
    points.with_name("state.jsonl").unlink()
    assert _document(points)["study"]["state"] == "finished"
    whole = points.read_bytes().splitlines(keepends=True)
    points.write_bytes(b"".join(whole[:-1]))
    assert _document(points)["study"]["state"] == "running"


def test_an_empty_study_can_be_told(tmp_path):
    folder = StudyMaker(tmp_path / "digits").folder
    made = _document(folder.path)
    assert (made["steps"], made["trials"], made["best"]) == ([], [], None)
    assert made["study"]["state"] == "new"


def test_the_order_in_which_streams_are_read_does_not_matter(tmp_path):
    folder = make_finished_study(tmp_path / "digits")
    streams = [LogFollower(path) for path in folder.path.rglob("*.jsonl")]
    records = [stream.read() for stream in streams]
    forwards, backwards = (
        fold_all(StudyModel(), [record for stream in order for record in stream])
        for order in (records, records[::-1])
    )
    assert encode(document(Study(forwards))) == encode(document(Study(backwards)))


def test_what_a_supervisor_writes_later_does_not_change_it(tmp_path):
    folder = make_finished_study(tmp_path / "digits")
    before = encode(_document(folder.path))
    writer = LogWriter(folder.journal, "journal")
    writer.append([SupervisorStopped(reason="idle")])
    write_log(folder.gpus, "gpus", SteppingClock(), [GpusSampled()])
    assert encode(_document(folder.path)) == before
