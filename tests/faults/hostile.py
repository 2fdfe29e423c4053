"""Texts that act on a terminal or trip over markup, and a study made of them."""

import re
from pathlib import Path
from typing import Final

from tests.tui.builder import StudyBuilder
from tuitrain.events import (
    Advice,
    CheckpointSaved,
    Confidence,
    Config,
    Finding,
    GpuReading,
    OutcomeKind,
    ProbeFailed,
    Severity,
    Step,
    StudyEnded,
    TrialId,
    TrialLimits,
    TrialLost,
    TrialQueued,
    TrialStopRequested,
    Verdict,
    VerdictOverridden,
)

CORPUS: Final[dict[str, str]] = {
    "clipboard": "a\x1b]52;c;RVZJTA==\x07b",
    "clipboard, ended by ST": "a\x1b]52;c;RVZJTA==\x1b\\b",
    "link": "a\x1b]8;;http://evil.example\x1b\\b\x1b]8;;\x1b\\c",
    "title": "a\x1b]0;EVIL\x07b",
    "title, never ended": "a\x1b]0;EVIL",
    "device control": "a\x1bP+q544e\x1b\\b\x1bP$qm\x1b\\c",
    "application commands": "a\x1b_Gf=100;EVIL\x1b\\b\x1b^EVIL\x1b\\c\x1bXEVIL\x1b\\d",
    "cursor and colours": "a\x1b[2J\x1b[31;77m\x1b[10;10Hb\x1b[6n\x1b[?1000hc\x1bc",
    "cut in the middle": "a\x1b[31",
    "lone escape": "a\x1b",
    "C1": "a\x9b31;77mb\x9d0;EVIL\x9cc\x90q\x9cd\x85e\x84f",
    "controls": "a\x00b\x07c\x08d\x0be\x0cf\x0eg\x0fh\x7fi\r\nj",
    "bidi": "a\u202egnp.exe\u202c \u2066b\u2069 \u200f\u061cc",
    "zero width": "a\u200bb\ufeffc\u2060d\u00ade",
    "markup, closing": "[/",
    "markup, unbalanced": "[/b][bold]x[/][]",
    "markup, action": "[@click=app.quit]x[/] [link=http://evil.example]y[/]",
    "lines": "one\ntwo\u2028three\u2029four\x85five",
    "wide": "日本語 👩‍👩‍👧 e\u0301\u0301\u0301 ﷽",
    "long": "x" * 5000,
}
"""What a script, a log, a file or a driver may put into a text."""

_SEQUENCE: Final = re.compile(
    rb"\x1b\[([<-?]?)([0-9;:]*)([ -/]*)([@-~])"
    rb"|\x1b([\]PX^_])([^\x07\x1b]*)(\x07|\x1b\\)"
    rb"|\x1b([ -/]*[0-~])"
)
_BAD_CHARACTER: Final = re.compile(
    "[\x00-\x06\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028\u2029"
    "\u202a-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]"
)


def shapes(content: bytes) -> set[bytes]:
    """Return the kinds of escape sequences in what a terminal was sent.

    Numbers are left out of them, what strings such as titles hold is not.
    """
    found = set()
    for match in _SEQUENCE.finditer(content):
        private, _, middle, final, string, text, _, other = match.groups()
        if final is not None:
            found.add(b"CSI " + private + middle + final)
        elif string is not None:
            found.add(b"string " + string + text)
        else:
            found.add(b"ESC " + other)
    return found


def find_bad(content: bytes) -> list[str]:
    """Return what a terminal should not be sent besides whole escape sequences."""
    rest = _SEQUENCE.sub(b"", content)
    text = rest.decode("utf-8", "surrogateescape")
    bad = sorted(set(_BAD_CHARACTER.findall(text)))
    return [repr(character) for character in bad] + ["ESC"] * (b"\x1b" in rest)


def build_hostile(path: Path, texts: list[str]) -> StudyBuilder:
    """A study in which every text that anybody can choose is one of `texts`."""
    study = StudyBuilder(path, name=texts[0])
    study.gpus(
        *(
            GpuReading(uuid=text, name=text, used_ratio=0.5, temp_c=50.0)
            for text in texts
        )
    )
    study.enter(Step.COARSE_GRID)
    study.start()
    findings, advice = [], []
    for text in texts:
        trial = _try(study, text)
        raw = b"\r\n".join(each.encode("utf-8", "surrogatepass") for each in texts)
        study.folder.trial(trial).out.write_bytes(raw + b"\xed\xa0\x80\xff\n")
        findings.append(_find(text))
        advice.append(Advice(text=text, change={"lr": 1e-3, "epochs": 3}))
        _name_trial(study, text)
    study.judge(Verdict.FAIL, " ".join(texts), findings=findings, advice=advice)
    study.journal(
        VerdictOverridden(
            step=Step.COARSE_GRID,
            round=1,
            attempt=1,
            verdict=Verdict.WARN,
            note=" ".join(texts),
        ),
        StudyEnded(state="failed", message=" ".join(texts)),
    )
    return study


def _try(study: StudyBuilder, text: str) -> TrialId:
    """One trial whose every word is `text`."""
    config: Config = {"lr": 1e-2, "weight_decay": 0.0, text: text, "name": text}
    trial = study.queue(config, TrialLimits(epochs=3))
    study.begin(trial, layers=[text, f"{text}.weight"], device=text)
    study.measure(
        trial,
        [1, 2, 3],
        {
            "loss": [2.3, 2.2, 2.1],
            text: [0.1, 0.2, 0.3],
            f"val_{text}": [0.1, 0.2, 0.3],
            f"update_ratio/{text}": [1e-3] * 3,
        },
    )
    study.points(trial, ProbeFailed(trial=trial, probe=text, error=text))
    study.points(trial, CheckpointSaved(trial=trial, path=text, epoch=1, iteration=3))
    study.journal(TrialStopRequested(trial=trial, reason=text))
    study.finish(trial, OutcomeKind.RAISED, 3, text, f"Traceback\n{text}\n{text}")
    return trial


def _find(text: str) -> Finding:
    return Finding(
        kind=text,
        severity=Severity.CRITICAL,
        confidence=Confidence.HIGH,
        summary=text,
        evidence={text: text, "list": [1.0, text]},
        advice=(Advice(text=text),),
        consequence_of=text,
        trial=TrialId(text),
    )


def _name_trial(study: StudyBuilder, text: str) -> None:
    """A trial that is called `text`; there is no folder of it."""
    trial = TrialId(text)
    study.journal(
        TrialQueued(
            trial=trial,
            step=Step.COARSE_GRID,
            round=1,
            attempt=1,
            config={"lr": 1e-2, "weight_decay": 0.0},
            limits=TrialLimits(epochs=3),
            seed=0,
        ),
        TrialLost(trial=trial, reason=text),
    )
