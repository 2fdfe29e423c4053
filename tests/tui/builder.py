"""Studies written by hand: the same files a supervisor and its trials would write."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from tuitrain.events import (
    Advice,
    Config,
    EpochEnded,
    Event,
    Finding,
    GpuReading,
    GpusSampled,
    LossFacts,
    OutcomeKind,
    PointsMeasured,
    Step,
    StepEntered,
    StepStarted,
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

START_S = 1_790_000_000.0


class HandClock:
    """A clock that only moves when a test moves it."""

    def __init__(self) -> None:
        self.now_s = START_S

    def wall_s(self) -> Seconds:
        return Seconds(self.now_s)

    def mono_s(self) -> Seconds:
        return Seconds(self.now_s - START_S)


class StudyBuilder:
    """Writes a study event by event, a quarter of a second apart."""

    def __init__(self, path: Path, name: str = "digits") -> None:
        self.folder = StudyFolder(path)
        self.folder.create()
        self.clock = HandClock()
        self._writers: dict[Path, LogWriter] = {}
        self._next_trial = 1
        self._at: tuple[Step, int, int] = (Step.INITIAL_LOSS, 1, 1)
        self.journal(
            StudyOpened(name=name, script="train.py", settings={"script": "train.py"}),
            SupervisorStarted(pid=4242, slots=2),
        )

    def journal(self, *events: Event) -> None:
        self._append(self.folder.journal, "journal", events)

    def gpus(self, *readings: GpuReading) -> None:
        self.sample(GpusSampled(gpus=list(readings)))

    def sample(self, sampled: GpusSampled) -> None:
        self._append(self.folder.gpus, "gpus", [sampled])

    def enter(self, step: Step, round_: int = 1, attempt: int = 1) -> None:
        self._at = step, round_, attempt
        self.journal(StepEntered(step=step, round=round_, attempt=attempt))

    def start(self) -> None:
        step, round_, attempt = self._at
        self.journal(StepStarted(step=step, round=round_, attempt=attempt))

    def judge(
        self,
        verdict: Verdict,
        summary: str,
        *,
        findings: Sequence[Finding] = (),
        advice: Sequence[Advice] = (),
        best: TrialId | None = None,
    ) -> None:
        step, round_, attempt = self._at
        self.journal(
            VerdictReached(
                step=step,
                round=round_,
                attempt=attempt,
                verdict=verdict,
                summary=summary,
                findings=tuple(findings),
                advice=tuple(advice),
                best_trial=best,
            )
        )

    def queue(
        self, config: Config, limits: TrialLimits, resumes: TrialId | None = None
    ) -> TrialId:
        trial = TrialId(f"{self._next_trial:04d}")
        self._next_trial += 1
        step, round_, attempt = self._at
        self.journal(
            TrialQueued(
                trial=trial,
                step=step,
                round=round_,
                attempt=attempt,
                config=config,
                limits=limits,
                seed=0,
                resumes=resumes,
            )
        )
        self.folder.trial(trial).path.mkdir(parents=True, exist_ok=True)
        return trial

    def begin(
        self,
        trial: TrialId,
        *,
        layers: Sequence[str] = ("fc1.weight", "fc2.weight"),
        iterations_per_epoch: int = 12,
        device: str = "cpu",
        pid: int = 5000,
    ) -> None:
        self.state(
            trial,
            TrialStarted(
                trial=trial,
                pid=pid,
                start_ticks=1,
                boot_id="b",
                shim_pid=pid - 1,
                shim_start_ticks=1,
                device=device,
                threads=1,
                how="warm",
            ),
        )
        self.points(
            trial,
            TaskDescribed(
                trial=trial,
                loss=LossFacts(
                    name="CrossEntropyLoss", kind="cross_entropy", classes=10
                ),
                parameters=12345,
                layers=list(layers),
                train_samples=1437,
                val_samples=360,
                batch_size=128,
                iterations_per_epoch=iterations_per_epoch,
                metrics=["loss", "accuracy"],
            ),
        )

    def measure(
        self,
        trial: TrialId,
        iterations: Sequence[int],
        values: Mapping[str, Sequence[float]],
    ) -> None:
        columns = {name: to_column(np.array(v, float)) for name, v in values.items()}
        event = PointsMeasured(trial=trial, iteration=list(iterations), values=columns)
        self.points(trial, event)

    def end_epoch(self, trial: TrialId, epoch: int, iteration: int) -> None:
        self.points(trial, EpochEnded(trial=trial, epoch=epoch, iteration=iteration))

    def finish(
        self,
        trial: TrialId,
        outcome: OutcomeKind = OutcomeKind.COMPLETED,
        iteration: int = 0,
        message: str = "",
        traceback: str = "",
    ) -> None:
        self.points(
            trial,
            TrialFinished(
                trial=trial,
                outcome=outcome,
                iteration=iteration,
                message=message,
                traceback=traceback,
            ),
        )
        self.state(trial, TrialEnded(trial=trial, exit_code=int(bool(traceback))))

    def state(self, trial: TrialId, event: Event) -> None:
        self._append(self.folder.trial(trial).state, f"{trial}/state", [event])

    def points(self, trial: TrialId, event: Event) -> None:
        self._append(self.folder.trial(trial).points, f"{trial}/points", [event])

    def train(
        self,
        trial: TrialId,
        iterations: range,
        loss: Callable[[int], float],
        *,
        ratio: float = 1e-3,
        layers: Sequence[str] = ("fc1.weight", "fc2.weight"),
    ) -> None:
        """Measure loss, accuracy and update ratios over some iterations."""
        values = [loss(i) for i in iterations]
        accuracy = [math.exp(-v) if math.isfinite(v) else 0.1 for v in values]
        ratios = {
            f"update_ratio/{layer}": [ratio * 3.0**-index] * len(values)
            for index, layer in enumerate(layers)
        }
        self.measure(
            trial, iterations, {"loss": values, "accuracy": accuracy, **ratios}
        )

    def validate(self, trial: TrialId, iteration: int, epoch: int, loss: float) -> None:
        self.measure(
            trial, [iteration], {"val_loss": [loss], "val_accuracy": [math.exp(-loss)]}
        )
        self.end_epoch(trial, epoch, iteration)

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()

    def _append(self, path: Path, stream: str, events: Sequence[Event]) -> None:
        self.clock.now_s += 0.25
        if path not in self._writers:
            self._writers[path] = LogWriter(
                path, stream, self.clock, booted_at_s=Seconds(START_S)
            )
        self._writers[path].append(list(events))
