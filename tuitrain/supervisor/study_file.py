"""`study.toml`: what was asked, as a person may have edited it since."""

import tomllib

from tuitrain.checklist import (
    Settings,
    SettingsError,
    edit_settings,
    settings_from,
)
from tuitrain.store import StudyFolder, write_atomically


class StudyFile:
    """Reads `study.toml` when it has changed, and changes it."""

    def __init__(self, folder: StudyFolder) -> None:
        """Look at the file of `folder`."""
        self._path = folder.settings
        self._read_content: bytes | None = None

    def read(self) -> Settings | None:
        """Return the settings if the file changed since they were last read well.

        Raises:
            SettingsError: They can't be used; in one line which file and why.
        """
        try:
            content = self._path.read_bytes()
        except OSError as error:
            raise SettingsError(
                f"{self._path}: can't be read ({error.strerror})"
            ) from None
        if content == self._read_content:
            return None
        try:
            settings = settings_from(tomllib.loads(content.decode()))
        except SettingsError as error:
            raise SettingsError(f"{self._path}: {error}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise SettingsError(f"{self._path}: is not TOML ({error})") from None
        self._read_content = content
        return settings

    def write(self, settings: Settings) -> bytes:
        """Write `settings`, comments kept; return what the file held before.

        Raises:
            StoreError: It can't be written; the file is as it was.
        """
        before = self._read_content or b""
        content = edit_settings(before.decode(), settings).encode()
        write_atomically(self._path, content)
        self._read_content = content
        return before

    def restore(self, content: bytes) -> None:
        """Write what the file held before.

        Raises:
            StoreError: It can't be written.
        """
        write_atomically(self._path, content)
        self._read_content = content
