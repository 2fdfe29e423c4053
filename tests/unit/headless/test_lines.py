"""Progress lines: one for what matters, with its evidence."""

import msgspec

from tests.samples import FINDING
from tests.studies import StudyMaker, make_finished_study
from tuitrain.events import (
    AdviceApplied,
    BestAccepted,
    CheckpointSaved,
    OutcomeKind,
    PerGpuLowered,
    ProbeFailed,
    Step,
    StepStarted,
    TrialId,
    TrialLimits,
    TrialLost,
    TrialQueued,
    Verdict,
    VerdictOverridden,
)
from tuitrain.headless.lines import ProgressLines
from tuitrain.headless.load import load


def _lines(path):
    loaded = load(path)
    return [line for line in ProgressLines().lines(loaded.told, loaded.study) if line]


def test_a_study_is_told_in_the_order_it_happened(tmp_path):
    lines = _lines(make_finished_study(tmp_path / "digits").path)
    starts = [line.split()[0:3] for line in lines]
    assert starts[0] == ["study", "digits", "of"]
    assert lines[-1] == "study finished"
    told = [line for line in lines if line.startswith(("step", "  000"))]
    assert [line.split(":")[0].split("  lr")[0] for line in told] == [
        "step 1 of 6 initial loss",
        "  0001",
        "step 1 of 6 initial loss",
        "step 4 of 6 coarse grid",
        "  0002",
        "  0003",
        "step 4 of 6 coarse grid",
    ]


def test_a_verdict_comes_with_evidence_findings_and_advice(tmp_path):
    maker = StudyMaker(tmp_path / "digits")
    maker.step(Step.COARSE_GRID)
    maker.judge(Step.COARSE_GRID, Verdict.WARN, [FINDING], gap=0.31)
    text = "\n".join(_lines(maker.folder.path))
    assert "step 4 of 6 coarse grid: WARN – coarse grid is judged" in text
    assert "gap=0.31" in text
    assert (
        "high: overfitting in 0001 (medium confidence, follows from too_long)" in text
    )
    assert "try: Regularize more." in text


def test_a_trial_says_how_it_ended(tmp_path):
    maker = StudyMaker(tmp_path / "digits")
    maker.step(Step.FIND_LR)
    maker.trial("0001", Step.FIND_LR, [2.3, 0.5])
    maker.trial(
        "0002", Step.FIND_LR, [2.3], OutcomeKind.RAISED, "ValueError: no such axis"
    )
    lines = _lines(maker.folder.path)
    (good,) = [line for line in lines if "0001" in line]
    (bad,) = [line for line in lines if "0002" in line]
    assert "lr=1e-2 weight_decay=1e-4" in good
    assert "loss 0.5" in good
    assert "finished after" in good
    assert "failed" in bad
    assert "ValueError: no such axis" in bad


def test_a_trial_is_told_once_though_it_was_lost_and_ended(tmp_path):
    maker = StudyMaker(tmp_path / "digits")
    maker.step(Step.FIND_LR)
    maker.trial("0001", Step.FIND_LR)
    maker.journal(TrialLost(trial=TrialId("0001"), reason="the machine was restarted"))
    lines = _lines(maker.folder.path)
    assert sum(line.startswith("  0001") for line in lines) == 1


def test_the_task_is_described_once(tmp_path):
    lines = _lines(make_finished_study(tmp_path / "digits").path)
    (task,) = [line for line in lines if line.startswith("task:")]
    assert "9,000 parameters" in task
    assert "10 classes" in task


def test_what_a_person_did_is_told(tmp_path):
    maker = StudyMaker(tmp_path / "digits")
    maker.journal(
        VerdictOverridden(
            step=Step.FIND_LR, round=1, attempt=1, verdict=Verdict.PASS, note="noise"
        ),
        AdviceApplied(round=2, base=TrialId("0001"), advice=FINDING.advice[0]),
        ProbeFailed(trial=TrialId("0001"), probe="grad_norm", error="sparse"),
        BestAccepted(
            trial=TrialId("0001"), config={"lr": 0.1}, metrics={}, checkpoint=None
        ),
    )
    text = "\n".join(_lines(maker.folder.path))
    assert "overridden to PASS: noise" in text
    assert "round 2 from 0001: Regularize more." in text
    assert "probe grad_norm is off: sparse" in text
    assert "accepted 0001: lr=1e-1" in text


def test_what_took_the_place_of_a_dead_trial_is_told(tmp_path):
    maker = StudyMaker(tmp_path / "digits")
    maker.step(Step.COARSE_GRID)
    first, second = TrialId("0001"), TrialId("0002")
    common = TrialQueued(
        trial=first,
        step=Step.COARSE_GRID,
        round=1,
        attempt=1,
        config={"lr": 0.01, "weight_decay": 0.0},
        limits=TrialLimits(epochs=3),
        seed=0,
    )
    saved = CheckpointSaved(trial=first, iteration=80, epoch=2, path="checkpoint.pt")
    maker.journal(
        common,
        saved,
        msgspec.structs.replace(common, trial=second, resumes=first, replaces=first),
        msgspec.structs.replace(common, trial=TrialId("0003"), replaces=second),
        PerGpuLowered(trial=second, device="GPU-1", sharing=3, per_gpu=2),
        StepStarted(step=Step.COARSE_GRID, round=1, attempt=1),
    )
    text = "\n".join(_lines(maker.folder.path))
    assert "0001 is carried on as 0002, from iteration 80 (epoch 2)" in text
    assert "0002 is run again as 0003, from the start" in text
    assert "0002 ran out of memory with 3 trials on GPU-1: 2 trials on each GPU" in text
    assert "step 4 of 6 coarse grid: goes on (round 1)" in text


def test_a_trial_is_told_alike_whether_its_place_is_taken_by_then_or_not(tmp_path):
    maker = StudyMaker(tmp_path / "digits")
    maker.step(Step.COARSE_GRID)
    dead = TrialId("0001")
    maker.trial("0001", Step.COARSE_GRID)
    maker.journal(TrialLost(trial=dead, reason="the machine was restarted"))
    before = _lines(maker.folder.path)
    maker.journal(
        TrialQueued(
            trial=TrialId("0002"),
            step=Step.COARSE_GRID,
            round=1,
            attempt=1,
            config={"lr": 0.01},
            limits=TrialLimits(epochs=3),
            seed=0,
            replaces=dead,
        )
    )
    *after, replaced = _lines(maker.folder.path)
    assert after == before
    assert replaced == "  0001 is run again as 0002, from the start"
