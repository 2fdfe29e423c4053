"""A study without a screen: text, figures and the JSON document."""

from tuitrain.headless.outcome import ExitStatus
from tuitrain.headless.output import Look, Printer, find_look
from tuitrain.headless.printing import diagnose_headless, replay_headless
from tuitrain.headless.runner import HeadlessError, run_headless

__all__ = [
    "ExitStatus",
    "HeadlessError",
    "Look",
    "Printer",
    "diagnose_headless",
    "find_look",
    "replay_headless",
    "run_headless",
]
