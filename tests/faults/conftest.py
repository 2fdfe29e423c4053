"""What every test of a promise may use."""

import subprocess
from collections.abc import Callable
from dataclasses import asdict

import pytest

from tests.faults.figures import MEASURED, Figure, in_order
from tuitrain.launch import ProcessIdentity

Tell = Callable[..., None]
_FIGURE = "figure"


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Tell:
    """`figure("P1", "lost points", 0, asked="0", is_met=True)`: tell one figure."""

    def tell(
        promise: str,
        what: str,
        value: object,
        asked: str = "",
        is_met: bool | None = None,
    ) -> None:
        told = Figure(promise, what, str(value), asked, is_met)
        # With its report it gets from a process of several to the one that prints.
        request.node.user_properties.append((_FIGURE, asdict(told)))

    return tell


@pytest.fixture
def sleeper():
    """A process that stands in for a trial's, which only has to be there."""
    process = subprocess.Popen(["sleep", "600"])
    identity = ProcessIdentity.of(process.pid)
    yield identity
    process.kill()
    process.wait()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A fault needs time: the limit of a single test is higher here."""
    for item in items:
        if "tests/faults/" in str(item.path) and not any(item.iter_markers("timeout")):
            item.add_marker(pytest.mark.timeout(300))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Take the figures of a test that has ended, wherever it ran."""
    if report.when == "teardown":
        told = (value for name, value in report.user_properties if name == _FIGURE)
        MEASURED.extend(Figure(**figure) for figure in told)  # type: ignore[arg-type]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was measured."""
    if not MEASURED:
        return
    terminalreporter.section("promises")
    for told in in_order():
        verdict = {True: "met", False: "MISSED", None: ""}[told.is_met]
        asked = f" (asked: {told.asked})" if told.asked else ""
        line = f"{told.promise:4} {told.what}: {told.value}{asked} {verdict}"
        terminalreporter.line(line.rstrip())
