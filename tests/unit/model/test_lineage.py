"""Trajectories over several trials."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.model.test_spilled import Shelf
from tuitrain.events import TrialId
from tuitrain.model import (
    EMPTY_SERIES,
    SpilledSeries,
    StudyModel,
    TrialModel,
    best_of,
    whole_series,
)

VALUES = st.lists(st.sampled_from([0.0, 1.0, 1.0, 2.0, math.nan]), max_size=20)


@pytest.mark.parametrize("is_spilled", [False, True])
@given(parts=st.lists(st.tuples(st.integers(1, 30), VALUES), min_size=1, max_size=4))
def test_the_best_of_a_trajectory_is_that_of_its_whole_series(is_spilled, parts):
    """Parts overlap where a trial died after the checkpoint it is carried on from."""
    blank = SpilledSeries(Shelf(part_rows=3)) if is_spilled else EMPTY_SERIES
    trials: dict[TrialId, TrialModel] = {}
    before: TrialId | None = None
    for first, values in parts:
        name = TrialId(f"{len(trials) + 1:04d}")
        iterations = np.arange(first, first + len(values))
        loss = blank.append(iterations, np.array(values, dtype=np.float64))
        trials[name] = TrialModel(trial=name, resumes=before, series={"loss": loss})
        before = name
    model = StudyModel(trials=trials)
    for name in trials:
        for highest in (True, False):
            whole = whole_series(model, name, "loss")
            expected = whole.best(highest=highest)
            assert best_of(model, name, "loss", highest=highest) == expected
