"""`study.toml` as text: explained at creation, a person's words kept when it changes."""

import tomllib
from typing import Any

import pytest

from tuitrain.checklist import (
    Settings,
    edit_settings,
    format_settings,
    settings_from,
    with_changes,
)

BY_HAND = """\
# my notes
script = "train.py"   # the good one
seed = 3

[find_lr]
lrs = [1.0, 0.1]
# a hundred is too few here
iterations = 300

[config] # fixed
dropout = 0.1
"""


def _read(text: str) -> Settings:
    return settings_from(tomllib.loads(text))


def _edit(text: str, **changes: Any) -> tuple[str, Settings]:
    wanted = with_changes(_read(text), changes)
    return edit_settings(text, wanted), wanted


def test_a_file_as_it_was_created_stays_explained():
    created = format_settings(Settings(script="train.py"))
    edited, wanted = _edit(created, devices={"slots": 3}, find_lr={"lrs": [0.5]})
    assert _read(edited) == wanted
    assert edited == format_settings(wanted)
    assert "# Step 3: find an LR" in edited
    assert "lrs = [0.5]" in edited
    assert "Not set: python." in edited


def test_what_a_person_wrote_beside_the_values_is_kept():
    edited, wanted = _edit(BY_HAND, find_lr={"lrs": [0.5, 0.05]}, seed=4)
    assert _read(edited) == wanted
    expected = BY_HAND.replace("[1.0, 0.1]", "[0.5, 0.05]").replace("= 3\n", "= 4\n")
    assert edited == expected


def test_what_is_new_comes_below_its_heading():
    edited, wanted = _edit(
        BY_HAND, metric="val_loss", find_lr={"weight_decay": 0.0}, rounds=2
    )
    assert _read(edited) == wanted
    assert "# my notes" in edited
    assert "[find_lr]\nweight_decay = 0.0\n" in edited


def test_a_section_that_is_not_there_is_added():
    edited, wanted = _edit(BY_HAND, coarse_grid={"epochs": 5, "lr_factors": [1.0]})
    assert _read(edited) == wanted
    assert edited.startswith(BY_HAND)


def test_a_default_that_comes_back_needs_no_line():
    edited, wanted = _edit(
        "script = 'x'\n[devices]\nslots = 2\n", devices={"slots": None}
    )
    assert _read(edited) == wanted
    assert "slots" not in edited


@pytest.mark.parametrize(
    "text",
    [
        "script = 'x'\nfind_lr = {lrs = [0.1]}\n",
        "script = 'x'\n[find_lr]\nlrs = [\n  0.1,\n]\n",
        "script = 'x'\nfind_lr.lrs = [0.1]\n",
        "script = 'x'\nconfig.note = '''\n[find_lr]\nlrs = 3\n'''\n",
    ],
)
def test_toml_written_in_other_ways_is_written_anew_rather_than_wrong(text):
    edited, wanted = _edit(text, find_lr={"lrs": [0.5]})
    assert _read(edited) == wanted


def test_a_file_that_can_not_be_read_is_written_anew():
    wanted = Settings(script="train.py", seed=5)
    assert _read(edit_settings("script = ", wanted)) == wanted
