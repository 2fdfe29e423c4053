"""Logs on disk: where a study's files lie, append, tail, old versions."""

from tuitrain.store.append import LogWriter
from tuitrain.store.failures import StoreError
from tuitrain.store.folder import StudyFolder, TrialFolder, write_atomically
from tuitrain.store.follow import READ_BYTES, LogFollower, StreamDamage
from tuitrain.store.given import read_given, write_given
from tuitrain.store.redaction import REDACTED, is_redacted, redact
from tuitrain.store.sample import sample
from tuitrain.store.spec import TRIAL_VARIABLE, TrialSpec, read_spec, write_spec
from tuitrain.store.tail import read_last

__all__ = [
    "READ_BYTES",
    "REDACTED",
    "TRIAL_VARIABLE",
    "LogFollower",
    "LogWriter",
    "StoreError",
    "StreamDamage",
    "StudyFolder",
    "TrialFolder",
    "TrialSpec",
    "is_redacted",
    "read_given",
    "read_last",
    "read_spec",
    "redact",
    "sample",
    "write_atomically",
    "write_given",
    "write_spec",
]
