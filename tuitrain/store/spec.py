"""What a shim and a training process must know to run one trial: `trial.json`."""

from pathlib import Path
from typing import Final

import msgspec

from tuitrain.events import Config, Step, TrialId, TrialLimits
from tuitrain.store.failures import StoreError
from tuitrain.store.folder import write_atomically
from tuitrain.units import Seconds

TRIAL_VARIABLE: Final = "TUITRAIN_TRIAL"
"""Environment variable with the trial's folder, by which `tuitrain.init()` finds it, and
by which whatever the script started is known as the trial's."""


class TrialSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One trial, ready to be launched."""

    trial: TrialId
    study: str
    """Name of the study, for process titles."""
    script: str
    """Absolute path of the training script."""
    function: str | None = None
    """Name of the task function; None: the script has a loop of its own."""
    arguments: list[str] = []
    """Given to a script with a loop of its own, after its name; secrets redacted."""
    given: str | None = None
    """Absolute path of the file with the arguments as they were given; None: as above."""
    step: Step
    round: int = 1
    config: Config
    limits: TrialLimits
    seed: int = 0
    device: str = "cpu"
    """`cpu`, or the UUID of a GPU (`GPU-…`, `MIG-…`)."""
    threads: int = 1
    """CPU threads this trial may use."""
    umask: int | None = None
    """Of whoever asked for the study, whose supervisor has a private one: what the script
    writes elsewhere is for whom its author lets read it. None: that of its process."""
    socket: str | None = None
    """Path of the supervisor's socket; None: nobody listens."""
    booted_at_s: Seconds | None = None
    """What the logs of the study take for the beginning of this boot; see `LogWriter`."""
    resume_from: str | None = None
    """Absolute path of the checkpoint to carry on from; None: start anew."""
    metric: str | None = None
    """Validation series whose best epoch is kept in `best.pt`; None: none is kept."""
    highest: bool = True
    """Whether more of the metric is better."""
    probe_every: int = 20
    """Iterations between measurements of the update ratio."""
    probe_first: int = 20
    """The first so many iterations are all measured."""
    inspect: bool = True
    """Whether model and gradients are looked at for bugs in the first iterations."""
    inspect_data: bool = True
    """Whether samples are compared with each other, which all trials have in common."""


def write_spec(path: Path, spec: TrialSpec) -> None:
    """Write `spec` as JSON that a person can read.

    Raises:
        StoreError: The file can't be written.
    """
    text = msgspec.json.format(msgspec.json.encode(spec), indent=1)
    write_atomically(path, text + b"\n")


def read_spec(path: Path) -> TrialSpec:
    """Return what `write_spec` wrote.

    Raises:
        StoreError: There is no such file, or it holds something else.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=TrialSpec)
    except OSError as error:
        raise StoreError(f"{path}: can't be read ({error.strerror})") from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise StoreError(f"{path}: is no trial description ({error})") from None
