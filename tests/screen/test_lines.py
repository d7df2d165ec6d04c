"""A line now and then: counts, how robots stand, and the log's warnings, each told once."""

from __future__ import annotations

import io
import logging
from types import SimpleNamespace

import pytest
from rich.console import Console

from millstream.screen import Lines, Warnings


@pytest.fixture
def warnings():
    heard = Warnings()
    yield heard
    logging.getLogger("millstream").removeHandler(heard)


def view(standing="running"):
    """A view of a session with one robot and no stream."""
    seat = SimpleNamespace(robot=SimpleNamespace(name="[q]"), standing=standing)
    return SimpleNamespace(
        session=SimpleNamespace(streams=[]), seats=[seat], placed=3, fills=1,
        position=lambda name: "flat", result=lambda name: "-",
    )  # fmt: skip


def test_a_line_tells_a_standing_that_is_not_the_usual_one(warnings):
    out = io.StringIO()
    lines = Lines(Console(file=out, width=200), warnings)
    lines.show(view(), 0.5, "")
    lines.last(view("failed"), "")
    assert out.getvalue().splitlines() == [
        " 50%  0 frames  3 orders  1 fills  [q] flat -",
        "0 frames  3 orders  1 fills  [q] failed flat -",
    ]


def test_a_warning_is_told_once_with_how_many_came_besides(warnings):
    out = io.StringIO()
    lines = Lines(Console(file=out, width=200), warnings)
    log = logging.getLogger("millstream.stream")
    for text in ("one", "two", "three\nand its trace"):
        log.warning(text)
    log.info("nothing to worry about")
    lines.last(view(), "")
    lines.last(view(), "")
    told = out.getvalue().splitlines()
    assert len(told) == 3
    assert told[0].endswith(" three (and 2 more in the log)")
