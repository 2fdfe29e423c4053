"""The exceptions of this room."""


class WorkerError(Exception):
    """A training can't be run as asked; says what, where and what to do."""


class RejectedError(WorkerError):
    """A script can't be used as a task or for this step; one clear line."""


class CheckpointError(WorkerError):
    """A checkpoint can't be read or does not fit the model."""
