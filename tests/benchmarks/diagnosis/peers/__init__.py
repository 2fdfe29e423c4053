"""Published rules and thresholds, written anew, to be scored on the runs our judge sees.

Our own ports, never the products, each in its most favourable reading: where a rule can
be read in several ways, the one with fewer false alarms is taken, and said in its file.
"""

from typing import Final

from tests.benchmarks.diagnosis.peers.autotrainer import AutoTrainer
from tests.benchmarks.diagnosis.peers.bttackler import BTTackler, best_decile
from tests.benchmarks.diagnosis.peers.constant import AlwaysAlarm, NeverAlarm
from tests.benchmarks.diagnosis.peers.contract import (
    Alarm,
    Numbers,
    Port,
    Readings,
    RunView,
)
from tests.benchmarks.diagnosis.peers.early_stopping import EarlyStopping
from tests.benchmarks.diagnosis.peers.kinds import PEER_KINDS
from tests.benchmarks.diagnosis.peers.sagemaker import SageMaker
from tests.benchmarks.diagnosis.peers.umlaut import Umlaut

ALL_PORTS: Final[tuple[Port, ...]] = (
    SageMaker(),
    SageMaker(name="SageMaker Debugger (port), tensor rules", tensors_only=True),
    AutoTrainer(),
    BTTackler(),
    Umlaut(),
    EarlyStopping(patience=3),
    EarlyStopping(patience=5),
    AlwaysAlarm(),
    NeverAlarm(),
)
"""`BTTackler()` has no cohort here: make one with `best_decile(cohort)` where there is."""

__all__ = [
    "ALL_PORTS",
    "PEER_KINDS",
    "Alarm",
    "AlwaysAlarm",
    "AutoTrainer",
    "BTTackler",
    "EarlyStopping",
    "NeverAlarm",
    "Numbers",
    "Port",
    "Readings",
    "RunView",
    "SageMaker",
    "Umlaut",
    "best_decile",
]
