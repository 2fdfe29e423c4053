"""What the screen meets, and how the report is written."""

import io

import pytest

from tuitrain.doctor.check import State, broken, fine, unknown, warning
from tuitrain.doctor.examine import Group
from tuitrain.doctor.report import document, print_group, summarize, write_check
from tuitrain.doctor.terminal import (
    BETWEEN,
    COLOURS,
    LOCALE,
    SIZE,
    TERMINAL,
    TerminalFacts,
    judge_terminal,
    read_terminal,
)
from tuitrain.doctor.versions import judge_versions, read_versions
from tuitrain.headless import Look, Printer

WIDE = (120, 36)


@pytest.mark.parametrize(
    ("name", "facts", "state", "words"),
    [
        (LOCALE, {}, State.FINE, "UTF-8"),
        (LOCALE, {"encoding": "ascii"}, State.WARNING, "ASCII"),
        (LOCALE, {"encoding": "iso8859-1"}, State.WARNING, "iso8859-1"),
        (TERMINAL, {}, State.FINE, "none here"),
        (TERMINAL, {"size": WIDE, "term": "xterm"}, State.FINE, "xterm"),
        (TERMINAL, {"size": WIDE, "term": "dumb"}, State.WARNING, "dumb"),
        (TERMINAL, {"size": WIDE, "term": ""}, State.WARNING, "not set"),
        (SIZE, {"size": (80, 24)}, State.FINE, "80x24"),
        (SIZE, {"size": (79, 24)}, State.WARNING, "79x24"),
        (SIZE, {"size": (80, 23)}, State.WARNING, "80x23"),
        (SIZE, {"size": (0, 0)}, State.WARNING, "does not tell"),
        (COLOURS, {"size": WIDE, "has_no_color": True}, State.FINE, "NO_COLOR"),
        (COLOURS, {"size": WIDE, "colorterm": "truecolor"}, State.FINE, "truecolor"),
        (COLOURS, {"size": WIDE, "term": "xterm-256color"}, State.FINE, "256"),
        (COLOURS, {"size": WIDE, "term": "linux"}, State.FINE, "palette"),
        (BETWEEN, {}, State.FINE, "nothing"),
        (BETWEEN, {"multiplexer": "tmux", "is_over_ssh": True}, State.FINE, "tmux and"),
    ],
)
def test_the_terminal_is_told_as_the_screen_will_meet_it(name, facts, state, words):
    checks = judge_terminal(TerminalFacts(**facts))
    check = next(c for c in checks if c.name == name)
    assert check.state is state
    assert words in check.found
    assert bool(check.mend) is (state is State.WARNING)


def test_the_environment_says_what_is_in_between():
    facts = read_terminal(
        {"LC_ALL": "", "LANG": "de_DE.UTF-8", "TMUX": "x", "SSH_TTY": "/dev/pts/1"}
    )
    assert facts.locale == "LANG=de_DE.UTF-8"
    assert facts.multiplexer == "tmux"
    assert facts.is_over_ssh
    assert read_terminal({"STY": "1"}).multiplexer == "GNU screen"
    assert read_terminal({"ZELLIJ": "0", "NO_COLOR": ""}).has_no_color


def test_the_program_says_which_one_it_is():
    checks = judge_versions(read_versions())
    assert [check.state for check in checks] == [State.FINE, State.FINE]


LONG = warning("a name", "something long " * 12, "a command with /a/long/path " * 4)


@pytest.mark.parametrize("columns", [20, 40, 80, 100, 400])
def test_a_report_keeps_to_the_width_of_the_output(columns):
    look = Look(columns=columns, lines=24, ascii_only=False, has_colour=False)
    lines = write_check(LONG, look)
    assert all(len(line) <= min(columns, 100) for line in lines)
    assert "mend:" in " ".join(lines)


def test_a_path_is_never_cut_in_two():
    path = "/a/" + "very-" * 40 + "long/path"
    look = Look(columns=80, lines=24, ascii_only=False, has_colour=False)
    lines = write_check(warning("x", f"at {path}", f"rm {path}"), look)
    assert sum(path in line for line in lines) == 2


def test_colour_is_only_for_a_terminal_and_never_the_only_sign():
    plain = Look(columns=80, lines=24, ascii_only=True, has_colour=False)
    coloured = Look(columns=80, lines=24, ascii_only=True, has_colour=True)
    check = broken("x", "y", "z")
    assert "\x1b" not in "".join(write_check(check, plain))
    assert "\x1b[1;31mbroken" in write_check(check, coloured)[0]


def test_a_hostile_word_can_not_act_on_the_terminal():
    stream = io.StringIO()
    look = Look(columns=80, lines=24, ascii_only=True, has_colour=False)
    check = warning("x", "TERM=\x1b]52;c;AAAA\x07\x1b[2Jxterm\nfoo", "\x9b1m\u202ey")
    print_group(Printer(stream, look), Group("g", [check]))
    written = stream.getvalue()
    assert "\x1b" not in written
    assert "\x9b" not in written
    assert written.isascii()


def test_the_document_has_a_name_a_state_what_was_found_and_what_mends_it():
    told = document([fine("a", "b"), unknown("c", "d\x1b[2J", "e")])
    assert told == {
        "format": "tuitrain/1",
        "checks": [
            {"name": "a", "state": "fine", "found": "b", "mend": ""},
            {"name": "c", "state": "unknown", "found": "d", "mend": "e"},
        ],
    }


@pytest.mark.parametrize(
    ("checks", "line"),
    [
        ([fine("a", "")], "1 fine"),
        ([warning("a", ""), fine("b", "")], "1 warning, 1 fine"),
        (
            [broken("a", ""), warning("b", ""), warning("c", ""), unknown("d", "")],
            "1 broken, 2 warnings, 1 unknown, 0 fine",
        ),
    ],
)
def test_the_last_line_counts(checks, line):
    assert summarize(checks) == line
