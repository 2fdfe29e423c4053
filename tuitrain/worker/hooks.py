"""Hooks that stay with the model they were made for."""

from collections.abc import Callable


class Hook:
    """A hook of a module that neither a copy nor a pickle of the module gets.

    What a script makes of its model, an average of its weights or a file, is none of our
    business; and what our hooks hold, locks among it, can't be copied.
    """

    def __init__(self, call: Callable[..., object]) -> None:
        """Call `call` with whatever the hook is given, and return what it returns."""
        self._call = call

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Pass it on."""
        return self._call(*args, **kwargs)

    def __reduce__(self) -> tuple[Callable[[], object], tuple[()]]:
        return _no_hook, ()


def _no_hook() -> Callable[..., None]:
    return _do_nothing


def _do_nothing(*_: object, **__: object) -> None:
    pass
