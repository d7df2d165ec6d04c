"""The eight questions of docs/analysis.md, asked of an analysis.

millstream analyze sessions/ --to all.sqlite
python examples/analysis/eight_questions.py all.sqlite            all of them
python examples/analysis/eight_questions.py all.sqlite market     those with this word in it
"""

import re
import sqlite3
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

PAGE = Path(__file__).parents[2] / "docs" / "analysis.md"
QUESTION = re.compile(r"### ([^\n]+\?)\n.*?```sql\n(.*?)```", re.DOTALL)
MOST_ROWS = 12


def opened(file: str):
    """A connection that only reads."""
    if not Path(file).is_file():
        sys.exit(
            f"{file}: there is no such file; make it: millstream analyze sessions/ --to {file}"
        )
    if file.endswith((".duckdb", ".ddb")):
        import duckdb

        return duckdb.connect(file, read_only=True)
    return sqlite3.connect(f"{Path(file).absolute().as_uri()}?mode=ro", uri=True)


def shown(value: object) -> str:
    """A number with six digits that count; everything else as it is."""
    return f"{value:,.6g}" if isinstance(value, float) else "" if value is None else str(value)


def main(file: str, word: str = "") -> None:
    connection, console = opened(file), Console()
    asked = [found for found in QUESTION.findall(PAGE.read_text("utf-8")) if word in found[0]]
    for question, sql in asked:
        try:
            cursor = connection.execute(sql)
        except sqlite3.Error as error:
            sys.exit(f"{file}: this is no analysis ({error}); make one: millstream analyze")
        rows = cursor.fetchall()
        console.print(f"\n[bold]{question}[/]  {'' if rows else 'nothing to tell'}")
        if not rows:
            continue
        table = Table(box=None, pad_edge=False)
        for name, value in zip((column[0] for column in cursor.description), rows[0], strict=True):
            table.add_column(name, justify="left" if isinstance(value, str) else "right")
        for row in rows[:MOST_ROWS]:
            table.add_row(*map(shown, row))
        console.print(table, highlight=False, markup=False)
        if len(rows) > MOST_ROWS:
            console.print(f"… and {len(rows) - MOST_ROWS} rows more")
    connection.close()


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(*sys.argv[1:])
