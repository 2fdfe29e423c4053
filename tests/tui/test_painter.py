"""Drawing on cells in memory, and sending what differs; judged by another terminal."""

from collections.abc import Callable

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuitrain.tui.terminal.painter import ENTER_ALTERNATE, SYNC_END, SYNC_START, Painter
from tuitrain.tui.terminal.styles import PLAIN, follow_sgr, switch

WIDTH, HEIGHT = 24, 6


class Shown:
    """A painter, the terminal it paints on, and one that gets everything directly."""

    def __init__(self, width: int = WIDTH, height: int = HEIGHT) -> None:
        self.painter = Painter(width, height)
        self.sent = ""
        self._terminal = pyte.Screen(width, height)
        self._direct = pyte.Screen(width, height)
        self._streams = pyte.Stream(self._terminal), pyte.Stream(self._direct)

    def write(self, text: str) -> str:
        """Draw and send; return what was sent."""
        self._streams[1].feed(text)
        self.painter.feed(text)
        sent = self.painter.take()
        self._streams[0].feed(sent)
        self.sent += sent
        return sent

    def assert_same(self) -> None:
        assert self._terminal.display == self._direct.display
        for y in range(self._terminal.lines):
            for x in range(self._terminal.columns):
                sent, direct = self._terminal.buffer[y][x], self._direct.buffer[y][x]
                if sent.data == " " and not direct.reverse and not direct.underscore:
                    assert sent.bg == direct.bg
                else:
                    assert sent == direct, (x, y)


def at(x: int, y: int, text: str, sgr: str = "") -> str:
    shown = f"\x1b[{sgr}m{text}\x1b[0m" if sgr else text
    return f"\x1b[{y + 1};{x + 1}H{shown}"


def test_what_is_drawn_again_is_not_sent_again() -> None:
    shown = Shown()
    assert "loss" in shown.write(at(2, 1, "loss 0.31", "31"))
    assert shown.write(at(2, 1, "loss 0.31", "31")) == ""


def test_only_the_cells_that_differ_are_sent() -> None:
    shown = Shown()
    shown.write(at(0, 0, "loss 0.31  accuracy 0.9", "38;2;1;2;3"))
    assert shown.write(at(0, 0, "loss 0.32  accuracy 0.9", "38;2;1;2;3")) == (
        "\x1b[1;9H\x1b[38;2;1;2;3m2\x1b[m"
    )
    shown.assert_same()


def test_what_was_overwritten_before_it_was_sent_is_never_sent() -> None:
    painter = Painter(WIDTH, HEIGHT)
    for number in range(100):
        painter.feed(at(0, 0, f"iteration {number}"))
    sent = painter.take()
    assert sent.count("iteration") == 1
    assert "99" in sent


def test_blanks_of_another_colour_are_the_same_blanks() -> None:
    shown = Shown()
    shown.write(at(0, 0, "    ", "31;1"))
    assert shown.write(at(0, 0, "    ", "32;2")) == ""
    assert shown.write(at(0, 0, "    ", "7")) != ""
    shown.assert_same()


def test_frames_are_shown_at_once_where_the_terminal_can() -> None:
    shown = Shown()
    shown.write(SYNC_START + at(0, 0, "ready") + SYNC_END)
    sent = shown.write(SYNC_START + at(0, 0, "a") + at(9, 3, "b") + SYNC_END)
    assert sent.startswith(SYNC_START)
    assert sent.endswith(SYNC_END)
    assert shown.write(SYNC_START + at(0, 0, "a") + SYNC_END) == ""


def test_modes_and_queries_pass_in_their_order() -> None:
    shown = Shown()
    assert shown.write("\x1b[?1003h\x1b[?2048$p\x1b[>9u\x1b]0;title\x07\x07") == (
        "\x1b[?1003h\x1b[?2048$p\x1b[>9u\x1b]0;title\x07\x07"
    )
    sent = shown.write(at(0, 0, "last") + "\x1b[?1049l")
    assert sent.index("last") < sent.index("\x1b[?1049l")


def test_a_terminal_that_was_taken_over_is_painted_from_scratch() -> None:
    shown = Shown()
    shown.write(at(0, 0, "before"))
    shown.write(ENTER_ALTERNATE)
    assert "before" in shown.sent
    shown.painter.repaint()
    assert "before" in shown.write("")


@pytest.mark.parametrize("size", [(10, 3), (40, 12)])
def test_another_size_is_painted_anew_within_its_edges(size: tuple[int, int]) -> None:
    painter = Painter(WIDTH, HEIGHT)
    painter.feed(at(0, 0, "a" * WIDTH) + at(0, HEIGHT - 1, "b" * WIDTH))
    painter.take()
    painter.resize(*size)
    screen = pyte.Screen(*size)
    pyte.Stream(screen).feed(painter.take())
    assert screen.display[0].strip() == "a" * min(size[0], WIDTH)
    assert ("b" in "".join(screen.display)) is (size[1] > HEIGHT)


def test_half_of_a_wide_character_never_stays() -> None:
    painter = Painter(WIDTH, HEIGHT)
    screen = pyte.Screen(WIDTH, HEIGHT)
    for text in (at(0, 0, "日本語") + at(0, 1, "ab日"), at(3, 0, "x") + at(2, 1, "c")):
        painter.feed(text)
        pyte.Stream(screen).feed(painter.take())
    assert screen.display[0].rstrip() == "日 x語"
    assert screen.display[1].rstrip() == "abc"


def test_a_row_with_wide_characters_is_written_whole() -> None:
    shown = Shown()
    shown.write(at(0, 0, "日本語 loss 0.31"))
    assert "日" in shown.write(at(12, 0, "0.32"))
    shown.assert_same()


SGRS = ("", "1", "2", "1;31", "7", "4;38;5;9", "38;2;9;8;7;48;2;1;1;1", "90;107", "3")
DRAWN = st.builds(
    at,
    st.integers(0, WIDTH - 1),
    st.integers(0, HEIGHT - 1),
    st.text(st.sampled_from("ab ⣿─"), min_size=1, max_size=9),
    st.sampled_from(SGRS),
)
"""No text reaches beyond an edge: what a terminal does there is its own affair."""


@settings(deadline=None)
@given(st.lists(st.lists(DRAWN, max_size=5), max_size=5))
def test_the_terminal_shows_what_it_would_if_all_were_sent(
    frames: list[list[str]],
) -> None:
    shown = Shown(WIDTH + 10, HEIGHT)
    for frame in frames:
        shown.write("".join(frame))
        shown.assert_same()


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([*SGRS[1:], "22", "39", "49", "27", "0;3", "24"])),
    st.lists(st.sampled_from(SGRS[1:])),
)
def test_switching_looks_is_like_starting_anew(
    first: list[str], second: list[str]
) -> None:
    before = after = PLAIN
    for sgr in first:
        before = follow_sgr(sgr, before)
    for sgr in second:
        after = follow_sgr(sgr, after)
    switched = before
    if sequence := switch(before, after):
        switched = follow_sgr(sequence.removeprefix("\x1b[").removesuffix("m"), before)
    assert switched == after


def _count(draw: Callable[[Shown], object]) -> int:
    shown = Shown(80, 20)
    draw(shown)
    return len(shown.sent)


def test_cells_of_one_look_are_sent_together() -> None:
    looks = ("38;2;1;2;3", "38;2;4;5;6")
    checks = "".join(at(x, 3 * (x % 5), "x", looks[x % 2]) for x in range(0, 80, 4))
    assert _count(lambda s: s.write(checks)) < len(checks) // 2


def test_what_covers_the_terminal_stays_until_there_is_a_picture() -> None:
    terminal = pyte.Screen(WIDTH, HEIGHT)
    stream = pyte.Stream(terminal)
    stream.feed("a first look" + "\r\n~" * (HEIGHT - 1))
    painter = Painter(WIDTH, HEIGHT, is_covered=True)
    painter.feed(ENTER_ALTERNATE + "\x1b[?25l")
    sent = painter.take()
    assert ENTER_ALTERNATE not in sent
    stream.feed(sent)
    assert terminal.display[0].startswith("a first look")
    painter.feed("".join(at(0, y, " " * WIDTH, "44") for y in range(HEIGHT)))
    assert painter.take() == ""
    painter.feed(at(3, 1, "loss"))
    stream.feed(painter.take())
    assert [row.rstrip() for row in terminal.display[:3]] == ["", "   loss", ""]
    painter.feed(at(3, 1, "lost"))
    assert "\x1b[2J" not in painter.take()
