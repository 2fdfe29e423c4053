"""Looks for what could break a promise on this machine, and says what mends it."""

from tuitrain.doctor.check import Check, State
from tuitrain.doctor.examine import LOOKS, Group, Look, examine
from tuitrain.doctor.machine import Machine
from tuitrain.doctor.report import document, print_group, summarize

__all__ = [
    "LOOKS",
    "Check",
    "Group",
    "Look",
    "Machine",
    "State",
    "document",
    "examine",
    "print_group",
    "summarize",
]
