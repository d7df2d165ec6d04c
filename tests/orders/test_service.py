import logging
from decimal import Decimal

import pytest
from tests.orders.sample import book, order, ticker, trade, wish

from millstream.errors import StoreError
from millstream.model import CancelAll, LogLine, OrderStatus, Output
from millstream.model.codec import encode_events, encode_outputs
from millstream.orders import (
    Gateway,
    MemoryStore,
    OrderDesk,
    PaperSettings,
    PaperVenue,
    RiskBook,
    RiskLimits,
)
from millstream.orders.service import orders_loop

S = OrderStatus


class Script:
    """An inbox that plays given turns, a clock that is moved by hand, and a stop at the end."""

    def __init__(self, *turns):
        self.turns = list(turns)
        self.now_ns = 100
        self.waited = 0

    def receive(self, timeout_ms):
        if self.turns:
            return self.turns.pop(0)
        self.waited += 1
        self.now_ns += timeout_ms * 1_000_000
        return []

    def clock_ns(self):
        self.now_ns += 1
        return self.now_ns

    def stop(self):
        return not self.turns


def events(*these):
    return ("events", encode_events(these))


def wishes(*these):
    return ("wishes", encode_outputs(these))


def run(script, store=None, journal_sync=lambda: None, latency_ns=0, **limits):
    store = store or MemoryStore()
    desk = OrderDesk(store, RiskBook(RiskLimits(**limits)))
    gateway = Gateway(store, PaperVenue(PaperSettings(latency_ns=latency_ns)))
    orders_loop(script, store, desk, gateway, journal_sync, script.clock_ns, script.stop)
    return store


def test_a_wish_becomes_a_fill():
    store = run(Script([events(ticker(1)), wishes(wish("a1", price=None))]))
    assert store.get("a1").status is S.FILLED
    assert store.get("a1").average_price == 101
    assert store.changes(0)[0].status is S.INTENT


def test_the_journal_is_durable_before_an_intent_is_visible():
    store, seen = MemoryStore(), []
    script = Script([wishes(wish("a1"))], [wishes(wish("a2"), wish("a3"))])
    run(script, store, lambda: seen.append(store.revision))
    assert len(seen) == 2
    assert seen[0] == 0
    assert store.get("a2").revision > seen[1]


def test_the_journal_need_not_be_durable_for_market_data_or_log_lines():
    synced = []
    script = Script([events(ticker(1))], [wishes(Output(1, "quoter", LogLine("info", "hi")))])
    run(script, journal_sync=lambda: synced.append(1))
    assert synced == []


def test_market_data_gives_the_risk_limits_their_price():
    store = run(
        Script([events(ticker(1, bid=99.0, ask=101.0)), wishes(wish("a1", price=None))]),
        max_order_notional=Decimal(99),
    )
    assert store.get("a1").reason == "risk: the order is worth 100.0 USDT, the limit is 99"


def test_a_resting_order_fills_from_the_trades_that_follow():
    script = Script(
        [events(ticker(1)), wishes(wish("a1", price="98", volume="2"))],
        [events(trade(10**9, 97.0, 1.0), trade(10**9, 97.0, 5.0))],
    )
    store = run(script)
    assert [one.volume for one in store.trades()] == [1, 1]
    assert store.get("a1").status is S.FILLED


def test_a_cancel_wish_takes_its_order_out():
    script = Script(
        [events(ticker(1)), wishes(wish("a1", price="98"))],
        [wishes(Output(2, "quoter", CancelAll()))],
        [events(trade(10**9, 97.0, 1.0))],
    )
    store = run(script)
    assert store.get("a1").status is S.CANCELED
    assert store.trades() == []


def test_when_it_stops_it_takes_what_has_arrived_and_cancels_what_rests():
    script = Script([events(ticker(1)), wishes(wish("a1", price="98"))])
    late = [wishes(wish("a2", price="98")), events(trade(2, 97.0, 1.0))]
    receive = script.receive
    script.receive = lambda ms: late_once() if script.stop() else receive(ms)

    def late_once():
        if late:
            return [late.pop(0)]
        return receive(1)

    store = run(script, latency_ns=50_000_000)
    assert [one.status for one in store.orders()] == [S.CANCELED, S.CANCELED]
    assert {one.reason for one in store.orders()} == {"canceled by request"}
    assert store.changes(0)[-1].status is S.CANCELED


def test_stopping_ends_also_when_a_venue_never_answers(caplog):
    class Mute(PaperVenue):
        def cancel(self, order_id, now_ns):
            pass

    script, store = Script([events(ticker(1)), wishes(wish("a1", price="98"))]), MemoryStore()
    gateway = Gateway(store, Mute(PaperSettings()))
    desk = OrderDesk(store, RiskBook(RiskLimits()))
    orders_loop(script, store, desk, gateway, lambda: None, script.clock_ns, script.stop)
    assert "1 orders were still open" in caplog.text
    assert 0 < script.waited < 1000


def test_orders_of_an_earlier_session_are_settled_first():
    store = MemoryStore()
    store.insert([order("a1")])
    before = Script([wishes(wish("a2", price="98"))])
    run(before, store, max_open_orders=9)
    assert store.get("a1").status is S.CANCELED


@pytest.mark.parametrize("name", ["events", "wishes"])
def test_bytes_that_are_no_batch_are_logged_and_ignored(name, caplog):
    caplog.set_level(logging.ERROR)
    store = run(Script([(name, b"\xc1garbage"), events(ticker(1)), wishes(wish("a1"))]))
    assert "ignores a message: not a batch" in caplog.text
    assert store.get("a1") is not None


def test_a_store_that_fails_ends_the_loop_and_nothing_is_sent():
    class Full(MemoryStore):
        def insert(self, orders):
            raise StoreError("the disk is full")

    class Never(PaperVenue):
        def place(self, order, now_ns):
            raise AssertionError("sent although it was not stored")

    script, store = Script([events(ticker(1)), wishes(wish("a1"))]), Full()
    with pytest.raises(StoreError, match="full"):
        orders_loop(
            script, store, OrderDesk(store, RiskBook(RiskLimits())),
            Gateway(store, Never(PaperSettings())), lambda: None, script.clock_ns, script.stop,
        )  # fmt: skip


def test_a_long_backlog_is_taken_in_portions():
    """Wishes in the first portion are stored before the last events are looked at."""
    quote, late = events(book(1, [(99.0, 1.0)], [(101.0, 1.0)])), events(trade(10**9, 97.0, 1.0))
    backlog = [quote, wishes(wish("a1", price="98")), *[events(ticker(2))] * 200, late]
    assert run(Script(backlog)).get("a1").status is S.FILLED
