"""The script's arguments as they were given, of which a study shows a redacted form."""

import shlex
from pathlib import Path

from tuitrain.checklist import Settings
from tuitrain.store import (
    StoreError,
    StudyFolder,
    is_redacted,
    read_given,
    redact,
    write_given,
)
from tuitrain.supervisor.failures import SupervisorError
from tuitrain.supervisor.whereabouts import read_whereabouts
from tuitrain.wire import WireError, find_socket_path, make_private_folder

_SUFFIX = ".arguments"


class ArgumentsGoneError(SupervisorError):
    """Secrets among the arguments are no longer known; says how to give them again."""


def keep_arguments(
    folder: StudyFolder, arguments: tuple[str, ...], running: Path | None
) -> bool:
    """Keep arguments with secrets where the study's supervisor looks for them.

    Args:
        folder: The study.
        arguments: As they were given.
        running: Socket of the supervisor that runs; None: none does.

    Returns:
        Whether others were kept before.

    Raises:
        StoreError: They can't be kept.
        WireError: There is no folder that only its owner can use.
    """
    place = _beside(running or find_socket_path(folder))
    before = read_given(place)
    _write(place, arguments)
    return before not in (None, arguments)


class KeptArguments:
    """Finds the arguments of a study's trials, and keeps them for the trials to come.

    What is kept lies beside the socket. It is looked at each time, since it may be given
    anew, and remembered, since a last logout takes the folder along.
    """

    def __init__(self, folder: StudyFolder, socket: Path) -> None:
        """Look for those of `folder`, whose supervisor listens at `socket`.

        The supervisor before may have listened elsewhere, at another login say.
        """
        last = read_whereabouts(folder)
        sockets = [socket, *([Path(last.socket)] if last is not None else [])]
        self._folder = folder
        self._places = [_beside(path) for path in sockets]
        self._known: tuple[str, ...] = ()

    def find(self, settings: Settings) -> tuple[str, ...]:
        """Return the arguments to start the script with.

        Raises:
            ArgumentsGoneError: Some of them are known in their redacted form only.
        """
        shown = redact(settings.arguments)
        if not is_redacted(settings.arguments):
            return settings.arguments
        kept = (read_given(place) for place in self._places)
        for arguments in (*kept, self._known):
            if arguments is not None and redact(arguments) == shown:
                self._known = arguments
                return arguments
        path = self._folder.path
        command = ["tuitrain", "run", settings.script, "--study", str(path), "--"]
        raise ArgumentsGoneError(
            f"{path}: the arguments of its script hold secrets, which are not written "
            "down and are forgotten when the machine restarts or its last login ends; "
            f"give them again, each in its place: {shlex.join([*command, *shown])}"
        )

    def keep(self, settings: Settings) -> Path | None:
        """Return the file with the arguments for a trial to start; None: no secret.

        Raises:
            ArgumentsGoneError: As `find`.
            StoreError: They can't be kept.
            WireError: There is no folder that only its owner can use.
        """
        arguments = self.find(settings)
        if redact(arguments) == arguments:
            return None
        if read_given(self._places[0]) != arguments:
            self._write(arguments)
        return self._places[0]

    def _write(self, arguments: tuple[str, ...]) -> None:
        try:
            _write(self._places[0], arguments)
        except (StoreError, WireError):
            # The folder is gone for good, as a login's own is; there may be another.
            place = _beside(find_socket_path(self._folder))
            _write(place, arguments)
            self._places.insert(0, place)


def _beside(socket: Path) -> Path:
    return Path(f"{socket}{_SUFFIX}")


def _write(place: Path, arguments: tuple[str, ...]) -> None:
    # Checked anew: what lies in a folder for everybody may be another's by now.
    make_private_folder(place.parent)
    write_given(place, arguments)
