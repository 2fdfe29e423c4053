"""P11: what a script is given in secret stays out of what tuitrain writes."""

import os
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow.waiting import wait_for
from tuitrain.store import StudyFolder
from tuitrain.supervisor.whereabouts import read_whereabouts

pytestmark = [pytest.mark.flow, pytest.mark.timeout(300)]

SCRIPT = Path(__file__).with_name("secretive_training.py")
TUITRAIN = (sys.executable, "-m", "tuitrain")


@pytest.fixture
def tokens() -> dict[str, str]:
    """Twenty marked tokens, by the names of variables that hold such things."""
    names = ["AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "WANDB_API_KEY", "GITHUB_TOKEN"]
    names += [f"SECRET_TOKEN_{n}" for n in range(16)]
    return {name: f"env-{secrets.token_hex(16)}" for name in names}


class Place:
    """Where the program runs, all its places of writing within it."""

    def __init__(self, path: Path, tokens: dict[str, str]) -> None:
        self.path = path
        self.study = path / "study"
        self.runtime = path / "runtime"
        """The folder of the login, which a restart of the machine empties."""
        self.tokens = tokens
        for name in ("home", "temporary", "runtime"):
            (path / name).mkdir(mode=0o700)

    def call(self, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
        home = {
            "HOME": str(self.path / "home"),
            "TMPDIR": str(self.path / "temporary"),
            "XDG_RUNTIME_DIR": str(self.runtime),
        }
        return subprocess.run(
            [*TUITRAIN, *arguments],
            cwd=self.path,
            env={**os.environ, **self.tokens, **home},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=200,
            umask=0,
        )

    def run(self, *given: str) -> "subprocess.CompletedProcess[bytes]":
        options = ["--headless", "--gpus", "none", "--slots", "1", "--until", "1"]
        command = ["run", str(SCRIPT), "--study", str(self.study), *options]
        return self.call(*command, *(["--", *given] if given else []))

    def restart(self) -> None:
        """Do what a restart of the machine does: nothing runs, the login's folder is new."""
        last = read_whereabouts(StudyFolder(self.study))
        assert last is not None
        last.identity.send(signal.SIGKILL)
        wait_for(lambda: not last.identity.is_alive(), "the supervisor's end")
        shutil.rmtree(self.runtime)
        self.runtime.mkdir(mode=0o700)

    def read(self) -> dict[Path, bytes]:
        """Return all that was written, apart from sockets."""
        return {p: p.read_bytes() for p in self.list() if p.is_file()}

    def list(self) -> list[Path]:
        return [p for p in self.path.rglob("*") if not p.is_socket()]


@pytest.fixture
def place(tokens) -> Iterator[Place]:
    # Short, unlike pytest's own: the path of a socket takes 107 bytes, and where it is
    # longer, another folder than that of the login is used.
    with tempfile.TemporaryDirectory(prefix="tt-") as path:
        place = Place(Path(path), tokens)
        yield place
        place.call("stop", str(place.study))


def give() -> tuple[list[str], list[str]]:
    """Return arguments with secrets of several kinds, and the secrets in them."""
    marks = [secrets.token_hex(n) for n in (16, 20, 8, 8, 12)]
    given = ["--token", f"arg-{marks[0]}", "--url", f"https://me:{marks[2]}@localhost/"]
    given += [f"WANDB_KEY={marks[1]}", f"--password={marks[3]}", f"hf_{marks[4]}"]
    return given, marks


def test_no_secret_is_written_and_every_file_is_its_owners(place, tokens, figure):
    given, marks = give()
    done = place.run(*given)
    assert done.returncode == 1, done.stderr
    assert b"fails, so that a traceback" in done.stdout
    written = place.read()
    expected = {"out.log", "points.jsonl", "study.toml", "journal.jsonl", "trial.json"}
    assert expected <= {p.name for p in written}
    assert b"<redacted>" in written[place.study / "study.toml"]
    said = {**written, place.path / "printed": done.stdout + done.stderr}
    hits = [
        p for p, text in said.items() for t in tokens.values() if t.encode() in text
    ]
    told = {p for p, text in said.items() if any(m.encode() in text for m in marks)}
    kept = [p for p in told if p.is_relative_to(place.runtime)]
    modes = {str(p): oct(stat.S_IMODE(p.lstat().st_mode)) for p in place.list()}
    opened = {p: mode for p, mode in modes.items() if int(mode, 8) & 0o077}
    # The script got them as they were given, from the one place where they are.
    assert [p.suffix for p in kept] == [".arguments"]
    assert all(mark.encode() in written[kept[0]] for mark in marks)
    figure(
        "P11",
        f"hits of {len(tokens)} tokens of the environment in {len(said)} files",
        len(hits),
        asked="0",
        is_met=not hits,
    )
    figure(
        "P11",
        f"files outside of the login's own folder that name one of {len(marks)} "
        "secrets among the script's arguments",
        len(told - set(kept)),
        asked="0",
        is_met=told == set(kept),
    )
    figure(
        "P11",
        f"files and folders ({len(modes)}) open to others, at umask 000",
        len(opened),
        asked="0",
        is_met=not opened,
    )
    assert hits == []
    assert told == set(kept)
    assert opened == {}


def test_after_a_restart_nothing_runs_until_the_secrets_are_given_again(place, figure):
    given, marks = give()
    place.run(*given)
    place.restart()
    before = sorted(p.name for p in (place.study / "trials").iterdir())
    refusals = [place.run(), place.call("resume", str(place.study), before[0])]
    wrong = place.call("resume", str(place.study), "--", "--token", "<redacted>")
    # Whoever is told how to give them again finds each in its place.
    for refused in refusals:
        assert refused.returncode == 2
        (line,) = refused.stderr.decode().strip().splitlines()
        assert f"tuitrain run {SCRIPT} --study {place.study} -- --token" in line
        assert line.count("<redacted>") == len(marks)
    assert wrong.returncode == 2
    assert b"write it in that place" in wrong.stderr
    trials = sorted(p.name for p in (place.study / "trials").iterdir())
    figure(
        "P11",
        "trials started without their secrets, after these were lost",
        len(trials) - len(before),
        asked="0",
        is_met=trials == before,
    )
    assert trials == before
    again = place.run(*given)
    assert again.returncode == 1, again.stderr
    assert b"fails, so that a traceback" in again.stdout
    assert len(list((place.study / "trials").iterdir())) > len(before)
