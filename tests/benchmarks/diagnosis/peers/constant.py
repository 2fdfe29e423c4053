"""The two ends of every scale: always alarm, never alarm."""

from dataclasses import dataclass

from tests.benchmarks.diagnosis.peers.contract import Alarm, RunView
from tests.benchmarks.diagnosis.peers.kinds import alarm


@dataclass(frozen=True)
class AlwaysAlarm:
    """Finds every fault, and one in every healthy run."""

    name: str = "always alarm"
    source: str = "a baseline"

    def alarms(self, view: RunView) -> list[Alarm]:
        """Return the one alarm."""
        return [alarm("always", "always")]


@dataclass(frozen=True)
class NeverAlarm:
    """Accuses no healthy run, and finds nothing."""

    name: str = "never alarm"
    source: str = "a baseline"

    def alarms(self, view: RunView) -> list[Alarm]:
        """Return nothing."""
        return []
