"""What holds for every test."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tuitrain.store import TRIAL_VARIABLE

# A busy machine must not fail a test: no law here is about time.
settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("untimed")

# Hundreds of processes are started here. Without their modules kept compiled, each of them
# compiles the whole program anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(autouse=True)
def no_trial_stays() -> Iterator[None]:
    """Forget the trial that a test became, as a process that ends does.

    Whatever is started later in this process would take itself for it.
    """
    yield
    os.environ.pop(TRIAL_VARIABLE, None)
