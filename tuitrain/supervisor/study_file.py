"""`study.toml`: what was asked, as a person may have edited it since."""

import tomllib

from tuitrain.checklist import Settings, SettingsError, settings_from
from tuitrain.store import StudyFolder


class StudyFile:
    """Reads `study.toml` when it has changed."""

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
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{self._path}: is not TOML ({error})") from None
        self._read_content = content
        return settings
