"""Changing the settings of a study under way: what is allowed, when, and in one line."""

import math
from typing import Any

import pytest

from tests.unit.checklist.walks import Walk
from tuitrain.checklist import (
    RefusedError,
    Settings,
    SettingsError,
    preview,
    settings_from,
    with_changes,
)
from tuitrain.commands import ChangeSettings, RunStep, StopStudy
from tuitrain.events import SettingsChanged, Step


def _change(walk: Walk, **settings: Any) -> Settings:
    (event,) = walk.command(ChangeSettings(settings=settings))
    assert isinstance(event, SettingsChanged)
    walk.settings = settings_from(event.settings)
    return walk.settings


def _waiting() -> Walk:
    walk = Walk(config={"dropout": 0.1}, devices={"slots": 2})
    walk.rest()
    return walk


def _running() -> Walk:
    walk = _waiting()
    walk.command(RunStep())
    walk.decide()
    return walk


def test_a_change_goes_into_its_section_and_leaves_the_rest():
    walk = _waiting()
    before = walk.settings
    after = _change(walk, find_lr={"lrs": [0.3, 0.03]}, seed=7)
    assert after.find_lr.lrs == (0.3, 0.03)
    assert after.find_lr.iterations == before.find_lr.iterations
    assert after.seed == 7
    assert after.config == {"dropout": 0.1}
    assert walk.model.settings["find_lr"]["lrs"] == [0.3, 0.03]


def test_none_takes_a_setting_back_to_its_default():
    assert _change(_waiting(), devices={"slots": None}).devices.slots is None


def test_the_plan_of_the_step_goes_by_the_change():
    walk = _waiting()
    assert len(preview(walk.model, walk.settings, Step.INITIAL_LOSS)) == 3
    _change(walk, initial_loss={"initializations": 5, "batches": 2})
    plans = preview(walk.model, walk.settings, Step.INITIAL_LOSS)
    assert [plan.limits.batches for plan in plans] == [2] * 5
    walk.command(RunStep())
    walk.decide()
    assert len(walk.trials(Step.INITIAL_LOSS)) == 5


@pytest.mark.parametrize(
    "settings",
    [
        {"initial_loss": {"batches": 9}},
        {"seed": 4},
        {"metric": "val_loss"},
        {"goal": "min"},
        {"config": {"dropout": 0.2}},
        # Step 1 builds its models with the lowest of these.
        {"find_lr": {"lrs": [1e-7]}},
    ],
    ids=str,
)
def test_the_plan_of_a_step_that_runs_is_kept(settings):
    walk = _running()
    with pytest.raises(RefusedError, match=r"step 1 \(initial loss\) is running"):
        walk.command(ChangeSettings(settings=settings))


@pytest.mark.parametrize(
    "settings",
    [{"coarse_grid": {"epochs": 9}}, {"devices": {"slots": 4}}, {"rounds": 2}],
    ids=str,
)
def test_what_does_not_concern_the_step_that_runs_may_change(settings):
    walk = _running()
    _change(walk, **settings)
    walk.rest()
    assert len(walk.trials(Step.INITIAL_LOSS)) == 3


def test_a_stopped_step_may_be_planned_anew():
    walk = _running()
    walk.command(StopStudy())
    assert _change(walk, initial_loss={"batches": 9}).initial_loss.batches == 9


@pytest.mark.parametrize(
    "settings",
    [{"script": "other.py"}, {"function": "other"}, {"arguments": ["--x"]}],
    ids=str,
)
def test_a_study_keeps_its_script(settings):
    with pytest.raises(RefusedError, match="keeps its script"):
        _waiting().command(ChangeSettings(settings=settings))


def test_what_changes_nothing_is_refused():
    with pytest.raises(RefusedError, match="nothing is changed"):
        _waiting().command(ChangeSettings(settings={"seed": 0, "find_lr": {}}))


DEEP: list[Any] = []
for _ in range(900):
    DEEP = [DEEP]

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"find_lr": {"lrs": []}}, "find_lr.lrs: is []; allowed: a list with at least one"),
    ({"find_lr": {"lrs": [1e-1, "x"]}}, "find_lr.lrs[1]: is 'x'; allowed: a number"),
    ({"find_lr": {"lrs": [math.nan]}}, "find_lr.lrs[0]: is nan; give a finite number"),
    ({"find_lr": {"lrs": [0.1] * 33}}, "allowed: a list of at most 32 values"),
    ({"find_lr": 3}, "find_lr: is 3; allowed: a section of its own"),
    ({"find_lr": None, "lr": 1}, "lr: there is no such setting"),
    ({"coarse_grid": {"epochs": 0}}, "coarse_grid.epochs: is 0; allowed: a whole"),
    ({"coarse_grid": {"epochs": 10**30}}, "allowed: a whole number of at most 1000000"),
    ({"initial_loss": {"initializations": 101}}, "a whole number of at most 100"),
    ({"seed": -1}, "seed: is -1; allowed: a whole number of at least 0"),
    ({"config": {"lr": 0.1}}, "config.lr: the steps choose it"),
    ({"config": {"x": DEEP}}, "config: is nested too deep"),
    ({"script": DEEP}, "script: is nested too deep"),
]


@pytest.mark.parametrize(("settings", "line"), WRONG, ids=[w[1] for w in WRONG])
def test_what_can_not_be_used_is_told_in_one_line(settings, line):
    with pytest.raises(SettingsError) as refusal:
        with_changes(_waiting().settings, settings)
    assert line in str(refusal.value)
    assert "\n" not in str(refusal.value)
