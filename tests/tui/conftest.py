"""A plain environment for every test of the screen."""

import pytest


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Either of these would change every picture."""
    for name in ("NO_COLOR", "TEXTUAL_THEME", "SSH_CONNECTION", "TEXTUAL_COLOR_SYSTEM"):
        monkeypatch.delenv(name, raising=False)
