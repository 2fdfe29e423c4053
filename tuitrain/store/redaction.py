"""Arguments of a script as they may be written down: without what looks like a secret.

What looks like one is told by its name (`--api-key …`, `HF_TOKEN=…`), by where it stands
(`https://user:password@host`) or by its shape (`hf_…`, a long string of random letters
and digits). Anything else is kept: nobody can tell a secret that looks like a word.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

REDACTED: Final = "<redacted>"
"""Stands in the place of what is not written down."""

_SECRET: Final = frozenset(
    [
        "secret",
        "secrets",
        "password",
        "passwords",
        "passwd",
        "passphrase",
        "credential",
        "credentials",
        "auth",
        "authorization",
        "apikey",
    ]
)
"""Words that make a name that of a secret wherever they stand in it."""
_SECRET_AT_THE_END: Final = frozenset(
    ["token", "pwd", "pass", "pat", "bearer", "cookie"]
)
"""Words that do so as the last of a name: a `token_dropout` is no token."""
_ENDINGS: Final = ("token", "secret", "password", "passwd", "apikey", "accesskey")
"""What a word written as one with others ends in: `hftoken`."""
_KEYS: Final = frozenset(
    ["api", "access", "secret", "private", "encryption", "signing", "ssh"]
)
"""What a key is for, if it is a secret whatever it looks like."""

_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_NOTHING: Final = frozenset(("", "true", "false", "none"))
_NUMBER: Final = re.compile(r"[-+]?\d[\d_.]*(?:e[-+]?\d+)?", re.IGNORECASE)
_COLUMN: Final = re.compile(r"[A-Za-z_]{1,15}")
"""What a key that is the name of a column looks like: `--label-key caption`."""

_NAME: Final = r"(?P<name>-*\w[\w.-]*)"
_ASSIGNED: Final = re.compile(rf"{_NAME}=(?P<value>.*)", re.DOTALL)
_WITHIN: Final = re.compile(
    rf"(?<![\w.-]){_NAME}(?P<between>[\"']?\s*[=:]\s*(?:(?:Bearer|Basic)\s+)?[\"']?)"
    r"(?P<value>[^\s\"'&;,{}]+)"
)
"""A pair within an argument: of a query, of JSON, of a header."""
_USERINFO: Final = re.compile(r"(?P<scheme>://)[^\s/?#]+(?=@)")
_TOKEN: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"hf_[A-Za-z0-9]{16,}|(?:sk|rk|pk)-[\w-]{16,}|gh[opsur]_[A-Za-z0-9]{16,}|"
    r"github_pat_\w{16,}|gl(?:pat|dt|rt)-[\w-]{16,}|(?:AKIA|ASIA)[A-Z0-9]{12,}|"
    r"xox[abeprs]-[\w-]{10,}|AIza[\w-]{30,}|nvapi-[\w-]{16,}|"
    r"(?:npm|pypi|dckr_pat|wandb_v1|r8)[-_][\w-]{20,}|"
    r"eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?)",
    re.ASCII,
)
"""Tokens that say by their beginning what they are."""
_PRIVATE_KEY: Final = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*", re.DOTALL)
_LONG: Final = re.compile(
    r"(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])|"
    r"(?<![\w-])[\w-]{32,}|[A-Za-z0-9]{24,}",
    re.ASCII,
)
"""What is looked at for randomness; the lengths are those of keys in use."""
_UNBROKEN: Final = re.compile(r"[A-Za-z0-9]{16,}")
_HEX: Final = re.compile(r"(?=.*\d)(?=.*[a-f])(?:[0-9a-f]{32,}|[0-9A-F]{32,})", re.I)
_CHANGE: Final = re.compile(
    r"(?<=[a-z])[A-Z\d]|(?<=[A-Z])[a-z\d]|(?<=\d)[A-Za-z]", re.ASCII
)
_CHANGES: Final = 0.35
"""Changes between small letter, capital and digit for each character from which on a
string of all three counts as random. Ours: one that is random has 0.6, words that are
joined by capitals have 0.2."""
_CHANGES_OF_TWO, _DIGITS_OF_TWO = 0.3, 3
"""The same of letters of one size and digits, of which a random string has 0.4."""


def redact(arguments: Sequence[str]) -> tuple[str, ...]:
    """Return `arguments` with `REDACTED` wherever something looks like a secret.

    What was redacted before stays as it is.
    """
    before, redacted = tuple(arguments), _redact_once(arguments)
    # What is left of a name may be that of a secret: `hf_…_key=x`. Each time around,
    # less is left to be looked at.
    while redacted != before:
        before, redacted = redacted, _redact_once(redacted)
    return redacted


def is_redacted(arguments: Iterable[str]) -> bool:
    """Whether something of `arguments` is not written down."""
    return any(REDACTED in argument for argument in arguments)


def _redact_once(arguments: Sequence[str]) -> tuple[str, ...]:
    redacted = []
    name = ""
    for argument in arguments:
        is_option = argument.startswith("-")
        if name and not is_option and _hides(name, argument):
            redacted.append(REDACTED)
        else:
            redacted.append(_redact_one(argument))
        name = argument if is_option and "=" not in argument else ""
    return tuple(redacted)


def _redact_one(argument: str) -> str:
    whole = _ASSIGNED.fullmatch(argument)
    if whole and _hides(whole["name"], whole["value"]):
        return f"{whole['name']}={REDACTED}"
    text = _USERINFO.sub(rf"\g<scheme>{REDACTED}", argument)
    text = _redact_pairs(text)
    text = _PRIVATE_KEY.sub(REDACTED, text)
    text = _TOKEN.sub(REDACTED, text)
    return _LONG.sub(lambda m: REDACTED if _is_random(m[0]) else m[0], text)


def _redact_pairs(text: str) -> str:
    parts, start = [], 0
    while pair := _WITHIN.search(text, start):
        parts.append(text[start : pair.start("value")])
        # A value that is kept may hold a pair itself: `url=https://host?token=…`.
        start = pair.start("value")
        if _hides(pair["name"], pair["value"]):
            parts.append(REDACTED)
            start = pair.end()
    return "".join([*parts, text[start:]])


def _hides(name: str, value: str) -> bool:
    """Whether `value` is a secret, being called `name`."""
    words = [word.lower() for word in _WORD.findall(name)]
    if not words or value.lower() in _NOTHING:
        return False
    if any(word in _SECRET for word in words):
        return True
    if _NUMBER.fullmatch(value):
        return False
    last = words[-1]
    if last == "key":
        is_any_key = len(words) == 1 or words[-2] in _KEYS
        return is_any_key or not _COLUMN.fullmatch(value)
    return last in _SECRET_AT_THE_END or last.endswith(_ENDINGS)


def _is_random(text: str) -> bool:
    if _HEX.fullmatch(text):
        return True
    joined = text.replace("/", "").replace("+", "")
    return any(_has_many_changes(part) for part in _UNBROKEN.findall(joined))


def _has_many_changes(text: str) -> bool:
    digits = sum(character.isdigit() for character in text)
    changes = len(_CHANGE.findall(text)) / len(text)
    if text.lower() == text or text.upper() == text:
        return digits >= _DIGITS_OF_TWO and changes >= _CHANGES_OF_TWO
    return digits > 0 and changes >= _CHANGES
