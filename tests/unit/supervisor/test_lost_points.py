"""A command that needs points which the disk lost; the flow tests lose them by a verdict."""

import asyncio
import os
import shutil
from functools import partial
from pathlib import Path

import tomli_w

from tuitrain.commands import AcceptBest
from tuitrain.events import BestAccepted
from tuitrain.store import StudyFolder
from tuitrain.supervisor import conductor
from tuitrain.supervisor.daemon import Daemon
from tuitrain.supervisor.spill import SpillFile

STUDY = Path(__file__).parents[2] / "logs" / "digits_cnn"


def read_everything(daemon: Daemon) -> None:
    """Let a daemon that does not run know what the logs of its trials hold."""
    for trial in daemon._model.trials:
        daemon._conductor.remember(daemon._streams.read_state(trial))
        while bite := daemon._streams.read_points(trial):
            daemon._conductor.remember(bite)


def test_a_command_is_answered_once_lost_points_are_read_again(tmp_path, monkeypatch):
    small = partial(SpillFile, part_rows=4, least_free_bytes=0)
    monkeypatch.setattr(conductor, "SpillFile", small)
    folder = StudyFolder(Path(tmp_path) / "digits")
    shutil.copytree(STUDY, folder.path)
    folder.settings.write_text(tomli_w.dumps({"script": "train.py"}))
    daemon = Daemon(folder, Path(tmp_path) / "socket")
    read_everything(daemon)
    recorded = daemon._model.best
    assert isinstance(recorded, BestAccepted)
    spill = daemon._conductor._spill._descriptor
    assert spill is not None
    assert os.fstat(spill).st_size > 0
    os.ftruncate(spill, 0)
    command = AcceptBest(trial=recorded.trial)
    assert daemon.take_command(command) is None
    asyncio.run(daemon._past.read())
    answer = daemon.take_command(command)
    assert answer is not None
    assert answer.accepted, answer.message
    accepted = daemon._model.best
    assert isinstance(accepted, BestAccepted)
    assert accepted.metrics == recorded.metrics
    daemon._conductor.close()
