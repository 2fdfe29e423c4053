"""What holds for every test."""

import os

from hypothesis import HealthCheck, settings

# A busy machine must not fail a test: no law here is about time.
settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("untimed")

# Hundreds of processes are started here. Without their modules kept compiled, each of them
# compiles the whole program anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
