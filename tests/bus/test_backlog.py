from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from millstream.bus.backlog import Backlog
from millstream.model import (
    Candle,
    Channel,
    CurrencyPair,
    Exchange,
    Gap,
    MyOrder,
    OrderStatus,
    OrderType,
    Side,
    Stale,
    Ticker,
    TimeInForce,
    Trade,
)

BTC, ETH = CurrencyPair.BTC_USDT, CurrencyPair.ETH_USDT


def ticker(number, symbol=BTC):
    return Ticker(number, Exchange.BINANCE, symbol, 0, float(number), 1.0, number + 1.0, 1.0)


def trade(number, symbol=BTC):
    return Trade(number, Exchange.BINANCE, symbol, 0, 1.0, 1.0, Side.BUY, str(number))


def candle(number, closed):
    return Candle(
        number, Exchange.BINANCE, BTC, 0, "1s", 0, 1, 1.0, 1.0, 1.0, 1.0, 1.0, 1, closed
    )  # fmt: skip


EVENTS = st.lists(
    st.builds(
        lambda make, symbol: (make, symbol),
        st.sampled_from([ticker, trade]),
        st.sampled_from([BTC, ETH]),
    ),
    max_size=60,
).map(lambda made: [make(number, symbol) for number, (make, symbol) in enumerate(made)])


def test_only_the_latest_ticker_of_a_pair_is_kept():
    backlog = Backlog()
    backlog.extend([ticker(1), ticker(2, ETH), ticker(3)])
    assert backlog.take(10, 0) == [ticker(2, ETH), ticker(3)]
    assert backlog.conflated == 1


def test_an_open_candle_conflates_and_a_closed_one_does_not():
    backlog = Backlog()
    backlog.extend([candle(1, False), candle(2, False), candle(3, True), candle(4, True)])
    assert [event.received_ns for event in backlog.take(10, 0)] == [2, 3, 4]


@given(EVENTS)
def test_no_trade_is_lost_and_what_is_left_is_in_order(events):
    backlog = Backlog()
    backlog.extend(events)
    left = backlog.take(1_000, 0)
    trades = [event for event in events if isinstance(event, Trade)]
    assert [event for event in left if isinstance(event, Trade)] == trades
    assert sorted(event.received_ns for event in left) == [event.received_ns for event in left]
    assert len(left) + backlog.conflated == len(events)


@given(EVENTS, st.integers(1, 10))
def test_what_could_not_be_sent_goes_back_to_the_front(events, most):
    backlog, other = Backlog(), Backlog()
    backlog.extend(events)
    other.extend(events)
    backlog.put_back(backlog.take(most, 0))
    assert backlog.take(1_000, 0) == other.take(1_000, 0)


def test_what_had_no_room_is_counted_in_a_gap_that_comes_first():
    backlog = Backlog(capacity=3)
    backlog.extend([trade(number) for number in range(10)])
    gap, *left = backlog.take(10, now_ns=99)
    assert gap == Gap(
        99, Exchange.BINANCE, Channel.TRADE, None, "", "", 7,
        "the follower was behind and its queue full: 7 events dropped",
    )  # fmt: skip
    assert left == [trade(0), trade(1), trade(2)]
    assert backlog.take(10, 0) == []


def test_a_full_backlog_still_takes_the_newer_ticker():
    backlog = Backlog(capacity=2)
    backlog.extend([ticker(1), trade(2), trade(3), ticker(4)])
    assert [event.received_ns for event in backlog.take(10, 0)[1:]] == [2, 4]


OWN_ORDER = MyOrder(
    received_ns=1, exchange=Exchange.BINANCE, symbol=BTC, robot="", order_id="a1", venue_id="",
    side=Side.BUY, type=OrderType.LIMIT, time_in_force=TimeInForce.GTC, post_only=False,
    price=Decimal(1), volume=Decimal(1), status=OrderStatus.WORKING, filled_volume=Decimal(0),
    average_price=None, reason="", revision=0,
)  # fmt: skip
STALE = Stale(1, Exchange.KRAKEN, Channel.BOOK, None, 5, "silent")


def test_own_orders_and_news_of_a_connection_are_never_dropped_without_a_word():
    backlog = Backlog(capacity=1)
    backlog.extend([trade(0), OWN_ORDER, OWN_ORDER, STALE, trade(1)])
    *gaps, _ = backlog.take(10, 0)
    assert [(gap.exchange, gap.channel, gap.missing) for gap in gaps] == [
        (Exchange.BINANCE, Channel.MY_ORDER, 2),
        (Exchange.BINANCE, Channel.TRADE, 1),
        (Exchange.KRAKEN, Channel.BOOK, 1),
    ]


@given(EVENTS, st.integers(1, 20))
def test_every_event_is_there_or_conflated_or_counted_in_a_gap(events, capacity):
    backlog = Backlog(capacity)
    backlog.extend(events)
    left = backlog.take(1_000, 0)
    missing = sum(event.missing for event in left if isinstance(event, Gap))
    there = sum(not isinstance(event, Gap) for event in left)
    assert there + backlog.conflated + missing == len(events)
