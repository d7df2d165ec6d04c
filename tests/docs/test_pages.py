"""What the pages say is there, is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from millstream.exchange.factory import VENUES
from millstream.model import Channel

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_exists(page):
    text = page.read_text()
    for name in re.findall(
        r"`((?:src|tests|docs|benchmarks|examples|requirements)/[\w/.]+)`", text
    ):
        assert (ROOT / name).exists(), name
    for name in re.findall(r"`((?!tests)\w+/test_\w+\.py)`", text):
        assert (ROOT / "tests" / "exchange" / name).exists(), name


def test_the_page_of_exchanges_has_a_row_for_each_and_a_column_for_each_channel():
    text = (ROOT / "docs" / "exchanges.md").read_text()
    for exchange in VENUES:
        assert f"\n| `{exchange}`" in text, exchange
    header = text[text.index("| | TICKER") :].splitlines()[0]
    assert [cell.strip() for cell in header.split("|")[2:-1]] == [
        channel.name for channel in Channel
    ]
