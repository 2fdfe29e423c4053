"""Advice of any step as new values in the plan."""

import pytest

from tuitrain.checklist import settings_from
from tuitrain.checklist.advised import plan_advice
from tuitrain.events import Step

SETTINGS = settings_from({"script": "train.py", "config": {"width": 64}})


@pytest.mark.parametrize(
    ("step", "change", "changes"),
    [
        (
            Step.OVERFIT_SMALL,
            {"lr": 1e-5},
            {"overfit_small": {"lrs": [0.1, 0.01, 1e-3, 1e-4, 1e-5]}},
        ),
        (
            Step.FIND_LR,
            {"lr": 3e-3},
            {"find_lr": {"lrs": [0.1, 0.01, 3e-3, 1e-3, 1e-4]}},
        ),
        (Step.FIND_LR, {"weight_decay": 1e-6}, {"find_lr": {"weight_decay": 1e-6}}),
        (
            Step.COARSE_GRID,
            {"lr": 0.1, "weight_decay": 1e-3, "epochs": 6},
            {
                "coarse_grid": {
                    "lr_factors": [10.0, 3.0, 1.0, pytest.approx(1 / 3)],
                    "weight_decays": [1e-3, 1e-4, 1e-5, 0.0],
                    "epochs": 6,
                }
            },
        ),
        (Step.REFINE_GRID, {"epochs": 30}, {"refine_grid": {"epochs": 30}}),
        (
            Step.FIND_LR,
            {"dropout": 0.3},
            {"config": {"width": 64, "dropout": 0.3}},
        ),
    ],
)
def test_a_value_joins_what_the_step_tries(step, change, changes):
    assert plan_advice(SETTINGS, step, change, 0.01) == changes


@pytest.mark.parametrize(
    ("step", "change"),
    [
        (Step.FIND_LR, {"lr": 0.01}),
        (Step.FIND_LR, {"epochs": 5}),
        (Step.INITIAL_LOSS, {"lr": 0.01}),
        (Step.COARSE_GRID, {"weight_decay": 1e-4}),
        (Step.FIND_LR, {"width": 64}),
    ],
)
def test_what_is_tried_already_or_has_no_place_changes_nothing(step, change):
    assert plan_advice(SETTINGS, step, change, 0.01) is None
