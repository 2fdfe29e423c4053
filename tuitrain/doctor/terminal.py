"""What the screen meets: character set, terminal, size, and what is in between."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TextIO

from tuitrain.doctor.check import Check, fine, warning

LOCALE: Final = "locale"
TERMINAL: Final = "terminal"
SIZE: Final = "terminal size"
COLOURS: Final = "colours"
BETWEEN: Final = "in between"

LEAST_COLUMNS: Final = 80
LEAST_LINES: Final = 24


@dataclass(frozen=True, kw_only=True)
class TerminalFacts:
    """The terminal as the environment and the kernel tell of it."""

    locale: str = ""
    """The variable that decides, as `NAME=value`; empty: none is set."""
    encoding: str = "utf-8"
    """Of standard output."""
    term: str = ""
    colorterm: str = ""
    size: tuple[int, int] | None = None
    """Columns and lines; None: no stream of this process is a terminal."""
    multiplexer: str = ""
    is_over_ssh: bool = False
    has_no_color: bool = False

    @property
    def is_utf8(self) -> bool:
        """Whether braille and lines can be written."""
        return self.encoding.lower().replace("_", "-") in ("utf-8", "utf8")


def read_terminal(environ: Mapping[str, str]) -> TerminalFacts:
    """Return what this process is shown on."""
    names = ("LC_ALL", "LC_CTYPE", "LANG")
    decisive = next((name for name in names if environ.get(name)), None)
    return TerminalFacts(
        locale=f"{decisive}={environ[decisive]}" if decisive else "",
        encoding=sys.stdout.encoding or "ascii",
        term=environ.get("TERM", ""),
        colorterm=environ.get("COLORTERM", ""),
        size=_read_size((sys.__stdout__, sys.__stderr__, sys.__stdin__)),
        multiplexer=_find_multiplexer(environ),
        is_over_ssh=any(
            name in environ for name in ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY")
        ),
        has_no_color="NO_COLOR" in environ,
    )


def judge_terminal(facts: TerminalFacts) -> list[Check]:
    """Say what the screen will look like."""
    checks = [_judge_locale(facts)]
    if facts.size is None:
        told = "none here: commands print; the screen needs one (ssh -t for ssh HOST)"
        checks.append(fine(TERMINAL, told))
    else:
        checks += [_judge_term(facts), _judge_size(*facts.size), _judge_colours(facts)]
    between = [facts.multiplexer, "SSH" if facts.is_over_ssh else ""]
    told = " and ".join(filter(None, between))
    return [*checks, fine(BETWEEN, told or "nothing: no SSH, no tmux or screen")]


def _judge_locale(facts: TerminalFacts) -> Check:
    named = facts.locale or "no locale is set"
    if facts.is_utf8:
        return fine(LOCALE, f"{named}, output in UTF-8")
    found = (
        f"{named}, output in {facts.encoding}: curves and frames are drawn in ASCII, "
        "other characters become ?"
    )
    return warning(LOCALE, found, "export LC_ALL=C.UTF-8 (and unset PYTHONIOENCODING)")


def _judge_term(facts: TerminalFacts) -> Check:
    if facts.term in ("", "dumb", "unknown"):
        found = f"TERM={facts.term or '(not set)'}: the screen can't be drawn well"
        return warning(TERMINAL, found, "export TERM=xterm-256color")
    return fine(TERMINAL, f"TERM={facts.term}")


def _judge_size(columns: int, lines: int) -> Check:
    shown = f"{columns}x{lines}"
    if columns >= LEAST_COLUMNS and lines >= LEAST_LINES:
        return fine(SIZE, shown)
    least = f"{LEAST_COLUMNS}x{LEAST_LINES}"
    if columns == 0 or lines == 0:
        found = "the terminal does not tell its size"
        return warning(SIZE, found, f"stty cols {LEAST_COLUMNS} rows {LEAST_LINES}")
    return warning(SIZE, f"{shown} is too small, less than {least}", "make it larger")


def _judge_colours(facts: TerminalFacts) -> Check:
    if facts.has_no_color:
        return fine(COLOURS, "NO_COLOR is set: none are used")
    if facts.colorterm in ("truecolor", "24bit"):
        return fine(COLOURS, f"COLORTERM={facts.colorterm}: all")
    if "256color" in facts.term:
        return fine(COLOURS, "256")
    return fine(COLOURS, "those of the terminal's own palette")


def _read_size(streams: tuple[TextIO | None, ...]) -> tuple[int, int] | None:
    for stream in streams:
        if stream is None or stream.closed or not stream.isatty():
            continue
        try:
            size = os.get_terminal_size(stream.fileno())
        except (OSError, ValueError):
            continue
        return size.columns, size.lines
    return None


def _find_multiplexer(environ: Mapping[str, str]) -> str:
    if environ.get("TMUX"):
        return "tmux"
    if environ.get("STY"):
        return "GNU screen"
    return "zellij" if environ.get("ZELLIJ") else ""
