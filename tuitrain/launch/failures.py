"""The one exception of this room."""


class LaunchError(Exception):
    """A trial's process can't be started; says which, why, and what to do."""
