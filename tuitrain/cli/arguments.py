"""Arguments of the user's script, after `--`: which are shown, which are kept aside."""

import sys
from pathlib import Path

from tuitrain.cli.failures import UsageError
from tuitrain.cli.studies import read_settings
from tuitrain.store import REDACTED, StudyFolder, is_redacted, redact
from tuitrain.supervisor import find_running, keep_arguments


def show_arguments(arguments: list[str]) -> list[str]:
    """Return them as they may be written down and shown.

    In the list of processes, which every user can read, this one shows them so, too.

    Raises:
        UsageError: They were copied from where they were shown.
    """
    if is_redacted(arguments):
        raise UsageError(f"{REDACTED} stands for a secret: write it in that place")
    shown = list(redact(arguments))
    if shown != arguments:
        from setproctitle import setproctitle

        name = Path(sys.argv[0]).name
        setproctitle(" ".join([name, *redact(sys.argv[1:])]))
    return shown


def keep_given(folder: StudyFolder, arguments: list[str]) -> None:
    """Keep secrets among `arguments` where the study's supervisor finds them.

    Raises:
        UsageError: The study has other arguments.
        StoreError: They can't be kept.
        WireError: There is no folder that only its owner can use.
    """
    given = tuple(arguments)
    there = read_settings(folder).arguments
    if redact(there) != redact(given):
        raise UsageError(
            f"{folder.settings}: arguments is {list(redact(there))!r}, not "
            f"{list(redact(given))!r}; give those after --"
        )
    if not is_redacted(there):
        if there != given:
            raise UsageError(
                f"{folder.settings}: arguments holds other secrets than those given; "
                "edit it there"
            )
        return
    if keep_arguments(folder, given, find_running(folder)):
        sys.stderr.write(
            f"tuitrain: {folder.path}: goes on with the secrets given now, which differ "
            "from those before; another study: --study DIR\n"
        )
