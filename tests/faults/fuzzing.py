"""Mutated inputs: a fast seeded mutator of bytes, and one that keeps the JSON valid."""

import copy
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

TOKENS: tuple[bytes, ...] = (
    b"null",
    b"true",
    b"-1",
    b"0",
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"-0.0",
    b"9" * 400,
    b"18446744073709551616",
    b'"nan"',
    b'""',
    b"[]",
    b"{}",
    b"[" * 2000,
    b'{"a":' * 2000,
    b"[" * 300 + b"]" * 300,
    b'{"a":' * 300 + b"1" + b"}" * 300,
    b'{"a":' * 900 + b"1" + b"}" * 900,
    b'"\\ud800"',
    b"\\u0000",
    b"\xff\xfe",
    b"\xc3\x28",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\x00",
    b"\x1b[2J",
    b"\x9b31m",
    "\u202e".encode(),
    b"../../x",
    b",",
    b":",
    b'"',
    b"\\",
    b"\n",
    b"\r\n",
    b" ",
    b"[",
    b"]",
    b"{",
    b"}",
)
"""What parsers trip over."""

VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1,
    2**31,
    2**63 - 1,
    -(2**63),
    0.0,
    -0.0,
    5e-324,
    1e308,
    -1e308,
    "",
    "nan",
    "inf",
    "-inf",
    "\ud800",
    "a\x00b",
    "\x1b]52;c;QUFB\x07",
    "../../x",
    "x" * 5000,
    [],
    {},
    [1e308, "nan"],
    [[]],
    {"": None},
    {"loss": [1.0]},
    "0001",
    "0002",
    "loss",
    "val_loss",
)
"""What a field may be turned into."""


@dataclass
class Room:
    """Something that reads what others wrote."""

    name: str
    samples: Sequence[bytes]
    """Well-formed inputs that are mutated."""
    eat: Callable[[bytes], object]
    own: tuple[type[Exception], ...]
    """What it may raise: its own errors only."""
    share: int
    """Inputs in the size of CI."""
    mutate: Callable[[random.Random, Sequence[bytes]], bytes] | None = None
    """None: bytes are mutated."""


@dataclass
class Eaten:
    """What came of a room's inputs."""

    refused: int = 0
    taken: int = 0
    escaped: list[tuple[bytes, BaseException]] = field(default_factory=list)


def feed(room: Room, content: bytes, eaten: Eaten) -> None:
    """Give a room one input, and note what came of it."""
    try:
        room.eat(content)
    except room.own:
        eaten.refused += 1
    except (Exception, RecursionError, MemoryError) as error:  # noqa: BLE001
        eaten.escaped.append((content, error))
    else:
        eaten.taken += 1


def fuzz(room: Room, count: int, seed: int) -> Eaten:
    """Give a room so many mutated inputs; the same ones for the same seed."""
    chance, eaten = random.Random(f"{room.name} {seed}"), Eaten()
    mutate = room.mutate or mutate_bytes
    for _ in range(count):
        feed(room, mutate(chance, room.samples), eaten)
    return eaten


def mutate_bytes(chance: random.Random, samples: Sequence[bytes]) -> bytes:
    """Return a sample after one to four changes."""
    content = bytearray(chance.choice(samples))
    for _ in range(chance.choice((1, 1, 1, 2, 3, 4))):
        place = chance.randrange(len(content) + 1)
        end = min(len(content), place + chance.choice((1, 1, 2, 8, 64)))
        match chance.randrange(7):
            case 0 if content:
                content[place - 1] ^= 1 << chance.randrange(8)
            case 1:
                del content[place:end]
            case 2:
                content[place:place] = content[place:end]
            case 3:
                content[place:place] = chance.choice(TOKENS)
            case 4:
                content[place:end] = chance.choice(TOKENS)
            case 5:
                other = chance.choice(samples)
                content[place:] = other[chance.randrange(len(other) + 1) :]
            case _:
                content[place:end] = chance.randbytes(end - place)
    return bytes(content)


def mutate_json(chance: random.Random, samples: Sequence[bytes]) -> bytes:
    """Return a sample that is JSON still, with one to three values changed."""
    tree = json.loads(chance.choice(samples))
    for _ in range(chance.choice((1, 1, 2, 3))):
        tree = _change(chance, tree)
    return json.dumps(tree).encode()


def _value(chance: random.Random) -> Any:
    return copy.deepcopy(chance.choice(VALUES))


def _change(chance: random.Random, tree: Any) -> Any:
    """Change one value somewhere in `tree`, itself perhaps."""
    if isinstance(tree, dict) and tree and chance.random() < 0.9:
        key = chance.choice(list(tree))
        match chance.randrange(12):
            case 0:
                del tree[key]
            case 1:
                tree[str(_value(chance))] = copy.deepcopy(tree[key])
            case 2:
                tree[key] = copy.deepcopy(tree[chance.choice(list(tree))])
            case _:
                tree[key] = _change(chance, tree[key])
        return tree
    if isinstance(tree, list) and tree and chance.random() < 0.7:
        place = chance.randrange(len(tree))
        match chance.randrange(5):
            case 0:
                del tree[place]
            case 1:
                tree[place:place] = tree[:place]
            case 2:
                tree.append(_value(chance))
            case _:
                tree[place] = _change(chance, tree[place])
        return tree
    if isinstance(tree, int | float) and not isinstance(tree, bool):
        return chance.choice([tree + 1, -tree, tree * 1000, _value(chance)])
    return _value(chance)
