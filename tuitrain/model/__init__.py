"""What is true now: the fold of all events so far; series and their reduction."""

from tuitrain.model.company import sharing, successor, together
from tuitrain.model.fold import fold, fold_all
from tuitrain.model.gpu_history import GpuHistory
from tuitrain.model.lineage import best_of, lineage, whole_series
from tuitrain.model.recording import SCENES, Recording
from tuitrain.model.series import EMPTY_SERIES, ColumnExtents, Series
from tuitrain.model.spilled import Part, Spill, SpilledSeries, SpillError
from tuitrain.model.study_model import StepRun, StudyModel
from tuitrain.model.trial_model import TrialModel, TrialState

__all__ = [
    "EMPTY_SERIES",
    "SCENES",
    "ColumnExtents",
    "GpuHistory",
    "Part",
    "Recording",
    "Series",
    "Spill",
    "SpillError",
    "SpilledSeries",
    "StepRun",
    "StudyModel",
    "TrialModel",
    "TrialState",
    "best_of",
    "fold",
    "fold_all",
    "lineage",
    "sharing",
    "successor",
    "together",
    "whole_series",
]
