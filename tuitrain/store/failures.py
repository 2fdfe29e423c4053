"""The one exception of this room."""


class StoreError(Exception):
    """A file can't be read or written; says which, why, and what to do."""
