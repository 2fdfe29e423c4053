"""Asks an interpreter for its torch; run by its path, in a process that may crash.

Needs nothing but the standard library, so that any interpreter can run it. The answer
is the last line of standard output, since what is imported may write there as well.
"""

import importlib
import importlib.util
import json
import platform
import sys
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, Final

MARK: Final = "tuitrain-torch:"
"""Begins the answer."""
NEEDED: Final = ("msgspec", "numpy", "setproctitle")
"""What a trial imports beside torch and the standard library."""


def main() -> int:
    """Write the answer."""
    sys.stdout.write(f"\n{MARK}{json.dumps(look())}\n")
    return 0


def look() -> dict[str, Any]:
    """Return what this interpreter has, as plain values."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    found: dict[str, Any] = {"python": platform.python_version(), "missing": missing}
    try:
        torch: Any = importlib.import_module("torch")
    except ModuleNotFoundError as error:
        if error.name == "torch":
            return found
        return found | {"error": f"{error}"}
    except Exception as error:  # noqa: BLE001 - a broken installation may raise anything
        return found | {"error": f"{type(error).__name__}: {error}"}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found |= look_at_torch(torch)
    found["warned"] = " ".join(str(one.message).strip() for one in caught)[:400]
    return found


def look_at_torch(torch: Any) -> dict[str, Any]:  # noqa: ANN401 - not imported by name
    """Return what `torch` was built for and which devices it reaches."""

    def ask(question: Callable[[], Any], otherwise: Any) -> Any:  # noqa: ANN401 - any
        try:
            return question()
        except Exception:  # noqa: BLE001 - it may raise whatever the driver makes it
            return otherwise

    is_available = bool(ask(torch.cuda.is_available, otherwise=False))
    count = ask(torch.cuda.device_count, 0) if is_available else 0
    devices = []
    for index in range(count):
        about = ask(partial(torch.cuda.get_device_properties, index), None)
        uuid = getattr(about, "uuid", "")
        devices.append(
            {
                "name": str(getattr(about, "name", "")),
                "uuid": f"GPU-{uuid}" if uuid else "",
            }
        )
    return {
        "torch": str(ask(lambda: torch.__version__, "")),
        "cuda": ask(lambda: torch.version.cuda, None),
        "hip": ask(lambda: torch.version.hip, None),
        "is_available": is_available,
        "devices": devices,
    }


if __name__ == "__main__":
    sys.exit(main())
