"""One event of every kind, every field filled, for tests of any room."""

from collections.abc import Sequence

from tuitrain.events import (
    Advice,
    AdviceApplied,
    AutoSet,
    BestAccepted,
    CheckpointSaved,
    Confidence,
    EpochEnded,
    Event,
    Finding,
    GpuProcess,
    GpuReading,
    GpusSampled,
    InputFacts,
    Inspection,
    LogOpened,
    LossFacts,
    OutcomeKind,
    OutOfMemory,
    PerGpuLowered,
    PointsMeasured,
    ProbeFailed,
    Record,
    SettingsChanged,
    Severity,
    SignalFacts,
    Step,
    StepEntered,
    StepStarted,
    StudyEnded,
    StudyOpened,
    SupervisorStarted,
    SupervisorStopped,
    TaskDescribed,
    TaskInspected,
    TrialEnded,
    TrialFinished,
    TrialId,
    TrialLimits,
    TrialLost,
    TrialQueued,
    TrialStarted,
    TrialStopRequested,
    UnitFacts,
    Verdict,
    VerdictOverridden,
    VerdictReached,
)
from tuitrain.model import Recording
from tuitrain.units import Seconds

TRIAL = TrialId("0001")
ADVICE = Advice(text="Regularize more.", change={"weight_decay": 1e-3, "epochs": 20})
FINDING = Finding(
    kind="overfitting",
    severity=Severity.HIGH,
    confidence=Confidence.MEDIUM,
    summary="Validation loss rises while training loss falls.",
    evidence={"gap": 0.31, "worst": "inf", "curve": [0.1, "nan"], "none": None},
    advice=(ADVICE,),
    consequence_of="too_long",
    trial=TRIAL,
)
LOSS = LossFacts(
    name="CrossEntropyLoss",
    kind="cross_entropy",
    reduction="mean",
    classes=3,
    outputs=3,
    class_weights=[1.0, 2.0, 0.5],
    priors=[0.2, 0.3, 0.5],
    batch_size=32,
    expected=1.1,
)

JOURNAL: tuple[Event, ...] = (
    LogOpened(format="tuitrain-log/1", stream="journal", tuitrain="0.1.0"),
    StudyOpened(name="digits", script="train.py", settings={"seed": 0, "lrs": [0.1]}),
    SupervisorStarted(pid=11, slots=2, devices=["GPU-1"]),
    AutoSet(on=True, until=Step.FIND_LR),
    StepEntered(step=Step.COARSE_GRID, round=1, attempt=1),
    StepStarted(step=Step.COARSE_GRID, round=1, attempt=1),
    TrialQueued(
        trial=TRIAL,
        step=Step.COARSE_GRID,
        round=1,
        attempt=1,
        config={"lr": 0.01, "weight_decay": 1e-4, "net": "büg", "bias": True, "n": 3},
        limits=TrialLimits(epochs=3, batches=8, regularize=False, stop_at_fit=True),
        seed=7,
        resumes=TrialId("0000"),
        replaces=TrialId("0000"),
    ),
    SettingsChanged(settings={"seed": 1}),
    TrialStopRequested(trial=TRIAL, reason="asked by a person"),
    TrialLost(trial=TrialId("0002"), reason="the machine was restarted"),
    PerGpuLowered(trial=TRIAL, device="GPU-1", sharing=3, per_gpu=2),
    VerdictReached(
        step=Step.COARSE_GRID,
        round=1,
        attempt=1,
        verdict=Verdict.WARN,
        summary="0001 is best: 97 %",
        evidence={"best": 0.97},
        findings=(FINDING,),
        advice=(ADVICE,),
        decision={"lr": 0.01},
        best_trial=TRIAL,
    ),
    VerdictOverridden(
        step=Step.COARSE_GRID, round=1, attempt=1, verdict=Verdict.PASS, note="noise"
    ),
    AdviceApplied(round=2, base=TRIAL, advice=ADVICE),
    BestAccepted(
        trial=TRIAL,
        config={"lr": 0.01},
        metrics={"val_accuracy": 0.97, "val_loss": None},
        checkpoint="trials/0001/checkpoint.pt",
    ),
    StudyEnded(state="rejected", message="train.py: no function task; add one"),
    SupervisorStopped(reason="nothing runs"),
)
STATE: tuple[Event, ...] = (
    LogOpened(format="tuitrain-log/1", stream="0001/state", tuitrain="0.1.0"),
    TrialStarted(
        trial=TRIAL,
        pid=21,
        start_ticks=1234,
        boot_id="b",
        shim_pid=20,
        shim_start_ticks=1230,
        device="GPU-1",
        threads=2,
        how="warm",
    ),
    TrialEnded(trial=TRIAL, signal=9),
)
POINTS: tuple[Event, ...] = (
    LogOpened(format="tuitrain-log/1", stream="0001/points", tuitrain="0.1.0"),
    TaskDescribed(
        trial=TRIAL,
        loss=LOSS,
        parameters=9000,
        layers=["fc1.weight", "fc2.weight"],
        train_samples=1437,
        val_samples=360,
        batch_size=32,
        iterations_per_epoch=45,
        metrics=["loss", "accuracy"],
        regularization_off=["Dropout 0.1 in net.3"],
        config_read=["lr"],
        device="cuda:0",
        device_name="a GPU",
        torch="2.13.0",
    ),
    PointsMeasured(
        trial=TRIAL,
        iteration=[1, 2, 3],
        values={
            "loss": [2.5, "nan", "-inf"],
            "accuracy": [0.1, 0.2, 0.25],
            "update_ratio/fc1.weight": [1e-3, "inf", 1.1e-3],
        },
    ),
    PointsMeasured(trial=TRIAL, iteration=[45], values={"val_loss": [2.25]}),
    EpochEnded(trial=TRIAL, epoch=1, iteration=45),
    CheckpointSaved(trial=TRIAL, iteration=45, epoch=1, path="checkpoint.pt"),
    ProbeFailed(trial=TRIAL, probe="grad_norm", error="sparse gradients"),
    TaskInspected(
        trial=TRIAL,
        found=Inspection(
            iterations=20,
            optimizer="AdamW",
            stale_checked=19,
            parameters=4,
            gradient_rms={"0.weight": 0.016},
            output_shape=[64, 10],
            is_broadcast=False,
            inputs=InputFacts(layer="0", samples=1280, features=64, mean=0.3),
            signal=SignalFacts(
                samples=1000, neighbour=0.9, linear=0.8, chance=0.1, error=0.01
            ),
            units=[UnitFacts(name="relu after 0", kind="relu", units=64, dead=0.1)],
        ),
    ),
    TrialFinished(
        trial=TRIAL,
        outcome=OutcomeKind.RAISED,
        iteration=50,
        message="ValueError: no",
        traceback='Traceback:\n  File "train.py"\n',
        out_of_memory=OutOfMemory(
            device_name="NVIDIA T4",
            asked_bytes=2**31,
            free_bytes=2**30,
            total_bytes=2**34,
            used_bytes=2**33,
            batch_size=64,
            takes_batch_size=True,
        ),
    ),
)
GPUS: tuple[Event, ...] = (
    LogOpened(format="tuitrain-log/1", stream="gpus", tuitrain="0.1.0"),
    GpusSampled(
        gpus=[
            GpuReading(
                uuid="GPU-1",
                name="a GPU",
                used_ratio=0.93,
                memory_used_bytes=11 << 30,
                memory_total_bytes=80 << 30,
                temp_c=62.0,
                power_w=301.5,
                processes=[
                    GpuProcess(pid=21, memory_used_bytes=9 << 30, parents=[20, 11]),
                    GpuProcess(pid=4711),
                ],
            ),
            GpuReading(uuid="GPU-2", name="a tired GPU"),
        ],
        error="one GPU does not answer",
    ),
)
EVENTS = JOURNAL + STATE + POINTS + GPUS


def make_records(events: Sequence[Event], at_s: float = 1.79e9) -> list[Record]:
    """Return `events` as the records of one stream, a second apart."""
    return [
        Record(
            seq=seq, at_s=Seconds(at_s + seq), mono_s=Seconds(500.0 + seq), event=event
        )
        for seq, event in enumerate(events)
    ]


def record_all(records: Sequence[Record]) -> Recording:
    """Return the recording of `records`."""
    recording = Recording()
    recording.add(records)
    return recording
