"""Every room that reads what others wrote, and what it is given to eat."""

import json
import random
import tempfile
import zlib
from collections.abc import Sequence
from functools import cache
from io import StringIO
from pathlib import Path

import msgspec
import tomli_w

from tests.faults.fuzzing import Room, mutate_bytes, mutate_json
from tests.samples import EVENTS, GPUS, JOURNAL, POINTS, STATE, make_records
from tuitrain.checklist import SettingsError, edit_settings, settings_from, settings_to
from tuitrain.cli.failures import UsageError
from tuitrain.cli.script import find_script
from tuitrain.commands import (
    ChangeSettings,
    Command,
    GoToStep,
    OverrideVerdict,
    RunStep,
)
from tuitrain.events import (
    Event,
    LogVersionError,
    RecordError,
    Step,
    TrialId,
    TrialLimits,
    Verdict,
    decode_record,
    encode_record,
)
from tuitrain.headless import Look, Printer, diagnose_headless, replay_headless
from tuitrain.launch import ProcessIdentity, read_boot_id
from tuitrain.model import StudyModel, fold_all
from tuitrain.sources import StudySource
from tuitrain.store import (
    LogFollower,
    LogWriter,
    StoreError,
    StudyFolder,
    TrialSpec,
    read_given,
    read_spec,
    redact,
)
from tuitrain.study import Study
from tuitrain.supervisor.study_file import StudyFile
from tuitrain.supervisor.whereabouts import Whereabouts, read_whereabouts
from tuitrain.tui.plan_fields import Kind, read
from tuitrain.units import sanitize
from tuitrain.wire import (
    CLIENT_LINE_BYTES,
    WIRE_VERSION,
    Answered,
    Asked,
    FrameError,
    Hello,
    LineFramer,
    Message,
    Refused,
    Relayed,
    Troubled,
    Welcome,
    decode_message,
    encode_message,
)

_TRIAL = TrialId("0001")
_LOOK = Look(columns=100, lines=24, ascii_only=False, has_colour=False)
_EXAMPLES = Path(__file__).parents[2] / "examples"


@cache
def _place() -> Path:
    """A folder in memory where there is one: files are written by the thousand."""
    shared = Path("/dev/shm")
    within = str(shared) if shared.is_dir() else None
    return Path(tempfile.mkdtemp(prefix="tuitrain-fuzz-", dir=within))


def _write(name: str, content: bytes) -> Path:
    path = _place() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


# --- the wire -------------------------------------------------------------------------


def _messages() -> list[bytes]:
    record = encode_record(make_records(POINTS)[1]).removesuffix(b"\n")
    commands: tuple[Command, ...] = (
        RunStep(),
        GoToStep(step=Step.FIND_LR),
        OverrideVerdict(verdict=Verdict.PASS, note="fine"),
        ChangeSettings(settings={"find_lr": {"lrs": [0.1, 0.01]}, "config": {"a": 1}}),
    )
    said: list[Message] = [
        Hello(version=WIRE_VERSION, role="client", study="digits"),
        Hello(version=WIRE_VERSION, role="trial", study="digits", trial=_TRIAL),
        Welcome(version=WIRE_VERSION, study="digits", pid=3),
        Refused(reason="no"),
        *(Asked(id=n, command=command) for n, command in enumerate(commands)),
        Answered(id=1, accepted=True, message="done"),
        Relayed(stream="0001/points", record=msgspec.Raw(record)),
        Troubled(message="no space left"),
    ]
    return [encode_message(message) for message in said]


def eat_stream(content: bytes) -> None:
    """Frame and decode as both ends of the socket do, and obey what is well-formed."""
    framer = LineFramer(CLIENT_LINE_BYTES)
    for line in framer.feed(content):
        message = decode_message(line)
        if isinstance(message, Relayed):
            LogFollower(Path("nowhere")).offer(bytes(message.record) + b"\n")
        if isinstance(message, Asked) and isinstance(message.command, ChangeSettings):
            settings_from(message.command.settings)


# --- the log --------------------------------------------------------------------------


def _lines(events: Sequence[Event]) -> list[bytes]:
    return [encode_record(record) for record in make_records(events)]


def sign(body: bytes) -> bytes:
    """Return a line whose CRC is right, whatever it holds; `body` is a JSON object."""
    head = body.rstrip()[:-1]
    return b'%s,"crc":"%08x"}\n' % (head, zlib.crc32(head))


def _unsigned(events: Sequence[Event]) -> list[bytes]:
    return [line[: line.rindex(b',"crc"')] + b"}" for line in _lines(events)]


def mutate_signed(chance: random.Random, samples: Sequence[bytes]) -> bytes:
    """Return a line whose content is odd and whose CRC is right."""
    mutate = mutate_json if chance.random() < 0.8 else mutate_bytes
    return sign(mutate(chance, samples))


def eat_line(content: bytes) -> None:
    """Decode a line; what is taken must be written and read again as the same."""
    record = decode_record(content)
    assert decode_record(encode_record(record)) == record


def mutate_log(chance: random.Random, samples: Sequence[bytes]) -> bytes:
    """Return a log with some lines changed, signed again, left out, or twice there."""
    lines = list(samples)
    for _ in range(chance.randrange(1, 4)):
        place = chance.randrange(len(lines))
        match chance.randrange(8):
            case 0:
                del lines[place]
            case 1:
                lines[place:place] = [chance.choice(lines)]
            case 2:
                lines[place] = mutate_bytes(chance, lines)
            case _:
                lines[place] = mutate_signed(chance, [samples_body(lines[place])])
        lines = lines or list(samples)
    return b"".join(line.rstrip(b"\n") + b"\n" for line in lines)


def samples_body(line: bytes) -> bytes:
    """Return a line without its CRC, or any JSON object if it is none any more."""
    body = line[: line.rfind(b',"crc"')] + b"}"
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return b'{"seq":0}'
    return body


def eat_log(content: bytes) -> None:
    """Read a log, fold it, and derive all that a screen shows."""
    source = StudySource(_write("log.jsonl", content))
    study = Study(fold_all(StudyModel(), source.read_all()))
    _ = (study.state, study.steps, study.gpus, study.settings)
    for trial in study.trials:
        _ = study.findings(trial.trial), study.gauges(trial.trial)
        _ = study.metrics(trial.trial)


def eat_tail(content: bytes) -> None:
    """Carry a damaged log on, and read it again."""
    path = _write("tail.jsonl", content)
    writer = LogWriter(path, "x")
    writer.append([POINTS[1]])
    writer.close()
    LogFollower(path).read()


_STREAMS: tuple[tuple[str, Sequence[Event]], ...] = (
    ("journal.jsonl", JOURNAL),
    ("trials/0001/state.jsonl", STATE),
    ("trials/0001/points.jsonl", POINTS),
    ("gpus.jsonl", GPUS),
)


def mutate_study(chance: random.Random, samples: Sequence[bytes]) -> bytes:
    """Return which stream is damaged, and how: the rest stays as it is."""
    number = chance.randrange(len(_STREAMS))
    return b"%d\n" % number + mutate_log(chance, _lines(_STREAMS[number][1]))


def eat_study(content: bytes) -> None:
    """Replay and diagnose a study with one damaged stream, as the commands do."""
    number, _, damaged = content.partition(b"\n")
    place = int(number) if number.isdigit() else 0
    for index, (name, events) in enumerate(_STREAMS):
        whole = damaged if index == place else b"".join(_lines(events))
        _write(f"study/{name}", whole)
    printer = Printer(StringIO(), _LOOK)
    replay_headless(_place() / "study", printer, as_json=False)
    diagnose_headless(_place() / "study", printer, as_json=True)


# --- other files ----------------------------------------------------------------------


def _toml() -> list[bytes]:
    settings = {
        "script": "train.py",
        "metric": "val_accuracy",
        "config": {"batch_size": 32, "name": "a"},
        "find_lr": {"lrs": [0.1, 0.01]},
        "devices": {"gpus": [0, "GPU-1"], "slots": 2},
    }
    return [tomli_w.dumps(settings).encode(), b'script = "train.py"\n']


def eat_toml(content: bytes) -> None:
    """Read `study.toml`, and write what was taken."""
    folder = StudyFolder(_write("settings/study.toml", content).parent)
    settings = StudyFile(folder).read()
    if settings is not None:
        edited = edit_settings(content.decode(), settings)
        assert settings_to(settings) is not None
        assert edited


def eat_settings(content: bytes) -> None:
    """Take settings that came as JSON."""
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        return  # that is between json and the test
    if isinstance(data, dict):
        settings_from(data)


def _spec() -> list[bytes]:
    spec = TrialSpec(
        trial=_TRIAL,
        study="digits",
        script="/train.py",
        step=Step.FIND_LR,
        config={"lr": 0.1, "weight_decay": 0.0},
        limits=TrialLimits(iterations=100),
        arguments=["--data", "x"],
    )
    return [msgspec.json.encode(spec)]


def eat_spec(content: bytes) -> None:
    """Read `trial.json`."""
    read_spec(_write("trial.json", content))


def _whereabouts() -> list[bytes]:
    whereabouts = Whereabouts(
        pid=1, start_ticks=1, boot_id=read_boot_id(), socket="/x", cwd="/"
    )
    return [msgspec.json.encode(whereabouts)]


def eat_whereabouts(content: bytes) -> None:
    """Read `supervisor.json`, and look whether that process is alive."""
    folder = StudyFolder(_write("found/supervisor.json", content).parent)
    found = read_whereabouts(folder)
    if found is not None:
        identity: ProcessIdentity = found.identity
        identity.is_alive()


def _given() -> list[bytes]:
    arguments = ["--token", "x", "url=https://me:x@host/?api_key=x&b=1"]
    return [json.dumps({"arguments": [*arguments, "hf_" + "Ab1" * 8]}).encode()]


def eat_given(content: bytes) -> None:
    """Read arguments as they were given, and redact them; any text is an argument."""
    path = _write("study.arguments", content)
    path.chmod(0o600)
    given = read_given(path) or (content.decode("utf-8", "surrogateescape"),)
    assert redact(redact(given)) == redact(given)


def eat_script(content: bytes) -> None:
    """Look for the task in a script."""
    find_script(str(_write("script.py", content)))


def eat_text(content: bytes) -> None:
    """Read what a person typed into the plan, and make any text harmless."""
    text = content.decode("utf-8", "surrogateescape")
    assert sanitize(sanitize(text)) == sanitize(text)
    for kind in Kind:
        read(text, kind)


ROOMS: tuple[Room, ...] = (
    Room("wire", _messages(), eat_stream, (FrameError, SettingsError), 80_150),
    Room("log line", _lines(EVENTS), eat_line, (RecordError,), 40_000),
    Room(
        "signed log line",
        _unsigned(EVENTS),
        eat_line,
        (RecordError,),
        40_000,
        mutate_signed,
    ),
    Room(
        "log",
        _lines(POINTS),
        eat_log,
        (StoreError, LogVersionError),
        2_000,
        mutate_log,
    ),
    Room("tail of a log", _lines(POINTS), eat_tail, (StoreError,), 4_000, mutate_log),
    Room(
        "study", [b"0\n"], eat_study, (StoreError, LogVersionError), 250, mutate_study
    ),
    Room("study.toml", _toml(), eat_toml, (SettingsError,), 4_000),
    Room(
        "settings",
        [json.dumps(settings_to(settings_from({"script": "x"}))).encode()],
        eat_settings,
        (SettingsError,),
        6_000,
        mutate_json,
    ),
    Room("trial.json", _spec(), eat_spec, (StoreError,), 8_000),
    Room("supervisor.json", _whereabouts(), eat_whereabouts, (), 4_000),
    Room("arguments", _given(), eat_given, (), 4_000),
    Room(
        "script",
        [p.read_bytes() for p in sorted(_EXAMPLES.glob("*.py"))],
        eat_script,
        (UsageError,),
        600,
    ),
    Room("typed text", [b"0.1, 0.01", b"auto", b"7"], eat_text, (), 7_000),
)
"""200,000 inputs in all in the size of CI."""
