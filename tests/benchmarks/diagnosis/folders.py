"""Where trainings are kept: below the system's folder for temporary files."""

import hashlib
import tempfile
from pathlib import Path

_HERE = Path(__file__).parent
_WORKER = _HERE.parents[2] / "tuitrain" / "worker"
_MADE_BY = (_HERE, _HERE / "peers", _WORKER, _WORKER / "inspection")
_ONLY_JUDGE = [
    "harm",
    "turning",
    "scoring",
    "advice",
    "tables",
    "frozen",
    "telling",
    "folders",
    "overfitting",
    "__main__",
]


def default_folder() -> Path:
    """Return a folder whose name changes with all that makes a training.

    So no run is judged that the worker and the benchmark would not make any more.
    """
    digest = hashlib.blake2b(digest_size=6)
    for folder in _MADE_BY:
        for path in sorted(folder.glob("*.py")):
            if path.stem not in _ONLY_JUDGE:
                digest.update(path.read_bytes())
    return Path(tempfile.gettempdir()) / f"tuitrain-diagnosis-{digest.hexdigest()}"
