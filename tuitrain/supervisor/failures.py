"""The one exception of this room."""


class SupervisorError(Exception):
    """A study can't be supervised; says which, why, and what to do, in one line."""
