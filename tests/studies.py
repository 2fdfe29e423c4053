"""Studies written to disk as real ones are, for tests of whoever reads them."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from tuitrain.events import (
    BestAccepted,
    Event,
    Finding,
    LossFacts,
    OutcomeKind,
    PointsMeasured,
    Step,
    StepEntered,
    StepStarted,
    StudyEnded,
    StudyOpened,
    SupervisorStarted,
    TaskDescribed,
    TrialEnded,
    TrialFinished,
    TrialId,
    TrialLimits,
    TrialQueued,
    TrialStarted,
    Verdict,
    VerdictReached,
    to_column,
)
from tuitrain.store import LogWriter, StudyFolder
from tuitrain.units import Seconds


class SteppingClock:
    """A clock that goes on by a second whenever somebody looks at it."""

    def __init__(self, at_s: float = 1.79e9) -> None:
        self.at_s = at_s

    def wall_s(self) -> Seconds:
        self.at_s += 1.0
        return Seconds(self.at_s)

    def mono_s(self) -> Seconds:
        return Seconds(self.at_s)


class StudyMaker:
    """Writes one study's logs, event by event."""

    def __init__(self, path: Path, script: str = "train.py") -> None:
        self.folder = StudyFolder(path)
        self.folder.create()
        self.clock = SteppingClock()
        self._journal = LogWriter(self.folder.journal, "journal", self.clock)
        self.journal(
            StudyOpened(name=path.name, script=script, settings={"script": script}),
            SupervisorStarted(pid=1, slots=2),
        )

    def journal(self, *events: Event) -> None:
        self._journal.append(list(events))

    def step(self, step: Step, nth: int = 1, attempt: int = 1) -> None:
        self.journal(
            StepEntered(step=step, round=nth, attempt=attempt),
            StepStarted(step=step, round=nth, attempt=attempt),
        )

    def trial(
        self,
        name: str,
        step: Step,
        losses: Sequence[float] = (2.3, 1.0, 0.5),
        outcome: OutcomeKind = OutcomeKind.COMPLETED,
        message: str = "",
    ) -> None:
        trial = TrialId(name)
        self.journal(
            TrialQueued(
                trial=trial,
                step=step,
                round=1,
                attempt=1,
                config={"lr": 0.01, "weight_decay": 1e-4},
                limits=TrialLimits(iterations=len(losses)),
                seed=0,
            )
        )
        folder = self.folder.trial(trial)
        folder.path.mkdir()
        write_log(folder.state, f"{name}/state", self.clock, [_started(trial)])
        points = _points(trial, losses)
        end = TrialFinished(
            trial=trial, outcome=outcome, iteration=len(losses), message=message
        )
        write_log(folder.points, f"{name}/points", self.clock, [*points, end])
        ended = TrialEnded(trial=trial, exit_code=0)
        write_log(folder.state, f"{name}/state", self.clock, [ended])

    def judge(
        self,
        step: Step,
        verdict: Verdict = Verdict.PASS,
        findings: Iterable[Finding] = (),
        best: str | None = None,
        **evidence: float,
    ) -> None:
        self.journal(
            VerdictReached(
                step=step,
                round=1,
                attempt=1,
                verdict=verdict,
                summary=f"{step.label} is judged",
                evidence=dict(evidence),
                findings=tuple(findings),
                best_trial=TrialId(best) if best else None,
            )
        )

    def accept(self, name: str) -> None:
        self.journal(
            BestAccepted(
                trial=TrialId(name),
                config={"lr": 0.01, "weight_decay": 1e-4},
                metrics={"val_accuracy": 0.98, "loss": 0.5},
                checkpoint=f"trials/{name}/checkpoint.pt",
            )
        )
        self.end("finished")

    def end(self, state: str, message: str = "") -> None:
        self.journal(StudyEnded(state=state, message=message))


def make_finished_study(path: Path) -> StudyFolder:
    """Write a study of two steps that ended well, and return its folder."""
    maker = StudyMaker(path)
    maker.step(Step.INITIAL_LOSS)
    maker.trial("0001", Step.INITIAL_LOSS, [2.3, 2.31, 2.29])
    maker.judge(Step.INITIAL_LOSS, measured=2.3, expected=2.3026)
    maker.step(Step.COARSE_GRID)
    maker.trial("0002", Step.COARSE_GRID, [2.3, 1.1, 0.4])
    maker.trial("0003", Step.COARSE_GRID, [2.3, float("inf"), float("nan")])
    maker.judge(Step.COARSE_GRID, best="0002", val_accuracy=0.98)
    maker.accept("0002")
    return maker.folder


def write_log(
    path: Path, stream: str, clock: SteppingClock, events: Iterable[Event]
) -> None:
    """Append `events` to the log at `path`, each in a batch of its own."""
    writer = LogWriter(path, stream, clock)
    for event in events:
        writer.append([event])
    writer.close()


def _started(trial: TrialId) -> TrialStarted:
    return TrialStarted(
        trial=trial,
        pid=1,
        start_ticks=1,
        boot_id="b",
        shim_pid=1,
        shim_start_ticks=1,
        device="cpu",
        threads=1,
        how="warm",
    )


def _points(trial: TrialId, losses: Sequence[float]) -> list[Event]:
    return [
        TaskDescribed(
            trial=trial,
            loss=LossFacts(name="CrossEntropyLoss", kind="cross_entropy", classes=10),
            parameters=9000,
            layers=["fc1.weight"],
            train_samples=1437,
            metrics=["loss", "accuracy"],
        ),
        PointsMeasured(
            trial=trial,
            iteration=list(range(1, len(losses) + 1)),
            values={
                "loss": to_column(list(losses)),
                "accuracy": to_column([0.1 * n for n in range(len(losses))]),
            },
        ),
    ]
