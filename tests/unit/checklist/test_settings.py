"""Settings: defaults, round trip, and one clear line for everything wrong."""

import tomllib

import pytest
import tomli_w

from tuitrain.checklist import SettingsError, settings_from, settings_to

DEFAULTS = settings_from({"script": "train.py"})


def test_the_defaults_are_those_of_the_recipe():
    assert (DEFAULTS.initial_loss.batches, DEFAULTS.initial_loss.initializations) == (
        5,
        3,
    )
    assert DEFAULTS.overfit_small.batches == 8
    assert list(DEFAULTS.overfit_small.lrs) == [1e-1, 1e-2, 1e-3, 1e-4]
    assert DEFAULTS.overfit_small.iterations == 500
    assert (DEFAULTS.find_lr.weight_decay, DEFAULTS.find_lr.iterations) == (1e-4, 100)
    assert list(DEFAULTS.coarse_grid.lr_factors) == [1 / 3, 1.0, 3.0]
    assert list(DEFAULTS.coarse_grid.weight_decays) == [1e-4, 1e-5, 0.0]
    assert (DEFAULTS.coarse_grid.epochs, DEFAULTS.refine_grid.epochs) == (3, 15)
    assert DEFAULTS.refine_grid.best == 2


def test_settings_survive_a_toml_file():
    settings = settings_from(
        {
            "script": "train.py",
            "function": "task",
            "seed": 7,
            "config": {"dropout": 0.2, "name": "wide", "bias": True},
            "devices": {"slots": 2, "gpus": [0, "GPU-1"]},
        }
    )
    text = tomli_w.dumps(settings_to(settings))
    assert settings_from(tomllib.loads(text)) == settings
    assert (
        settings_from(tomllib.loads(tomli_w.dumps(settings_to(DEFAULTS)))) == DEFAULTS
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "script: is missing"),
        ({"script": ""}, "script: is empty; give the path of a training script"),
        ({"script": 3}, "script: is 3; allowed: text in quotes"),
        (
            {"script": "a", "initial_loss": {"batches": 0}},
            "initial_loss.batches: is 0; allowed: a whole number of at least 1",
        ),
        (
            {"script": "a", "initial_loss": {"batchs": 1}},
            "initial_loss.batchs: there is no such setting; allowed here: "
            "batches, initializations",
        ),
        (
            {"script": "a", "find_lr": {"lrs": []}},
            "find_lr.lrs: is []; allowed: a list with at least one value",
        ),
        (
            {"script": "a", "find_lr": {"lrs": [0.1, -1]}},
            "find_lr.lrs[1]: is -1; allowed: a number above 0",
        ),
        (
            {"script": "a", "coarse_grid": {"weight_decays": [-1e-4]}},
            "coarse_grid.weight_decays[0]: is -0.0001; allowed: a number of at least 0",
        ),
        (
            {"script": "a", "find_lr": {"lrs": [float("nan")]}},
            "find_lr.lrs[0]: is nan; give a finite number",
        ),
        (
            {"script": "a", "find_lr": {"lrs": "1e-3"}},
            "find_lr.lrs: is '1e-3'; allowed: a list",
        ),
        (
            {"script": "a", "goal": "up"},
            'goal: is \'up\'; allowed: "auto", "max" or "min"',
        ),
        (
            {"script": "a", "devices": {"gpus": "all"}},
            'devices.gpus: is \'all\'; allowed: "auto", "none", or a list of indices '
            "or UUIDs",
        ),
        (
            {"script": "a", "config": {"sizes": [1, 2]}},
            "config.sizes: is [1, 2]; allowed: a number, text or true or false",
        ),
        (
            {"script": "a", "initial_loss": 3},
            "initial_loss: is 3; allowed: a section of its own",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(data, message):
    with pytest.raises(SettingsError) as caught:
        settings_from(data)
    assert str(caught.value) == message


def test_a_typing_error_at_the_top_lists_what_there_is():
    with pytest.raises(
        SettingsError, match=r"^sede: there is no such setting.* seed, "
    ):
        settings_from({"script": "a", "sede": 1})


@pytest.mark.parametrize("name", ["lr", "weight_decay", "epochs"])
def test_a_value_the_steps_choose_cannot_be_fixed(name):
    with pytest.raises(SettingsError, match=rf"^config\.{name}: the steps choose it"):
        settings_from({"script": "a", "config": {name: 0.1}})
