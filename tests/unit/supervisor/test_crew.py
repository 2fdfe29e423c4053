"""What a crew makes of a study, with a fake launcher; no process is started."""

import signal
from pathlib import Path

import pytest

from tuitrain.checklist import settings_from
from tuitrain.events import (
    CheckpointSaved,
    Event,
    OutcomeKind,
    Record,
    Step,
    StudyEnded,
    TrialEnded,
    TrialFinished,
    TrialId,
    TrialLimits,
    TrialLost,
    TrialQueued,
    TrialStarted,
    TrialStopRequested,
)
from tuitrain.launch import ExitStatus, Launched, LaunchNews, ProcessIdentity, Unusable
from tuitrain.model import StudyModel, fold
from tuitrain.store import StudyFolder, TrialFolder, TrialSpec, read_spec
from tuitrain.supervisor.arguments import KeptArguments
from tuitrain.supervisor.crew import FORCE_S, MAX_LAUNCHES, OF_ANOTHER, Crew
from tuitrain.supervisor.slots import Slots
from tuitrain.units import Seconds

SETTINGS = settings_from({"script": "/x/train.py", "probes": {"every": 7}})
GONE = ProcessIdentity(2**22 + 1, 1, "no boot")


class FakeLauncher:
    """Stand-in for `Launcher`: remembers what was asked, and is told the rest."""

    def __init__(self) -> None:
        self.launched: list[TrialId] = []
        self.waiting: set[TrialId] = set()
        self.news: list[LaunchNews] = []
        self.alive: set[TrialId] = set()
        self.ended: list[tuple[TrialId, bool]] = []
        self.exits: dict[TrialId, ExitStatus] = {}
        self.swept: list[TrialId] = []

    def launch(self, spec: TrialSpec, _folder: TrialFolder) -> None:
        self.launched.append(spec.trial)
        self.waiting.add(spec.trial)

    def is_waiting(self, trial: TrialId) -> bool:
        return trial in self.waiting

    def poll(self) -> list[LaunchNews]:
        news, self.news = self.news, []
        return news

    def is_alive(self, started: TrialStarted) -> bool:
        return started.trial in self.alive

    def terminate(self, started: TrialStarted, *, force: bool = False) -> bool:
        self.ended.append((started.trial, force))
        return True

    def find_exit(self, started: TrialStarted) -> ExitStatus | None:
        return self.exits.get(started.trial)

    def sweep(self, started: TrialStarted, _folder: TrialFolder) -> None:
        self.swept.append(started.trial)

    def forget(self, _trial: TrialId) -> None:
        return

    def lose_shim(self, trial: TrialId) -> None:
        self.waiting.discard(trial)
        self.news.append(Launched(trial, GONE))


class HandClock:
    """A clock set by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def wall_s(self) -> Seconds:
        return Seconds(self.now_s)

    def mono_s(self) -> Seconds:
        return Seconds(self.now_s)


class Scene:
    """A crew, its fake launcher, and the study they work on."""

    def __init__(self, path: Path, *, is_copy: bool = False) -> None:
        self.folder = StudyFolder(path)
        self.launcher = FakeLauncher()
        self.clock = HandClock()
        self.crew = Crew(
            self.folder,
            self.launcher,  # type: ignore[arg-type]
            Path("/run/s.sock"),
            KeptArguments(self.folder, Path("/run/s.sock")),
            Seconds(0.0),
            self.clock,
            is_copy=is_copy,
        )
        self.model = StudyModel()

    def tell(self, *events: Event) -> None:
        for event in events:
            record = Record(seq=0, at_s=Seconds(0), mono_s=Seconds(0), event=event)
            self.model = fold(self.model, record)

    def review(self) -> list[Event]:
        events = self.crew.review(self.model)
        self.tell(*events)
        return events

    def launch(self, slots: int = 2) -> None:
        self.crew.launch(self.model, SETTINGS, Slots((), slots, threads=3))


@pytest.fixture
def scene(tmp_path) -> Scene:
    return Scene(Path(tmp_path) / "digits")


def queued(number: int, resumes: TrialId | None = None) -> TrialQueued:
    return TrialQueued(
        trial=TrialId(f"{number:04d}"),
        step=Step.REFINE_GRID,
        round=2,
        attempt=1,
        config={"lr": 0.1, "weight_decay": 0.0},
        limits=TrialLimits(epochs=3),
        seed=5,
        resumes=resumes,
    )


def started(number: int) -> TrialStarted:
    return TrialStarted(
        trial=TrialId(f"{number:04d}"),
        pid=1,
        start_ticks=1,
        boot_id="b",
        shim_pid=2,
        shim_start_ticks=2,
        device="cpu",
        threads=1,
        how="warm",
    )


ONE = TrialId("0001")


def test_trials_are_launched_in_order_while_there_is_room(scene):
    scene.tell(queued(1), queued(2), queued(3))
    scene.launch(slots=2)
    scene.launch(slots=2)
    assert scene.launcher.launched == ["0001", "0002"]
    scene.tell(started(1), TrialEnded(trial=ONE, exit_code=0))
    scene.review()
    scene.launch(slots=2)
    assert scene.launcher.launched == ["0001", "0002", "0003"]


def test_a_trial_is_fully_described_before_it_is_launched(scene):
    scene.tell(queued(1), CheckpointSaved(trial=ONE, iteration=9, epoch=3, path="c.pt"))
    scene.tell(queued(2, resumes=ONE))
    scene.launch()
    spec = read_spec(scene.folder.trial(TrialId("0002")).spec)
    assert spec.resume_from == str(scene.folder.trial(ONE).path / "c.pt")
    assert (spec.study, spec.script, spec.function) == ("digits", "/x/train.py", None)
    assert (spec.step, spec.round, spec.seed) == (Step.REFINE_GRID, 2, 5)
    assert (spec.device, spec.threads, spec.socket) == ("cpu", 3, "/run/s.sock")
    assert (spec.probe_every, spec.probe_first) == (7, 20)
    assert read_spec(scene.folder.trial(ONE).spec).resume_from is None


def test_nothing_is_launched_in_a_study_that_ended(scene):
    scene.tell(queued(1), StudyEnded(state="stopped"))
    scene.launch()
    assert scene.launcher.launched == []
    assert scene.review() == [
        TrialStopRequested(trial=ONE, reason="the study ended before it"),
        TrialEnded(trial=ONE),
    ]
    assert scene.review() == []


def test_a_trial_whose_shim_always_dies_is_given_up_with_where_to_look(scene):
    scene.tell(queued(1))
    verdicts = []
    for _ in range(MAX_LAUNCHES):
        scene.launch()
        scene.launcher.lose_shim(ONE)
        # Found dead once, its log is read once more before it counts.
        assert scene.review() == []
        verdicts.append(scene.review())
    assert scene.launcher.launched == [ONE] * MAX_LAUNCHES
    assert verdicts[:-1] == [[]] * (MAX_LAUNCHES - 1)
    (lost,) = verdicts[-1]
    assert isinstance(lost, TrialLost)
    assert str(scene.folder.trial(ONE).out) in lost.reason


def test_a_shim_that_was_gone_before_it_could_be_named_counts_as_dead(scene):
    scene.tell(queued(1))
    scene.launch()
    scene.launcher.waiting.discard(ONE)
    scene.launcher.news.append(Launched(ONE, None))
    scene.review()
    scene.review()
    scene.launch()
    assert scene.launcher.launched == [ONE, ONE]


def test_a_launch_that_still_waits_for_torch_is_left_alone(scene):
    scene.tell(queued(1))
    scene.launch()
    assert [scene.review() for _ in range(3)] == [[], [], []]
    assert scene.launcher.launched == [ONE]


def test_a_machine_that_can_train_nothing_ends_the_study(scene):
    scene.launcher.news.append(Unusable("torch is not installed"))
    assert scene.review() == [
        StudyEnded(state="rejected", message="torch is not installed")
    ]


def test_a_running_trial_is_asked_to_stop_once_and_forced_later(scene):
    scene.tell(queued(1), started(1))
    scene.launcher.alive.add(ONE)
    scene.review()
    assert scene.launcher.ended == []
    scene.tell(TrialStopRequested(trial=ONE, reason="by a person"))
    scene.review()
    scene.review()
    assert scene.launcher.ended == [(ONE, False)]
    scene.clock.now_s += FORCE_S + 1
    scene.review()
    assert scene.launcher.ended == [(ONE, False), (ONE, True)]


def test_a_trial_gone_without_a_word_is_lost_at_the_second_look(scene):
    scene.tell(queued(1), started(1))
    assert scene.review() == []
    (lost,) = scene.review()
    assert isinstance(lost, TrialLost)


def test_an_end_on_record_after_the_first_look_counts(scene):
    scene.tell(queued(1), started(1))
    assert scene.review() == []
    scene.tell(TrialEnded(trial=ONE, exit_code=0))
    assert scene.review() == []


def test_a_last_word_counts_where_the_shim_can_not_tell(scene):
    scene.tell(queued(1), started(1))
    scene.tell(TrialFinished(trial=ONE, outcome=OutcomeKind.COMPLETED, iteration=9))
    scene.review()
    assert scene.review() == [TrialEnded(trial=ONE)]


def test_a_stop_reaches_a_shim_that_has_not_begun(scene):
    class Shim:
        sent: list[signal.Signals] = []

        def is_alive(self) -> bool:
            return True

        def send(self, number: signal.Signals) -> bool:
            self.sent.append(number)
            return True

    scene.tell(queued(1))
    scene.launch()
    scene.launcher.waiting.discard(ONE)
    scene.launcher.news.append(Launched(ONE, Shim()))  # type: ignore[arg-type]
    scene.tell(TrialStopRequested(trial=ONE, reason="by a person"))
    assert scene.review() == []
    assert scene.review() == []
    assert Shim.sent == [signal.SIGTERM]


def test_living_trials_are_those_that_run_or_wait(scene):
    scene.tell(queued(1), queued(2), started(1))
    assert scene.crew.count_living(scene.model) == 2
    scene.tell(TrialEnded(trial=ONE, exit_code=0))
    assert scene.crew.count_living(scene.model) == 1


def test_a_trial_whose_shim_is_gone_ends_as_the_kernel_saw_it_and_is_swept(scene):
    scene.tell(queued(1), started(1))
    scene.launcher.exits[ONE] = ExitStatus(7, None)
    assert scene.review() == []
    assert scene.review() == [TrialEnded(trial=ONE, exit_code=7)]
    assert scene.launcher.swept == [ONE]


def test_a_copied_study_leaves_the_trials_of_the_other_one_alone(tmp_path):
    scene = Scene(Path(tmp_path) / "copied", is_copy=True)
    scene.tell(queued(1), started(1))
    scene.launcher.alive.add(TrialId("0001"))
    scene.tell(TrialStopRequested(trial=TrialId("0001"), reason="stopped by a person"))
    (lost,) = scene.review()
    assert lost == TrialLost(trial=TrialId("0001"), reason=OF_ANOTHER)
    assert scene.launcher.ended == []
    assert scene.launcher.swept == []


def test_a_copied_study_keeps_the_trials_that_it_starts_itself(tmp_path):
    scene = Scene(Path(tmp_path) / "copied", is_copy=True)
    scene.tell(queued(1))
    scene.launch()
    scene.tell(started(1))
    scene.launcher.alive.add(TrialId("0001"))
    assert scene.review() == []
