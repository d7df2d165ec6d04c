"""A journal's rows, against the journal itself."""

from __future__ import annotations

import json
import shutil
from decimal import Decimal

import pytest
from tests.analysis import robots
from tests.analysis.sessions import write_session

from millstream.analysis.study import study
from millstream.analysis.tables import TABLES
from millstream.journal import Journal, Kind
from millstream.model.codec import decode_events, decode_outputs
from millstream.session.proof import replay_session


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study") / "session"
    write_session(folder)
    return folder


class Rows:
    """What a study put, by table, each row by its columns' names."""

    def __init__(self, directory, after=0):
        self.tables = {name: [] for name in TABLES}
        self.studied = study(directory, after, self.put)

    def put(self, table, rows):
        for row in rows:
            assert len(row) == len(table.columns), table.name
        names = [column.name for column in table.columns]
        self.tables[table.name] += [dict(zip(names, row, strict=True)) for row in rows]

    def __getattr__(self, name):
        return self.tables[name]


@pytest.fixture(scope="module")
def rows(session):
    return Rows(session / "journal")


def recorded(session):
    """Events and outputs as the journal has them."""
    events, outputs = [], []
    for block in Journal.open(session / "journal").blocks():
        if block.kind is Kind.EVENTS:
            events += decode_events(block.body)
        elif block.kind is Kind.OUTPUTS:
            outputs += decode_outputs(block.body)
    return events, outputs


def test_a_study_finds_what_a_replay_finds(session, rows):
    proof = replay_session(session)
    assert rows.studied.equal
    assert rows.studied.events == proof.events
    (found,) = rows.sessions
    assert (found["equal"], found["closed"], found["answers"]) == (True, True, proof.outputs)
    assert found["close_reason"] == "the test is over"


def test_every_event_is_a_row_with_its_sequence(session, rows):
    events, _ = recorded(session)
    assert [row["sequence"] for row in rows.events] == list(range(1, len(events) + 1))
    assert [row["received_ns"] for row in rows.events] == [e.received_ns for e in events]


def test_every_kind_of_event_is_there(rows):
    assert {row["kind"] for row in rows.events} == {
        "ticker", "trade", "book", "candle", "candle_history", "gap", "disconnected", "my_order",
        "my_trade", "timer", "control", "frame", "whitelist", "producer_state", "session_end",
    }  # fmt: skip


def of_kind(rows, kind):
    return next(row for row in rows.events if row["kind"] == kind)


def test_a_quote_is_in_columns_and_a_hole_is_null(rows):
    ticker, trade, book = (of_kind(rows, kind) for kind in ("ticker", "trade", "book"))
    quote = ("bid_price", "bid_volume", "ask_price", "ask_volume")
    assert [ticker[name] for name in quote] == [100.0, 5.0, 101.0, 4.0]
    assert [book[name] for name in quote] == [100.0, 5.0, 101.0, 4.0]
    assert [trade[name] for name in (*quote, "price", "volume", "side")] == [
        None, None, None, None, 100.0, 3.0, "sell",
    ]  # fmt: skip
    assert (ticker["exchange"], ticker["symbol"]) == ("binance", "BTC/USDT")
    assert of_kind(rows, "timer")["exchange_ns"] is None


def test_a_frame_is_told_without_its_bytes(rows):
    frame = of_kind(rows, "frame")
    assert frame["symbol"] == "ETH/USDT"
    body = json.loads(frame["body"])
    assert (body["producer"], body["rows"]) == ("feed", "5000 bytes")
    history = json.loads(of_kind(rows, "candle_history")["body"])
    assert (history["interval"], history["candles"]) == ("1m", 2)


def test_every_action_is_a_row_and_every_log_line(session, rows):
    _, outputs = recorded(session)
    wished = [o for o in outputs if type(o.body).__name__ == "PlaceOrder"]
    placed = [row for row in rows.actions if row["kind"] == "place_order"]
    assert [row["order_id"] for row in placed] == [o.body.order_id for o in wished]
    assert {row["kind"] for row in rows.actions} == {
        "place_order", "cancel_all", "set_timer", "publish_frame", "publish_whitelist",
    }  # fmt: skip
    lines = [o.body.text for o in outputs if type(o.body).__name__ == "LogLine"]
    assert [row["text"] for row in rows.log] == lines
    assert lines
    exact = json.loads(placed[0]["body"])
    assert Decimal(exact["volume"]) == wished[0].body.volume


def test_answers_to_one_event_are_told_apart_by_number(rows):
    keys = [(row["sequence"], row["number"]) for row in (*rows.actions, *rows.log)]
    assert len(keys) == len(set(keys))


def test_a_state_is_there_before_and_after_each_decision(rows):
    decided = {(row["sequence"], row["robot"]) for row in rows.actions}
    assert {(row["sequence"], row["robot"]) for row in rows.states} == decided
    for row in rows.states:
        if of_sequence(rows, row["sequence"])["kind"] != "ticker":
            continue
        before, after = json.loads(row["before"]), json.loads(row["after"])
        started = row["sequence"] == 1
        assert after["tickers"] == before["tickers"] + 1, started
        placed = [a for a in rows.actions if a["sequence"] == row["sequence"]
                  and a["robot"] == row["robot"] and a["order_id"]]  # fmt: skip
        if placed:
            assert after["last_order"] == placed[0]["order_id"] != before["last_order"]


def of_sequence(rows, sequence):
    return rows.events[sequence - 1]


def test_every_order_has_its_life_and_its_times_ascend(rows):
    assert {row["status"] for row in rows.orders} == {"filled", "rejected", "canceled"}
    for row in rows.orders:
        steps = [s for s in rows.order_steps if s["order_id"] == row["order_id"]]
        assert steps[-1]["step"] == row["status"]
        names = ("event_ns", "durable_ns", "sent_ns", "acknowledged_ns", "first_fill_ns")
        times = [row[name] for name in names if row[name] is not None]
        assert times == sorted(times)
        assert row["event_ns"] == of_sequence(rows, row["sequence"])["received_ns"]
        assert row["event_to_durable_ns"] == row["durable_ns"] - row["event_ns"]
        if row["status"] == "filled":
            assert None not in times
            assert [s["step"] for s in steps] == ["intent", "sent", "working", "filled"]
            assert row["filled_ns"] == row["ended_ns"] == steps[-1]["happened_ns"]


def test_an_order_that_risk_refused_says_so_and_was_never_sent(rows):
    refused = [row for row in rows.orders if row["status"] == "rejected"]
    assert refused
    assert {row["refused_by"] for row in refused} == {"risk"}
    assert all("the limit is 10000" in row["reason"] for row in refused)
    assert {row["sent_ns"] for row in refused} == {row["acknowledged_ns"] for row in refused}
    assert {row["sent_ns"] for row in refused} == {None}


def test_an_order_knows_the_market_at_its_decision(rows):
    for row in rows.orders:
        ticker = of_sequence(rows, row["sequence"])
        assert ticker["kind"] == row["cause"] == "ticker"
        assert (row["bid_price"], row["ask_price"]) == (ticker["bid_price"], ticker["ask_price"])
        assert row["mid_price"] == ticker["bid_price"] + 0.5


def test_positions_add_up(rows):
    for robot in ("ann", "bob"):
        fills = [row for row in rows.fills if row["robot"] == robot]
        total = 0.0
        for fill in fills:
            total += fill["volume"] * (1 if fill["side"] == "buy" else -1)
            assert fill["position"] == pytest.approx(total)
        (told,) = [row for row in rows.robots if row["robot"] == robot]
        assert told["fills"] == len(fills) > 0
        assert told["orders"] == sum(row["robot"] == robot for row in rows.orders)


def test_only_events_after_what_is_saved_are_put_but_orders_whole(session, rows):
    later = Rows(session / "journal", after=100)
    assert [row["sequence"] for row in later.events] == [r["sequence"] for r in rows.events[100:]]
    for name in ("states", "actions", "log"):
        assert later.tables[name] == [r for r in rows.tables[name] if r["sequence"] > 100]
    for name in ("orders", "order_steps", "fills", "robots", "sessions"):
        assert later.tables[name] == rows.tables[name]


def test_the_journal_alone_tells_the_same(session, rows, tmp_path):
    shutil.copytree(session / "journal", tmp_path / "alone")
    alone = Rows(tmp_path / "alone")
    for name in ("events", "states", "actions", "log", "orders", "order_steps", "fills"):
        assert alone.tables[name] == rows.tables[name]


def test_a_changed_robot_is_named_and_the_first_difference_is_the_replays(session, monkeypatch):
    was = robots.Steady.on_ticker

    def other(self, ticker):
        answer = was(self, ticker)
        if self.state.tickers == 15:
            return [answer, self.cancel("nothing")]
        return answer

    monkeypatch.setattr(robots.Steady, "on_ticker", other)
    proof = replay_session(session)
    changed = Rows(session / "journal")
    assert not changed.studied.equal
    assert changed.studied.difference == proof.first_difference is not None
    assert json.loads(changed.sessions[0]["difference"])["field"] == "extra"
    assert "cancel_order" not in {row["kind"] for row in changed.actions}  # it was not recorded


def test_a_session_that_died_is_studied_to_its_end(tmp_path):
    write_session(tmp_path / "died", closed=False, seconds=26)
    died = Rows(tmp_path / "died" / "journal")
    assert died.studied.equal
    assert died.sessions[0]["closed"] is False
    assert any("did not end in good order" in note for note in died.studied.notes)


def test_answers_that_were_lost_with_the_tail_are_told_with_states(tmp_path):
    """The block of answers to the last events is cut off: the robots answer again."""
    write_session(tmp_path / "died", closed=False, seconds=3)
    whole = Rows(tmp_path / "died" / "journal")
    last = [row for row in whole.actions if row["kind"] == "place_order"]
    path = tmp_path / "died" / "journal" / "000001.journal"
    *_, outputs = [
        block for block in Journal.open(path.parent).blocks() if block.kind is Kind.OUTPUTS
    ]
    path.write_bytes(path.read_bytes()[: outputs.offset])
    cut = Rows(path.parent)
    assert [row["order_id"] for row in cut.actions if row["kind"] == "place_order"] == [
        row["order_id"] for row in last
    ]
    assert all(row["before"] for row in cut.states)
    orders = {row["order_id"]: row["status"] for row in cut.orders}
    assert orders == {row["order_id"]: row["status"] for row in whole.orders}  # the store knows


def test_a_damaged_journal_is_studied_up_to_the_damage(session, tmp_path):
    shutil.copytree(session, tmp_path / "damaged")
    path = next((tmp_path / "damaged" / "journal").iterdir())
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    damaged = Rows(path.parent)
    assert not damaged.studied.equal
    assert path.name in damaged.studied.damage == damaged.sessions[0]["damage"]
    assert 0 < len(damaged.events) == damaged.studied.events < 240


def test_a_robot_that_fails_is_logged_with_its_words(tmp_path, monkeypatch):
    def fail(self, trade):
        raise ValueError("no more")

    monkeypatch.setattr(robots.Steady, "on_trade", fail)
    write_session(tmp_path / "failing", seconds=3, robots=("ann",))
    failing = Rows(tmp_path / "failing" / "journal")
    assert [(row["level"], row["text"]) for row in failing.log] == [
        ("error", "ValueError: no more")
    ]
    (ann,) = failing.robots
    assert (ann["standing"], ann["error"]) == ("failed", "ValueError: no more")
