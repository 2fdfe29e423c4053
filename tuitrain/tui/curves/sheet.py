"""A sheet of characters with roles, on which frame, curves and marks are put."""

from collections.abc import Sequence
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len

from tuitrain.tui.curves.frame import Frame
from tuitrain.tui.curves.raster import Canvas
from tuitrain.tui.lines import Line, width_of

_PLAIN, _FRAME = "", "muted"


class Sheet:
    """The cells of one plot, before they become lines."""

    def __init__(self, frame: Frame) -> None:
        """Return a sheet that shows only the frame."""
        self.frame = frame
        width = len(frame.rows[0]) if frame.rows else 0
        whole = np.array(frame.rows, dtype=f"<U{max(1, width)}")
        self._characters = whole.view("<U1").reshape(len(frame.rows), width)
        self._roles: list[str] = [_PLAIN, _FRAME]
        self._role = np.full(self._characters.shape, 1, dtype=np.int16)

    def put_canvas(
        self, canvas: Canvas, roles: Sequence[str], *, is_faint: bool = False
    ) -> None:
        """Put the cells that curves pass through into the box.

        Args:
            canvas: As large as the box.
            roles: Role of each owner on the canvas.
            is_faint: Whether ASCII shows the curves as dots.
        """
        numbers = np.array([self._number(role) for role in roles], dtype=np.int16)
        filled = canvas.owner >= 0
        box = self._box()
        codes = canvas.codes(is_faint=is_faint)
        characters = codes.view("<U1").reshape(filled.shape)
        self._characters[box][filled] = characters[filled]
        self._role[box][filled] = numbers[canvas.owner[filled]]

    def put_points(
        self, x: NDArray[np.int64], y: NDArray[np.int64], sign: str, role: str
    ) -> None:
        """Put `sign` at cells (x, y) of the box."""
        box = self._box()
        self._characters[box][y, x] = sign
        self._role[box][y, x] = self._number(role)

    def put_column(self, x: int, sign: str, role: str) -> None:
        """Put `sign` into every cell of a column of the box."""
        if 0 <= x < self.frame.width:
            box = self._box()
            self._characters[box][:, x] = sign
            self._role[box][:, x] = self._number(role)

    def put_text(self, x: int, y: int, text: str, role: str) -> None:
        """Write `text` into the box from cell (x, y) on, cut at its right edge."""
        if not 0 <= y < self.frame.height or cell_len(text) != len(text):
            return
        text = text[max(0, -x) : max(0, self.frame.width - x)]
        x = max(0, x)
        box = self._box()
        self._characters[box][y, x : x + len(text)] = list(text)
        self._role[box][y, x : x + len(text)] = self._number(role)

    def put_corner(self, row: Line, *, at_top: bool) -> None:
        """Write a row into the upper or lower right corner of the box, if it has room."""
        x = self.frame.width - width_of(row) - 1
        if x < 1:
            return
        for text, role in row:
            self.put_text(x, 0 if at_top else self.frame.height - 1, text, role)
            x += len(text)

    def is_free(self, x: int, y: int) -> bool:
        """Whether no letter stands at cell (x, y) of the box."""
        inside = 0 <= x < self.frame.width and 0 <= y < self.frame.height
        return inside and not str(self._characters[self._box()][y, x]).isalpha()

    def write(self, before: "Written | None" = None) -> "Written":
        """Return the rows as lines, each with as few spans as can be.

        Nothing is to be put on the sheet afterwards.

        Args:
            before: What another sheet returned; lines that are the same here are taken
                from it. None: there was none.
        """
        height, width = self._characters.shape
        lines: list[Line] = [()] * height
        changed = np.arange(height if width else 0)
        if before is not None and before.roles == self._roles:
            same_shape = before.characters.shape == self._characters.shape
            if same_shape and width:
                differ = (self._characters != before.characters).any(axis=1)
                differ |= (self._role != before.role).any(axis=1)
                lines, changed = list(before.lines), differ.nonzero()[0]
        texts = self._characters[changed].view(f"<U{max(1, width)}").ravel().tolist()
        roles = self._role[changed]
        edges: list[list[int]] = [[0] for _ in texts]
        rows, columns = np.nonzero(roles[:, 1:] != roles[:, :-1])
        for y, x in zip(rows.tolist(), columns.tolist(), strict=True):
            edges[y].append(x + 1)
        names = self._roles
        for y, text, numbers, starts in zip(
            changed.tolist(), texts, roles.tolist(), edges, strict=True
        ):
            lines[y] = tuple(
                (text[start:end], names[numbers[start]])
                for start, end in pairwise([*starts, width])
            )
        return Written(lines, self._characters, self._role, names)

    def _box(self) -> tuple[slice, slice]:
        top, left = self.frame.top, self.frame.left
        return (
            slice(top, top + self.frame.height),
            slice(left, left + self.frame.width),
        )

    def _number(self, role: str) -> int:
        if role not in self._roles:
            self._roles.append(role)
        return self._roles.index(role)


class Written(msgspec.Struct, frozen=True):
    """A sheet as lines, and what they came from."""

    lines: list[Line]
    characters: NDArray[np.str_]
    """Shape (height, width)."""
    role: NDArray[np.int16]
    """Place in `roles` of each character; the same shape."""
    roles: list[str]
