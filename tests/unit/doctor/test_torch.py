"""Interpreters and their torch: made-up facts, fake torches, and the real one."""

import stat
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from tuitrain.doctor import torch_probe
from tuitrain.doctor.check import State
from tuitrain.doctor.cuda import choose_wheel, judge_cuda, parse_version
from tuitrain.doctor.gpu_probe import DriverFacts, GpuFacts
from tuitrain.doctor.interpreters import (
    TorchDevice,
    TorchFacts,
    find_interpreters,
    find_per_gpu,
    judge_torch,
    read_torch,
)

NAMED: dict[str, Any] = {"interpreter": "/py", "python": "3.11.7"}
TORCH: dict[str, Any] = {
    **NAMED,
    "torch": "2.8.0",
    "cuda": "12.8",
    "is_available": True,
}
ONE = TorchDevice(name="H200", uuid="GPU-0")


@pytest.mark.parametrize(
    ("facts", "state", "words"),
    [
        ({**NAMED, "torch": "2.8.0+cpu"}, State.FINE, "for the CPU"),
        ({**NAMED, "torch": "2.8.0", "cuda": "12.8"}, State.FINE, "for CUDA 12.8"),
        ({**NAMED, "torch": "2.8.0", "hip": "6.4"}, State.FINE, "for ROCm 6.4"),
        (NAMED, State.BROKEN, "not in /py"),
        ({**NAMED, "error": "libcudnn.so.9"}, State.BROKEN, "libcudnn.so.9"),
        ({"interpreter": "/py", "error": "no such"}, State.BROKEN, "no such"),
        ({"interpreter": "/py"}, State.BROKEN, "does not answer"),
        ({**NAMED, "torch": "2", "missing": ["msgspec"]}, State.BROKEN, "msgspec"),
    ],
)
def test_a_script_needs_torch_where_it_runs(facts, state, words):
    (check,) = judge_torch([TorchFacts(**facts)])
    assert check.state is state
    assert words in check.found
    assert check.mend.startswith("see for yourself: /py" if "see" in check.mend else "")
    assert bool(check.mend) is (state is State.BROKEN)


def driver(*versions: int, count: int = 1) -> DriverFacts:
    return DriverFacts(
        driver="550.54",
        cuda=(versions[0], versions[1]) if versions else None,
        gpus=[GpuFacts(uuid=f"GPU-{index}") for index in range(count)],
    )


@pytest.mark.parametrize(
    ("facts", "there", "state", "words", "mend"),
    [
        ({"devices": [ONE]}, driver(12, 8), State.FINE, "reached", ""),
        ({"devices": [ONE]}, driver(13, 0), State.FINE, "reached", ""),
        ({"devices": [ONE]}, driver(), State.FINE, "reached", ""),
        ({"devices": [ONE]}, driver(12, 4), State.WARNING, "it works", "cu124"),
        (
            {"is_available": False, "cuda": "13.0"},
            driver(12, 4),
            State.BROKEN,
            "built for CUDA 13.0, the driver (550.54) supports 12.4 at most",
            "cu124",
        ),
        (
            {"is_available": False, "warned": "no device node"},
            driver(12, 8),
            State.BROKEN,
            "reaches no GPU: no device node",
            "torch.cuda.init()",
        ),
        (
            {"is_available": False},
            driver(10, 2),
            State.BROKEN,
            "10.2 at most",
            "no torch of today",
        ),
        (
            {"devices": [ONE]},
            driver(12, 8, count=2),
            State.WARNING,
            "1 of 2",
            "collect_env",
        ),
        (
            {"cuda": None, "torch": "2.8.0+cpu", "is_available": False},
            driver(12, 8),
            State.WARNING,
            "the CPU",
            "cu128",
        ),
        ({"cuda": None, "hip": "6.4"}, driver(12, 8), State.WARNING, "ROCm", "cu128"),
    ],
)
def test_torch_and_driver_must_fit_each_other(facts, there, state, words, mend):
    (check,) = judge_cuda([TorchFacts(**{**TORCH, **facts})], there)
    assert check.state is state
    assert words in check.found
    assert mend in check.mend
    assert bool(check.mend) is bool(mend)


def test_without_a_gpu_or_a_torch_there_is_nothing_to_fit():
    assert judge_cuda([TorchFacts(**TORCH)], DriverFacts()) == []
    assert judge_cuda([TorchFacts(**NAMED)], driver(12, 8)) == []


@pytest.mark.parametrize(
    ("text", "version"),
    [("12.8", (12, 8)), ("11.8.89", (11, 8)), ("", None), (None, None), ("x", None)],
)
def test_a_version_is_two_numbers(text, version):
    assert parse_version(text) == version


def test_the_newest_build_that_fits_is_offered():
    assert choose_wheel((12, 5)).endswith("/cu124")
    assert choose_wheel((99, 0)) == choose_wheel(None)
    assert choose_wheel((9, 0)) == ""


def test_studies_name_interpreters_and_places(tmp_path):
    for name, text in (
        ("a", '[devices]\npython = "/opt/py"\nper_gpu = 3\n'),
        ("b", '[devices]\npython = "/opt/py"\n'),
        ("c", "no toml"),
        ("d", "devices = 1\n"),
        ("e", '[devices]\npython = 1\nper_gpu = "x"\n'),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "study.toml").write_text(text)
    assert find_interpreters(tmp_path) == [sys.executable, "/opt/py"]
    assert find_per_gpu(tmp_path) == 3
    assert find_interpreters(tmp_path / "none") == [sys.executable]
    assert find_per_gpu(tmp_path / "none") == 1


def test_the_torch_of_this_interpreter_is_asked_in_a_process_of_its_own():
    import importlib.metadata

    facts = read_torch(sys.executable)
    assert facts.torch == importlib.metadata.version("torch")
    assert facts.missing == []
    assert judge_torch([facts])[0].state is State.FINE


def make_interpreter(tmp_path, script: str) -> str:
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("exit 3", "exit status 3"),
        ("echo unknown option -P >&2; exit 2", "unknown option -P"),
        ("kill -SEGV $$", "it crashed (SIGSEGV)"),
        ("echo nonsense", "its answer makes no sense"),
        ("sleep 60", "no answer within 1 s"),
    ],
)
def test_an_interpreter_that_fails_says_how(tmp_path, script, words):
    facts = read_torch(make_interpreter(tmp_path, script), limit_s=1.0)
    assert words in facts.error
    assert judge_torch([facts])[0].state is State.BROKEN


def test_an_interpreter_that_is_not_there_is_told(tmp_path):
    assert "no such program" in read_torch(str(tmp_path / "none")).error


def test_words_of_an_import_do_not_spoil_the_answer(tmp_path):
    script = f"echo noise; echo '{torch_probe.MARK}" + '{"python":"3.12.1"}' + "'"
    assert read_torch(make_interpreter(tmp_path, script)).python == "3.12.1"


def fake_torch(**changes) -> SimpleNamespace:
    """Stand-in for a torch with a GPU."""

    def fail() -> bool:
        raise RuntimeError("driver")

    cuda = SimpleNamespace(
        is_available=fail if changes.get("fails") else lambda: True,
        device_count=lambda: 2,
        get_device_properties=[
            SimpleNamespace(name="H200", uuid="1-2"),
        ].__getitem__,
    )
    version = SimpleNamespace(cuda="12.8", hip=None)
    return SimpleNamespace(__version__="2.8.0", version=version, cuda=cuda)


def test_a_device_that_fails_costs_its_own_name_only():
    assert torch_probe.look_at_torch(fake_torch()) == {
        "torch": "2.8.0",
        "cuda": "12.8",
        "hip": None,
        "is_available": True,
        "devices": [{"name": "H200", "uuid": "GPU-1-2"}, {"name": "", "uuid": ""}],
    }
    assert not torch_probe.look_at_torch(fake_torch(fails=True))["is_available"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ModuleNotFoundError("No module", name="torch"), None),
        (ModuleNotFoundError("No module named 'sympy'", name="sympy"), "sympy"),
        (OSError("libcudart.so: cannot open"), "OSError: libcudart.so"),
    ],
)
def test_a_torch_that_cant_be_imported_says_why(monkeypatch, error, told):
    def fail(_: str) -> object:
        raise error

    monkeypatch.setattr("importlib.import_module", fail)
    found = torch_probe.look()
    assert "torch" not in found
    assert (told is None) is ("error" not in found)
    assert told is None or told in found["error"]


def test_what_torch_complains_about_is_kept(monkeypatch, capsys):
    def look_at(_: object) -> dict[str, object]:
        import warnings

        warnings.warn("the driver is too old", stacklevel=1)
        return {"torch": "2"}

    monkeypatch.setattr("importlib.import_module", lambda _: object())
    monkeypatch.setattr(torch_probe, "look_at_torch", look_at)
    assert torch_probe.look()["warned"] == "the driver is too old"
    assert torch_probe.main() == 0
    assert torch_probe.MARK in capsys.readouterr().out
