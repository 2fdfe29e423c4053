"""Trials that share a GPU and run out of its memory; the GPU and its refusal are played."""

import os
from pathlib import Path

import pytest

from tests.crowding import STANDING_IN, assert_uncrowded, walk_crowded
from tuitrain.study import Study

pytestmark = [pytest.mark.flow, pytest.mark.timeout(500)]

ONE_GPU = Path(__file__).with_name("one_gpu")
"""On the `PYTHONPATH` of a process, this stands in for the driver; see there."""


def test_fewer_trials_share_the_gpu_and_the_one_that_ran_out_is_tried_again(tmp_path):
    known = os.environ.get("PYTHONPATH", "")
    path = os.pathsep.join(filter(None, [str(ONE_GPU), known]))
    told, document, model = walk_crowded(tmp_path, STANDING_IN, PYTHONPATH=path)
    assert_uncrowded(tmp_path, told, model)
    # What was made good is no blot on the step, but stays to be read with its trial.
    (step,) = document["steps"]
    assert step["verdict"] == "pass"
    assert "out_of_memory" not in {f["kind"] for f in step["findings"]}
    (dead,) = [t for t in document["trials"] if t["state"] == "failed"]
    (finding,) = [f for f in dead["findings"] if f["kind"] == "out_of_memory"]
    assert finding["evidence"]["trials_on_device"] == 2
    assert finding["evidence"]["asked_gib"] == 64
    assert finding["advice"][0].startswith("Run fewer trials on each GPU")
    shown = {view.trial: view.reason for view in Study(model).trials}
    assert shown[dead["id"]].startswith("carried on as ")
