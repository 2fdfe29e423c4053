"""The one exception of this room."""


class UsageError(Exception):
    """The program was called in a way it can't serve: what, where, what to do."""
