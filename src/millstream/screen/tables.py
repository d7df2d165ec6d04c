"""Tables that fit a terminal: where it is too narrow, whole columns go instead of parts of each."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text


class FittingTable:
    """Draws itself with as many columns as there is room for.

    columns: their titles; one that ends in " >" holds numbers.
    left_out: which of them go where it is narrow, the first one first.
    """

    def __init__(self, *columns: str, left_out: Sequence[str] = ()) -> None:
        self._titles = [column.removesuffix(" >") for column in columns]
        self._numbers = [column.endswith(" >") for column in columns]
        self._left_out = left_out
        self._rows: list[list[Text]] = []

    def add_row(self, *cells: str | Text) -> None:
        """One cell for each column; a plain text is shown as it is written."""
        self._rows.append([cell if isinstance(cell, Text) else Text(cell) for cell in cells])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        shown, gap = self._fitting(options.max_width)
        table = Table(
            box=None, expand=True, pad_edge=False, header_style="bold", padding=(0, gap, 0, 0)
        )
        for number in shown:
            table.add_column(
                self._titles[number],
                justify="right" if self._numbers[number] else "left",
                no_wrap=True,
            )
        for row in self._rows:
            table.add_row(*(row[number] for number in shown))
        yield table

    def _fitting(self, width: int) -> tuple[list[int], int]:
        """(columns that are shown, letters between them)"""
        needed = [
            max([len(title), *(row[number].cell_len for row in self._rows)])
            for number, title in enumerate(self._titles)
        ]
        shown, gap = list(range(len(needed))), 1
        for away in range(len(self._left_out) + 1):
            gone = self._left_out[:away]
            shown = [number for number, title in enumerate(self._titles) if title not in gone]
            for gap in (2, 1):
                if sum(needed[number] + gap for number in shown) - gap <= width:
                    return shown, gap
        return shown, gap
