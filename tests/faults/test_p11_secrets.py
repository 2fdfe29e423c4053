"""P11: what a script is given in secret stays out of what tuitrain writes."""

import os
import secrets
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.flow, pytest.mark.timeout(300)]

SCRIPT = Path(__file__).with_name("secretive_training.py")
TUITRAIN = (sys.executable, "-m", "tuitrain")
NEEDS_ARGUMENTS = {"study.toml", "journal.jsonl", "trial.json"}
"""A supervisor that comes back must start the script as it was asked to."""


@pytest.fixture
def tokens() -> dict[str, str]:
    """Twenty marked tokens, by the names of variables that hold such things."""
    names = ["AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "WANDB_API_KEY", "GITHUB_TOKEN"]
    names += [f"SECRET_TOKEN_{n}" for n in range(16)]
    return {name: f"env-{secrets.token_hex(16)}" for name in names}


@pytest.fixture
def place(tmp_path) -> Iterator[Path]:
    """Where the program runs, all its places of writing within it."""
    for name in ("home", "temporary"):
        (tmp_path / name).mkdir(mode=0o700)
    yield tmp_path
    stop = [*TUITRAIN, "stop", str(tmp_path / "study")]
    subprocess.run(stop, capture_output=True, check=False)


def test_no_secret_is_written_and_every_file_is_its_owners(place, tokens, figure):
    argument = f"arg-{secrets.token_hex(16)}"
    options = ["--headless", "--gpus", "none", "--slots", "1", "--until", "1"]
    command = [*TUITRAIN, "run", str(SCRIPT), "--study", str(place / "study"), *options]
    home = {"HOME": str(place / "home"), "TMPDIR": str(place / "temporary")}
    done = subprocess.run(
        [*command, "--", "--token", argument],
        cwd=place,
        env={**os.environ, **tokens, **home},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=200,
        umask=0,
    )
    assert done.returncode == 1, done.stderr
    assert b"fails, so that a traceback" in done.stdout
    paths = [p for p in place.rglob("*") if not p.is_socket()]
    written = {p: p.read_bytes() for p in paths if p.is_file()}
    assert {"out.log", "points.jsonl", *NEEDS_ARGUMENTS} <= {p.name for p in written}
    said = {**written, place / "printed": done.stdout + done.stderr}
    hits = [
        p for p, text in said.items() for t in tokens.values() if t.encode() in text
    ]
    told = {p.name for p, text in said.items() if argument.encode() in text}
    modes = {str(p): oct(stat.S_IMODE(p.lstat().st_mode)) for p in paths}
    opened = {p: mode for p, mode in modes.items() if int(mode, 8) & 0o077}
    figure(
        "P11",
        f"hits of {len(tokens)} tokens of the environment in {len(said)} files",
        len(hits),
        asked="0",
        is_met=not hits,
    )
    figure(
        "P11",
        "files that name the script's arguments after `--` (a supervisor that comes "
        f"back must know them): {', '.join(sorted(told)) or 'none'}",
        len(told),
        asked="0",
        is_met=not told,
    )
    figure(
        "P11",
        f"files and folders ({len(paths)}) open to others, at umask 000",
        len(opened),
        asked="0",
        is_met=not opened,
    )
    assert hits == []
    assert told <= NEEDS_ARGUMENTS
    assert opened == {}
