"""Where everything of a study lies; paths only, apart from making folders."""

import os
from pathlib import Path

import msgspec

from tuitrain.events import TrialId
from tuitrain.store.failures import StoreError

PRIVATE_FOLDER = 0o700
"""Mode of folders: logs may hold what a script prints, so they are their owner's."""
PRIVATE_FILE = 0o600
"""Mode of files, for the same reason."""


class TrialFolder(msgspec.Struct, frozen=True):
    """The files of one trial."""

    path: Path

    @property
    def trial(self) -> TrialId:
        """The trial's id, which is the folder's name."""
        return TrialId(self.path.name)

    @property
    def spec(self) -> Path:
        """Configuration, limits, step, round, seed, device; written by the supervisor."""
        return self.path / "trial.json"

    @property
    def points(self) -> Path:
        """Written by the training process."""
        return self.path / "points.jsonl"

    @property
    def state(self) -> Path:
        """Written by the shim."""
        return self.path / "state.jsonl"

    @property
    def out(self) -> Path:
        """Standard output and error of the training process."""
        return self.path / "out.log"

    @property
    def checkpoint(self) -> Path:
        """State of model, optimizer and data order after the last complete epoch."""
        return self.path / "checkpoint.pt"

    @property
    def best_checkpoint(self) -> Path:
        """The same after the epoch with the best validation value of this trial."""
        return self.path / "best.pt"


class StudyFolder(msgspec.Struct, frozen=True):
    """The files of one study."""

    path: Path

    @property
    def name(self) -> str:
        """The study's name, which is the folder's."""
        return self.path.resolve().name

    @property
    def settings(self) -> Path:
        """What was asked: script, search space, budgets, metric, devices, seed."""
        return self.path / "study.toml"

    @property
    def journal(self) -> Path:
        """What was decided, in order; written by the supervisor."""
        return self.path / "journal.jsonl"

    @property
    def gpus(self) -> Path:
        """GPU readings; written by the GPU sampler."""
        return self.path / "gpus.jsonl"

    @property
    def best(self) -> Path:
        """The accepted configuration."""
        return self.path / "best.json"

    @property
    def supervisor(self) -> Path:
        """Who supervises the study and where its socket is; written by the supervisor."""
        return self.path / "supervisor.json"

    @property
    def supervisor_log(self) -> Path:
        """Standard streams of the supervisor."""
        return self.path / "supervisor.log"

    @property
    def trials(self) -> Path:
        """One folder a trial."""
        return self.path / "trials"

    def trial(self, trial: TrialId) -> TrialFolder:
        """Return the folder of `trial`, whether it exists or not."""
        return TrialFolder(self.trials / trial)

    def list_trials(self) -> list[TrialFolder]:
        """Return the folders of all trials, in the order of their ids.

        Raises:
            StoreError: They can't be looked at.
        """
        try:
            names = [entry.name for entry in os.scandir(self.trials) if entry.is_dir()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise StoreError(
                f"{self.trials}: can't be read ({error.strerror})"
            ) from None
        return [
            TrialFolder(self.trials / name)
            for name in sorted(names, key=lambda n: (len(n), n))
        ]

    def create(self) -> None:
        """Make the folder, private to its owner.

        Raises:
            StoreError: It can't be made or written to.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # One by one: the mode given with `parents` is that of the last one only.
            for folder in (self.path, self.trials):
                folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"{self.path}: the study folder can't be written ({error.strerror}); "
                "choose another with --study DIR"
            ) from None
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise StoreError(
                f"{self.path}: the study folder can't be written (Permission denied); "
                "choose another with --study DIR"
            )


def write_atomically(path: Path, content: bytes) -> None:
    """Replace `path` by a whole new file, never a half-written one.

    Raises:
        StoreError: It can't be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StoreError(f"{path}: can't be written ({error.strerror})") from None
