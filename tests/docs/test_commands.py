"""Every command line that a page shows is one that Millstream takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from millstream.cli import millstream

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


def shown_lines():
    """(page, words after "millstream") of each command that stands on a line of its own."""
    for page in PAGES:
        text = page.read_text().replace("\\\n", " ")
        for line in re.findall(r"^    +(?:\.venv/bin/)?millstream (.*)$", text, re.MULTILINE):
            said = re.split(r"\s#|\s{3,}(?=[a-z])| [>|] |;", line)[0]
            yield pytest.param(shlex.split(said.replace("[", "").replace("]", "")), id=said)


def named_options():
    """(command, options) of each command that is named within a sentence."""
    for page in PAGES:
        text = re.sub(r"\s+", " ", page.read_text())
        for said in re.findall(r"`millstream ([a-z][^`]*)`", text):
            words = said.split()
            options = [word.partition("=")[0] for word in words if word.startswith("--")]
            yield pytest.param(words[0], options, id=f"{page.name}: {said}")


def command(name):
    found = millstream.get_command(click.Context(millstream), name)
    assert found is not None, name
    return found


@pytest.mark.parametrize("words", [*shown_lines()])
def test_a_command_that_is_shown_is_taken(words):
    command(words[0]).make_context(words[0], words[1:])


@pytest.mark.parametrize(("name", "options"), [*named_options()])
def test_an_option_that_is_named_is_there(name, options):
    known = {option for parameter in command(name).params for option in parameter.opts}
    assert set(options) <= known | {"--help"}


def test_there_is_something_to_look_at():
    assert len(list(shown_lines())) > 30
    assert len(list(named_options())) > 15
