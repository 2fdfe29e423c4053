"""The first line: what is cut where room is short, and what never is."""

from pathlib import Path

import pytest

from tests.tui.builder import StudyBuilder
from tests.tui.studies import build_coarse_grid
from tuitrain.events import AutoSet, Step, StudyEnded
from tuitrain.model import StudyModel, fold_all
from tuitrain.sources import StudySource
from tuitrain.study import Study
from tuitrain.tui.lines import width_of
from tuitrain.tui.messages import Link
from tuitrain.tui.panes.header import HeaderPane


def header(study: StudyBuilder, width: int, link: Link | None = None) -> str:
    study.close()
    records = StudySource(study.folder.path).read_all()
    pane = HeaderPane(id="header")
    pane.set_reactive(HeaderPane.study, Study(fold_all(StudyModel(), records)))
    pane.set_reactive(HeaderPane.link, link or Link())
    (row,) = pane.draw(width, 1)
    assert width_of(row) <= width
    return "".join(text for text, _ in row)


@pytest.mark.parametrize("width", [60, 70, 80, 100])
def test_how_a_study_stands_is_told_in_the_narrowest_header(
    tmp_path: Path, width: int
) -> None:
    study = build_coarse_grid(tmp_path / "digits")
    study.journal(AutoSet(on=True), StudyEnded(state="finished"))
    assert "coarse grid" in header(study, width)
    assert (
        header(study, width)
        .rstrip()
        .removesuffix("no GPU")
        .rstrip()
        .endswith("· finished")
    )


def test_how_a_study_stands_is_told_beside_a_replay_s_clock(tmp_path: Path) -> None:
    study = StudyBuilder(tmp_path / "digits")
    study.enter(Step.LEARNING_CURVES)
    study.journal(StudyEnded(state="finished"))
    link = Link(is_replay=True, speed=125.0, position_s=2499.0, length_s=2499.0)
    shown = header(study, 80, link)
    assert "6/6" in shown
    assert "· finished" in shown


def test_a_wide_header_tells_all(tmp_path: Path) -> None:
    study = build_coarse_grid(tmp_path / "digits")
    study.journal(AutoSet(on=True))
    shown = header(study, 120)
    assert "· round 1 · step 4 of 6 coarse grid · 6/9 trials ·" in shown
    assert "· auto" in shown
