"""Settings changed over the socket of a real supervisor."""

import tomllib

import pytest

from tests.flow.supervised import Supervised, running
from tests.flow.waiting import wait_for
from tuitrain.commands import ChangeSettings, RunStep
from tuitrain.events import SettingsChanged

pytestmark = [pytest.mark.flow, pytest.mark.usefixtures("standin")]


def test_a_plan_is_changed_before_its_step_runs_and_kept_while_it_does(
    supervised: Supervised,
) -> None:
    more = ChangeSettings(settings={"initial_loss": {"initializations": 2}})
    assert supervised.ask(more).accepted
    asked = tomllib.loads(supervised.folder.settings.read_text())
    assert asked["initial_loss"]["initializations"] == 2
    assert supervised.ask(RunStep()).accepted
    wait_for(lambda: running(supervised, 2), "both trials")

    other = ChangeSettings(settings={"initial_loss": {"initializations": 4}})
    refusal = supervised.ask(other)
    assert not refusal.accepted
    assert "initial_loss can be changed once it is judged" in refusal.message
    wrong = supervised.ask(ChangeSettings(settings={"find_lr": {"lrs": ["x"]}}))
    assert not wrong.accepted
    assert wrong.message == "find_lr.lrs[0]: is 'x'; allowed: a number"

    supervised.let_go()
    wait_for(lambda: supervised.verdict() is not None, "the verdict")
    events = [record.event for record in supervised.read()]
    (changed,) = [e for e in events if isinstance(e, SettingsChanged)]
    assert changed.settings["initial_loss"]["initializations"] == 2
    assert len(supervised.model().trials) == 2
