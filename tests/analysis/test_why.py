"""Each order of a session explains itself."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from typing import NamedTuple

import pytest
from tests.analysis.sessions import write_session

from millstream.analysis.explanation import Changed, changes_between
from millstream.analysis.why import explain
from millstream.cli import run
from millstream.errors import UnknownOrder
from millstream.journal import Journal, Kind


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def millstream(capsys, monkeypatch):
    """The command line, in this process: its exit code and its words."""

    def call(*arguments, cwd=None):
        if cwd is not None:
            monkeypatch.chdir(cwd)
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        return Done(code, *capsys.readouterr())

    return call


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    folder = tmp_path_factory.mktemp("why") / "sessions" / "one"
    return folder, write_session(folder)


def test_every_order_of_a_session_resolves(session):
    folder, ids = session
    statuses = set()
    for order_id in ids:
        found = explain(folder / "journal", order_id)
        assert found.order_id == order_id
        assert found.notes == []
        assert found.cause.event["kind"] == "ticker"
        assert found.cause.action["order_id"] == order_id
        assert found.cause.ticker["received_ns"] == found.cause.event_ns
        assert "last_order" in {change.field for change in found.cause.changed}
        times = [step.happened_ns for step in found.steps]
        assert times == sorted(times)
        statuses.add((found.status, found.risk.partition(":")[0]))
    assert statuses == {
        ("filled", "approved"), ("canceled", "approved"), ("rejected", "refused"),
    }  # fmt: skip


def test_every_order_of_a_demo_session_resolves(tmp_path, millstream):
    out = tmp_path / "sessions" / "demo"
    done = subprocess.run(
        [sys.executable, "-m", "millstream", "demo", "--paper", "--seconds", "25", "--speed", "max",
         "--json",
         "--out", str(out)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    analyzed = millstream("analyze", out, "--to", tmp_path / "out.sqlite", "--json")
    assert analyzed.returncode == 0, analyzed.stderr
    (told,) = json.loads(analyzed.stdout)["sessions"]
    import sqlite3

    file = sqlite3.connect(tmp_path / "out.sqlite")
    ids = [row[0] for row in file.execute("SELECT order_id FROM orders")]
    file.close()
    assert len(ids) == told["orders"] == json.loads(done.stdout)["orders"] > 0
    for order_id in ids:
        found = explain(out / "journal", order_id)
        assert found.cause is not None
        assert found.notes == []
        assert found.steps
        assert len({(one.happened_ns, one.step, one.detail) for one in found.steps}) == len(
            found.steps
        )  # no line is there twice
    newest = millstream("why", ids[0], cwd=tmp_path)  # of the newest session in sessions/
    assert newest.returncode == 0, newest.stderr
    assert newest.stdout.startswith(f"order {ids[0]} of robot ")


def test_a_fill_shows_its_price_fee_and_time(session):
    folder, ids = session
    filled = next(f for f in (explain(folder / "journal", i) for i in ids) if f.fills)
    (fill,) = [step for step in filled.steps if step.step == "fill"]
    (booked,) = filled.fills
    volume, price = (Decimal(booked[name]).normalize() for name in ("volume", "price"))
    assert f"{volume:f} at {price:f}, fee " in fill.detail
    assert fill.since_event_ns == booked["received_ns"] - filled.cause.event_ns > 0
    assert fill.heard_by_robot > filled.cause.sequence


def test_the_screen_tells_it_from_market_to_fill(session, millstream):
    folder, ids = session
    done = millstream("why", ids[0], folder)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    heads = [line.split()[0] for line in lines if not line.startswith(" ")]
    assert heads == ["order", "event", "market", "state", "action", "risk", "steps"]
    assert len(lines) <= 40
    assert "  ticker  bid 101.0 x 5.0, ask 102.0 x 4.0" in done.stdout
    assert f"  last_order:  -> {ids[0]}" in done.stdout


def test_json_has_the_whole_states(session, millstream):
    folder, ids = session
    found = json.loads(millstream("why", ids[0], folder, "--json").stdout)
    assert found["cause"]["state_before"]["last_order"] == ""
    assert found["cause"]["state_after"]["last_order"] == ids[0]


def test_the_first_letters_are_enough_when_they_mean_one(session):
    folder, ids = session
    assert explain(folder / "journal", ids[-1][:-2]).order_id == ids[-1]


def test_letters_that_mean_several_are_refused_with_some_of_them(session):
    folder, ids = session
    with pytest.raises(UnknownOrder, match=f'"run001" may be {len(ids)} orders: {ids[0]}, '):
        explain(folder / "journal", "run001")


def test_a_mistyped_order_is_refused_with_the_nearest(session, millstream):
    folder, ids = session
    wrong = f"X{ids[3][1:]}"
    done = millstream("why", wrong, folder)
    assert done.returncode == 2
    assert f'is or begins with "{wrong}". Did you mean "run001' in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", [(), ("nowhere",)])
def test_no_session_is_one_sentence(tmp_path, arguments, millstream):
    done = millstream("why", "abc", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_an_order_whose_wish_was_lost_is_explained_by_its_id(tmp_path):
    """The answers to the last events were never recorded; the order store has the order."""
    write_session(tmp_path / "died", closed=False, seconds=3)
    path = tmp_path / "died" / "journal" / "000001.journal"
    blocks = list(Journal.open(path.parent).blocks())
    first_wish = [b for b in blocks if b.kind is Kind.OUTPUTS][1]
    path.write_bytes(path.read_bytes()[: first_wish.offset])
    found = explain(path.parent, "run001000000004001")
    assert found.cause.action["order_id"] == found.order_id
    assert [step.step for step in found.steps][:2] == ["intent", "sent"]
    assert {step.heard_by_robot for step in found.steps} == {None}


def test_changes_are_told_to_the_innermost_field():
    before = {"a": {"b": 1, "c": [1, 2]}, "d": 1, "gone": 0}
    after = {"a": {"b": 2, "c": [1, 3]}, "d": 1, "new": 5}
    assert changes_between(before, after) == [
        Changed("a.b", 1, 2),
        Changed("a.c[1]", 2, 3),
        Changed("gone", 0, None),
        Changed("new", None, 5),
    ]


def test_an_order_before_the_damage_is_explained_and_the_damage_told(session, tmp_path):
    import shutil

    folder, ids = session
    shutil.copytree(folder, tmp_path / "damaged")
    path = tmp_path / "damaged" / "journal" / "000001.journal"
    raw = bytearray(path.read_bytes())
    raw[-200] ^= 1
    path.write_bytes(raw)
    found = explain(path.parent, ids[0])
    assert found.cause.action["order_id"] == ids[0]
    assert [note.startswith("DAMAGED: ") for note in found.notes] == [True]


def test_a_changed_robot_is_no_witness(session, monkeypatch):
    from tests.analysis import robots

    folder, ids = session
    monkeypatch.setattr(robots.Steady, "on_ticker", lambda self, ticker: None)
    notes = explain(folder / "journal", ids[0]).notes
    assert any("does not wish this order" in note for note in notes)
    assert any(note.startswith("NOT EQUAL: ") for note in notes)
