"""Which tuitrain and which Python this is."""

import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import tuitrain
from tuitrain.doctor.check import Check, fine

TUITRAIN: Final = "tuitrain"
PYTHON: Final = "Python"


@dataclass(frozen=True, kw_only=True)
class VersionFacts:
    """What runs here."""

    tuitrain: str
    folder: Path
    python: str
    interpreter: str
    system: str


def read_versions() -> VersionFacts:
    """Return what runs here."""
    return VersionFacts(
        tuitrain=tuitrain.__version__,
        folder=Path(tuitrain.__file__).parent,
        python=platform.python_version(),
        interpreter=sys.executable,
        system=f"{platform.system()} {platform.machine()}",
    )


def judge_versions(facts: VersionFacts) -> list[Check]:
    """Say what runs here; a Python that is too old does not come this far."""
    return [
        fine(TUITRAIN, f"{facts.tuitrain} in {facts.folder}"),
        fine(PYTHON, f"{facts.python} in {facts.interpreter}, {facts.system}"),
    ]
