"""How a person wants the terminal to be taken."""

import msgspec


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How a person wants the terminal to be taken."""

    has_mouse: bool = True
    """Whether the mouse is asked for; if not, the terminal selects text as usual."""
    theme: str | None = None
    """A theme by name; None: chosen by where the screen is shown."""
