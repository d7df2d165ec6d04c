"""The page on producers and consumers: its configurations are read, its commands are there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from millstream.cli import millstream
from millstream.frames.settings import ApiServerSection, ConsumerSection, ProducerEntry
from millstream.settings import parse_values
from millstream.strategy.configuration import is_strategy_config, parse_strategy_config

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "producer_consumer.md").read_text()
FENCED = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
JSON = [text for language, text in FENCED if language == "json"]
COMMANDS = [line for language, text in FENCED if not language for line in text.splitlines()]


@pytest.mark.parametrize("text", JSON, ids=["producer", "consumer"])
def test_every_configuration_of_the_page_is_read(text):
    values = parse_values(text, "page", {})
    assert is_strategy_config(values)
    told = parse_strategy_config(values, "page", ROOT / "examples" / "producer_consumer")
    assert told.api_server.enabled or told.consumer.enabled


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_of_the_page_is_there(line):
    program, *words = shlex.split(line)
    for word in words:
        if word.startswith("examples/"):
            assert (ROOT / word).exists()
    if program == "python":
        return
    command = millstream.get_command(click.Context(millstream), words[0])
    options = {name for each in command.params for name in each.opts}
    assert {word for word in words if word.startswith("--")} <= options


@pytest.mark.parametrize("section", [ApiServerSection, ConsumerSection, ProducerEntry])
def test_every_key_is_on_the_page(section):
    for name in section.__struct_fields__:
        if name != "enable_openapi":  # freqtrade's; there is none here
            assert f"{name}`" in PAGE, name


def test_the_defaults_of_the_page_are_ours():
    rows = dict(re.findall(r"^\| `(?:producers\.)?(\w+)` \| `([^`]+)` \|", PAGE, re.MULTILINE))
    assert len(rows) == 9
    for name, default in rows.items():
        section = ProducerEntry if name in ("port", "secure") else ConsumerSection
        place = section.__struct_fields__.index(name)
        defaults = section.__struct_defaults__
        real = defaults[place - len(section.__struct_fields__)]
        assert str(real).lower() == default, name
