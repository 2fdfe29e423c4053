"""The configuration of a script's own loop: a dict that notes what is asked of it."""

from collections.abc import Iterator, KeysView, Mapping
from typing import Any

from tuitrain.events import Scalar


class OwnConfig(dict[str, Any]):
    """The script's own values, with those of the trial over them.

    An ordinary dict to the script. Names that are read become known to tuitrain; reading
    all of them at once (`**config`, `items()`) counts as reading each.
    """

    def __init__(self, own: Mapping[str, Any], trial: Mapping[str, Scalar]) -> None:
        """Merge; the trial's values win."""
        super().__init__({**own, **trial})
        self._asked: dict[str, None] = {}

    @property
    def asked(self) -> list[str]:
        """Names that were read, in the order of their first use."""
        return list(self._asked)

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - whatever the script put in
        self._asked[name] = None
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401
        """Return the value of `name`, or `default` where there is none."""
        self._asked[name] = None
        return super().get(name, default)

    def __iter__(self) -> Iterator[str]:
        self._asked.update(dict.fromkeys(super().keys()))
        return super().__iter__()

    def keys(self) -> KeysView[str]:  # type: ignore[override]
        """Return the names; each counts as read."""
        self._asked.update(dict.fromkeys(super().keys()))
        return super().keys()

    def items(self) -> Any:  # noqa: ANN401 - dict_items has no public name
        """Return names and values; each counts as read."""
        self._asked.update(dict.fromkeys(super().keys()))
        return super().items()
