"""A table that is too wide loses columns, not letters."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from millstream.screen.tables import FittingTable


def drawn(width):
    table = FittingTable("order", "robot", "price >", "status", left_out=("robot", "price"))
    table.add_row("jgxph10000000l3001", "a-long-name", "61958.99", "filled")
    table.add_row("jgxph10000000l3002", "[red]b", "1", "working")
    out = io.StringIO()
    Console(file=out, width=width).print(table)
    return out.getvalue()


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (100, ["order", "robot", "price", "status"]),
        (47, ["order", "robot", "price", "status"]),
        (46, ["order", "price", "status"]),
        (34, ["order", "status"]),
    ],
)
def test_columns_go_one_after_another_and_no_cell_is_cut(width, titles):
    lines = drawn(width).splitlines()
    assert lines[0].split() == titles
    assert "…" not in "".join(lines)
    assert [line.split()[0] for line in lines[1:]] == ["jgxph10000000l3001", "jgxph10000000l3002"]


def test_what_is_shown_is_not_read_as_markup():
    assert "[red]b" in drawn(100)
