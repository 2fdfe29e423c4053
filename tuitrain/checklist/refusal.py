"""The error of a command that can't be carried out as things stand."""


class RefusedError(Exception):
    """A command can't be carried out now; the message says why."""
