"""What `docs/analysis.md` says is so: its tables, and its questions, asked of real sessions."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.analysis.sessions import write_session

from millstream.analysis.fleet import analyze_journals
from millstream.analysis.folders import journals_in
from millstream.analysis.tables import TABLES
from millstream.analysis.targets import open_keeper

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "analysis.md").read_text()
QUESTIONS = dict(re.findall(r"### ([^\n]+\?)\n.*?```sql\n(.*?)```", PAGE, re.DOTALL))
STEP, SLIPPAGE, TRADED, IN_MARKET, REFUSED, GAPS, HELD, PARAMETERS = QUESTIONS


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_the_page_has_every_column_of_every_table(table):
    section = PAGE.split(f"### `{table.name}`", 1)[1].split("###", 1)[0]
    told = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+) \|$", section, re.MULTILINE)
    assert told == [(column.name, column.kind, column.meaning) for column in table.columns]


def test_there_are_eight_questions():
    assert len(QUESTIONS) == 8


@pytest.fixture(scope="module")
def sessions(tmp_path_factory):
    """Two sessions whose robots were told different volumes."""
    folder = tmp_path_factory.mktemp("page")
    write_session(folder / "one", run_id="run001", volume="0.5")
    write_session(folder / "two", run_id="run002", volume="0.25", robots=("ann",))
    return folder


def only_with(package):
    return pytest.mark.skipif(not find_spec(package), reason=f"{package} is not installed")


@pytest.fixture(
    scope="module",
    params=["sqlite", pytest.param("duckdb", marks=only_with("duckdb"))],
)
def ask(request, sessions, tmp_path_factory):
    """Ask one question; gives rows as dicts."""
    path = tmp_path_factory.mktemp("asked") / f"out.{request.param}"
    keeper = open_keeper(str(path))
    assert all(one.equal for one in analyze_journals(journals_in([sessions]), keeper, 1))
    keeper.close()
    if request.param == "sqlite":
        import sqlite3

        file = sqlite3.connect(path)
    else:
        import duckdb

        file = duckdb.connect(str(path), read_only=True)

    def asked(question):
        cursor = file.execute(QUESTIONS[question])
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    yield asked
    file.close()


def test_latency_by_step(ask):
    rows = ask(STEP)
    assert [row["step"][0] for row in rows] == ["1", "2", "3", "4"]
    for row in rows:
        assert row["orders"] > 10
        assert 0 <= row["p50_us"] <= row["p99_us"] <= row["max_us"]
    assert rows[1]["p50_us"] == 20.0  # one step of the sessions' clock


def test_slippage_against_mid(ask):
    found = {(row["robot"], row["liquidity"]): row for row in ask(SLIPPAGE)}
    assert set(found) == {(r, how) for r in ("ann", "bob") for how in ("maker", "taker")}
    # A taker sold at the bid, half a unit below the mid of about 103.
    assert found["ann", "taker"]["slippage_bps"] == pytest.approx(50 / 1.03, rel=0.05)
    assert found["ann", "maker"]["slippage_bps"] < 0


def test_fills_of_each_robot(ask):
    rows = ask(TRADED)
    assert [(row["run_id"], row["robot"]) for row in rows] == [
        ("run001", "ann"), ("run001", "bob"), ("run002", "ann"),
    ]  # fmt: skip
    assert rows[0]["fills"] == rows[2]["fills"] > rows[1]["fills"] > 0
    assert rows[0]["turnover"] == pytest.approx(2 * rows[2]["turnover"])
    assert rows[0]["fees"] > 0
    assert 0 < rows[0]["maker_share"] < 1


def test_time_in_market(ask):
    rows = ask(IN_MARKET)
    assert len(rows) == 3
    for row in rows:
        assert 0 < row["share_of_session"] < 1
        assert 0 < row["seconds"] < 61


def test_refused_orders_and_why(ask):
    rows = ask(REFUSED)
    assert {row["refused_by"] for row in rows} == {"risk"}
    assert all("the limit is 10000" in row["reason"] for row in rows)
    assert sum(row["volume"] for row in rows) == 1_000 * sum(row["orders"] for row in rows)


def test_cost_of_gaps(ask):
    rows = ask(GAPS)
    assert {row["kind"] for row in rows} == {"gap", "disconnected"}
    for row in rows:
        assert row["times"] == 1
        assert 990 < row["blind_ms"] < 1_001
    # The mid went from 105.5 to 106.5 while ann was half a coin short, or a quarter.
    worth = {(row["run_id"], row["robot"]): row["worth"] for row in rows}
    assert worth == {("run001", "ann"): -0.5, ("run001", "bob"): -0.5, ("run002", "ann"): -0.25}


def test_position_over_time(ask):
    rows = [row for row in ask(HELD) if (row["run_id"], row["robot"]) == ("run001", "ann")]
    position = cash = 0.0
    assert len(rows) > 5
    for row in rows:
        signed = row["volume"] * (1 if row["side"] == "buy" else -1)
        position += signed
        assert row["position"] == pytest.approx(position)
        cash -= signed * row["price"] + row["volume"] * row["price"] * 0.000_5
        if row is rows[0]:  # sold at the bid: half the spread and the fee are lost
            assert row["result"] == pytest.approx(cash + position * (row["price"] + 0.5))
    assert rows[0]["received_ns"] < rows[-1]["received_ns"]


def test_what_a_parameter_change_did(ask):
    found = {(row["robot"], row["parameters"]): row for row in ask(PARAMETERS)}
    assert {key: row["sessions"] for key, row in found.items()} == {
        ("ann", '{"volume":"0.5"}'): 1,
        ("ann", '{"volume":"0.25"}'): 1,
        ("ann", '{"pace":2}'): 2,  # by a command, in both sessions
        ("bob", '{"volume":"0.5"}'): 1,
    }
    big, small = found["ann", '{"volume":"0.5"}'], found["ann", '{"volume":"0.25"}']
    assert big["turnover"] == pytest.approx(2 * small["turnover"])
    assert big["earned_bps"] == pytest.approx(small["earned_bps"])
    later = found["ann", '{"pace":2}']
    fills = sum(row["fills"] for row in ask(TRADED) if row["robot"] == "ann")
    assert big["fills"] + small["fills"] + later["fills"] == fills
    assert later["fills"] > 0


def test_an_example_asks_all_of_them(sessions, tmp_path):
    keeper = open_keeper(str(tmp_path / "all.sqlite"))
    analyze_journals(journals_in([sessions]), keeper, 1)
    keeper.close()
    example = [sys.executable, str(ROOT / "examples" / "analysis" / "eight_questions.py")]
    done = subprocess.run(
        [*example, str(tmp_path / "all.sqlite")],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert [line.strip() for line in done.stdout.splitlines() if line.strip() in QUESTIONS] == list(
        QUESTIONS
    )
    for wrong in (tmp_path / "no.sqlite", sessions / "one" / "orders.sqlite"):
        said = subprocess.run(
            [*example, str(wrong)], capture_output=True, text=True, timeout=60, check=False
        )
        assert said.returncode == 1
        assert len(said.stderr.splitlines()) == 1, said.stderr
