"""IBDecoder frame by frame."""

import json
from decimal import Decimal
from gzip import open as open_gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.exchange.ib import frames
from tests.exchange.ib.tws import frame

from millstream.errors import ConfigError
from millstream.exchange import Decoder, own_orders
from millstream.exchange.ib import orders, wire
from millstream.exchange.ib.decode import IBDecoder
from millstream.model import (
    Book,
    Candle,
    Channel,
    CurrencyPair,
    Exchange,
    Gap,
    Liquidity,
    MyOrder,
    MyOrderBatch,
    MyTrade,
    OrderStatus,
    OrderType,
    Refused,
    Resynced,
    Side,
    Stale,
    Ticker,
    TimeInForce,
    Trade,
)

DATA = Path(__file__).parents[4] / "shared" / "data" / "exchanges" / "ib"
EUR_USD = CurrencyPair.parse("eur/usd")
AAPL = CurrencyPair.parse("aapl/usd")
AS_STOCK = {"contracts": {"aapl/usd": {"sec_type": "STK"}}}
SECOND = 1_000_000_000

TICKER = wire.request_id(Channel.TICKER, 0)
TRADES = wire.request_id(Channel.TRADE, 0)
DEPTH = wire.request_id(Channel.BOOK, 0)
CANDLES = wire.request_id(Channel.CANDLE, 0)


def decoder(channel, pair=EUR_USD, **more):
    if pair == AAPL:
        more |= AS_STOCK
    return IBDecoder([pair], [channel], **more)


def fed(made, *raws, at=0):
    events = [event for n, raw in enumerate(raws) for event in made.feed(raw, at + n)]
    assert made.counts.accounted == made.counts.frames
    return events


# ---- tickers ------------------------------------------------------------------------------------


def test_a_ticker_begins_when_both_sides_are_known():
    made = decoder(Channel.TICKER)
    assert fed(made, frames.price(TICKER, 1, "1.0912", "1000000")) == []
    assert made.feed(frames.price(TICKER, 2, "1.0913", "2000000"), 7) == [
        Ticker(7, Exchange.IB, EUR_USD, 0, 1.0912, 1e6, 1.0913, 2e6)
    ]


def test_a_repeated_size_is_no_news():
    made = decoder(Channel.TICKER)
    fed(made, frames.price(TICKER, 1, "1.0912", "5"), frames.price(TICKER, 2, "1.0913", "6"))
    assert fed(made, frames.size(TICKER, 0, "5"), frames.size(TICKER, 3, "6")) == []
    (ticker,) = fed(made, frames.size(TICKER, 3, "9"))
    assert (ticker.ask_price, ticker.ask_volume) == (1.0913, 9.0)


def test_a_side_that_goes_away_makes_no_ticker_until_it_is_back():
    made = decoder(Channel.TICKER)
    fed(made, frames.price(TICKER, 1, "1.0912", "5"), frames.price(TICKER, 2, "1.0913", "6"))
    assert fed(made, frames.price(TICKER, 1, "-1", "0"), frames.size(TICKER, 3, "8")) == []
    (ticker,) = fed(made, frames.price(TICKER, 1, "1.0911", "4"))
    assert (ticker.bid_price, ticker.ask_volume) == (1.0911, 8.0)


def test_a_quote_tick_by_tick_is_a_ticker_with_the_venues_time():
    (ticker,) = fed(
        decoder(Channel.TICKER), frame(99, TICKER, 3, 1795190290, "1.1", "1.2", "3", "4", 0)
    )
    assert ticker == Ticker(0, Exchange.IB, EUR_USD, 1795190290 * SECOND, 1.1, 3.0, 1.2, 4.0)


@pytest.mark.parametrize(("kind", "word"), [(2, "frozen"), (3, "delayed")])
def test_data_that_is_not_live_says_so(kind, word):
    (stale,) = fed(decoder(Channel.TICKER), frame(58, 1, TICKER, kind))
    assert (type(stale), stale.symbol) == (Stale, EUR_USD)
    assert word in stale.reason
    assert fed(decoder(Channel.TICKER), frame(58, 1, TICKER, 1)) == []


@pytest.mark.skipif(not DATA.exists(), reason="the recorded ticks are not here")
def test_a_recorded_day_gives_the_quotes_that_its_ticks_say():
    """14,027 real ticks, written as TWS writes them; read here by plain json, tick by tick."""
    with open_gzip(DATA / "nautilus_tick_data_2022-01-07.json.gz") as file:
        ticks = json.load(file)
    made, wanted, state = decoder(Channel.TICKER, AAPL), [], dict.fromkeys((0, 1, 2, 3))
    for number, tick in enumerate(ticks):
        kind, price, size = tick["tickType"], tick["price"], tick["size"]
        raw = (frames.price if kind in (1, 2, 4) else frames.size)(
            TICKER, kind, *([price, size] if kind in (1, 2, 4) else [size])
        )
        got = made.feed(raw, number)
        before = dict(state)
        if kind in (1, 2):
            state[kind], state[{1: 0, 2: 3}[kind]] = price, size
        elif kind in (0, 3):
            state[kind] = size
        if state != before and state[1] and state[2]:
            wanted.append(number)
            quote = [state[1], state[0], state[2], state[3]]
            (ticker,) = got
            assert [
                ticker.bid_price, ticker.bid_volume, ticker.ask_price, ticker.ask_volume
            ] == quote  # fmt: skip
        else:
            assert got == []
    assert len(wanted) > 6_000
    assert made.counts.tickers == len(wanted)
    assert made.counts.accounted == made.counts.frames == 14_027


# ---- trades -------------------------------------------------------------------------------------


def test_trades_have_ids_of_their_second_and_sides_of_the_tick_rule():
    made = decoder(Channel.TRADE, AAPL)
    events = fed(
        made,
        frames.trade(TRADES, 1795190290, "180.1", "100"),
        frames.trade(TRADES, 1795190290, "180.2", "50"),
        frames.trade(TRADES, 1795190290, "180.2", "1"),
        frames.trade(TRADES, 1795190291, "180.15", "7"),
    )
    assert [(t.trade_id, t.side, t.price, t.volume) for t in events] == [
        ("1795190290-1", Side.BUY, 180.1, 100.0),
        ("1795190290-2", Side.BUY, 180.2, 50.0),
        ("1795190290-3", Side.BUY, 180.2, 1.0),
        ("1795190291-1", Side.SELL, 180.15, 7.0),
    ]
    assert events[0] == Trade(
        0, Exchange.IB, AAPL, 1795190290 * SECOND, 180.1, 100.0, Side.BUY, "1795190290-1"
    )


def test_currencies_have_no_public_trades():
    with pytest.raises(ConfigError, match=r'no public trades of "EUR/USD".*accepted for it'):
        decoder(Channel.TRADE)


# ---- candles ------------------------------------------------------------------------------------


def bar(minute, close, volume="-1", count="-1"):
    return (1795190280 + 60 * minute, "1.0", "2.0", "0.5", close, volume, "-1", count)


def test_the_answer_closes_every_bar_but_the_last():
    events = fed(
        decoder(Channel.CANDLE), frames.bars(CANDLES, bar(0, "1.1"), bar(1, "1.2"), bar(2, "1.3"))
    )
    assert [(c.close, c.closed) for c in events] == [
        (1.1, False), (1.1, True), (1.2, False), (1.2, True), (1.3, False)
    ]  # fmt: skip
    assert events[-1] == Candle(
        0, Exchange.IB, EUR_USD, 0, "1m", 1795190400 * SECOND, 1795190460 * SECOND,
        1.0, 2.0, 0.5, 1.3, 0.0, 0, False,
    )  # fmt: skip


def test_an_update_changes_the_last_bar_and_a_later_one_closes_it():
    made = decoder(Channel.CANDLE)
    fed(made, frames.bars(CANDLES, bar(0, "1.1")))
    first = 1795190280
    update = frames.bar_update(CANDLES, 5, first, "1.0", "1.4", "2.0", "0.5", "1.2", "9")
    again = frames.bar_update(CANDLES, 1, first + 60, "1.4", "1.5", "1.6", "1.3", "1.4", "2")
    events = fed(made, update, update, again)
    assert [(c.close, c.volume, c.trades, c.closed) for c in events] == [
        (1.4, 9.0, 5, False),
        (1.4, 9.0, 5, True),
        (1.5, 2.0, 1, False),
    ]


def test_a_reconnect_says_no_closed_bar_twice_and_misses_none():
    made = decoder(Channel.CANDLE)
    fed(made, frames.bars(CANDLES, bar(0, "1.1"), bar(1, "1.2")))
    made.restart()
    later = wire.request_id(Channel.CANDLE, 0, 1)
    events = fed(made, frames.bars(later, bar(0, "1.1"), bar(1, "1.25"), bar(2, "1.3")))
    assert [(c.close, c.closed) for c in events] == [(1.25, False), (1.25, True), (1.3, False)]


def test_a_daily_bar_begins_at_midnight():
    events = fed(
        decoder(Channel.CANDLE, candle_interval="1d"),
        frames.bars(CANDLES, ("20220107", "1", "2", "0.5", "1.5", "10", "1", "3")),
    )
    assert events[0].open_ns == 1_641_513_600 * SECOND
    assert events[0].close_ns - events[0].open_ns == 86_400 * SECOND


@pytest.mark.skipif(not DATA.exists(), reason="the recorded bars are not here")
def test_recorded_bars_come_out_with_the_numbers_they_went_in_with():
    from datetime import UTC, datetime

    with open_gzip(DATA / "nautilus_historic_bars.json.gz") as file:
        rows = [json.loads(line) for line in file]
    seconds = [
        int(datetime.fromisoformat(row["date"]).replace(tzinfo=UTC).timestamp()) for row in rows
    ]
    keys = ("open", "high", "low", "close", "volume", "average", "barCount")
    made = decoder(Channel.CANDLE, AAPL)
    events = fed(
        made,
        frames.bars(
            CANDLES,
            *[(s, *[r[k] for k in keys]) for s, r in zip(seconds, rows, strict=True)],
        ),
    )
    closed = [event for event in events if event.closed]
    assert len(closed) == len(rows) - 1 == 404
    for candle, row, second in zip(closed, rows, seconds, strict=False):
        assert candle.open_ns == second * SECOND
        assert [candle.open, candle.high, candle.low, candle.close] == [row[k] for k in keys[:4]]
        assert (candle.volume, candle.trades) == (row["volume"], row["barCount"])


# ---- links and errors ---------------------------------------------------------------------------


def test_a_refusal_names_the_pair_and_the_code():
    made = decoder(Channel.TICKER)
    text = "No security definition has been found for the request"
    (refused,) = fed(made, frames.error(TICKER, 200, text))
    assert refused == Refused(0, Exchange.IB, Channel.TICKER, EUR_USD, f"{text} (code 200)")
    assert made.topics()[0].refused == f"{text} (code 200)"
    assert made.counts.refused == 1


def test_a_competing_session_takes_the_data_and_its_return_clears_the_refusal():
    made = decoder(Channel.TICKER)
    (refused,) = fed(made, frames.error(TICKER, 10197, "No market data during competing session"))
    assert (type(refused), refused.symbol) == (Refused, EUR_USD)
    fed(made, frames.price(TICKER, 1, "1.1", "1"))
    assert made.topics()[0].refused == ""


def test_notices_are_no_refusals():
    made = decoder(Channel.CANDLE)
    text = "Historical Market Data Service error message:API historical data query cancelled: 1"
    assert fed(made, frames.error(CANDLES, 162, text), frames.error(CANDLES, 2174, "zone")) == []
    (refused,) = fed(made, frames.error(CANDLES, 162, "error message:No market data permissions"))
    assert type(refused) is Refused


@pytest.mark.parametrize(
    ("channel", "code", "kinds", "anew"),
    [
        (Channel.TICKER, 1102, [Stale, Resynced], False),
        (Channel.TICKER, 1101, [Stale, Gap], True),
        (Channel.BOOK, 1102, [Stale, Gap], True),
        (Channel.CANDLE, 1102, [Stale, Gap], True),
        (Channel.MY_TRADE, 1102, [Stale, Gap], True),
        (Channel.MY_ORDER, 1101, [Stale, Gap], True),
    ],
)
def test_a_lost_link_and_its_return_are_told(channel, code, kinds, anew):
    made = decoder(channel)
    lost = frames.error(-1, 1100, "Connectivity has been lost")
    events = fed(made, lost, lost, frames.error(-1, code, "Connectivity restored"))
    assert [type(event) for event in events] == kinds
    assert bool(made.must_reconnect) is anew
    made.restart()
    assert made.must_reconnect == ""


@pytest.mark.parametrize(
    ("channel", "lost", "back", "concerned"),
    [
        (Channel.TICKER, 2103, 2104, True),
        (Channel.BOOK, 2103, 2104, True),
        (Channel.CANDLE, 2103, 2104, False),
        (Channel.CANDLE, 2105, 2106, True),
        (Channel.MY_ORDER, 2103, 2104, False),
    ],
)
def test_a_farm_that_comes_back_makes_its_channels_subscribe_anew(channel, lost, back, concerned):
    made = decoder(channel)
    assert fed(made, frames.error(-1, back, "farm is OK")) == []
    assert made.must_reconnect == ""  # the usual notice after a connect
    events = fed(made, frames.error(-1, lost, "farm is broken"), frames.error(-1, back, "OK"))
    assert [type(event) for event in events] == [Stale] * concerned
    assert bool(made.must_reconnect) is concerned


# ---- own orders ---------------------------------------------------------------------------------


def test_an_order_lives_from_submission_to_its_last_fill():
    made = decoder(Channel.MY_ORDER)
    events = fed(
        made,
        frames.open_order(3, 1774, reference="a1b2c3"),
        frames.status(3, 1774, "Submitted", "0", "20000"),
        frames.status(3, 1774, "Submitted", "0", "20000"),  # repeats are normal
        frames.status(3, 1774, "Submitted", "5000", "15000", "1.09115"),
        frames.execution("0000e0d5.5a.01.01", 1774, shares="15000", total="20000"),
        frames.status(3, 1774, "Submitted", "5000", "15000", "1.09115"),  # late
        frames.status(3, 1774, "Filled", "20000", "0", "1.09115"),
    )
    last = events[-1]
    assert (last.status, last.filled_volume) == (OrderStatus.FILLED, Decimal(20000))
    assert OrderStatus.PARTIAL in [event.status for event in events]
    filled = [event.filled_volume for event in events]
    assert filled == sorted(filled)
    assert last == MyOrder(
        last.received_ns, Exchange.IB, EUR_USD, "", "a1b2c3", "1774", Side.BUY, OrderType.LIMIT,
        TimeInForce.GTC, False, Decimal("1.0912"), Decimal(20000), OrderStatus.FILLED,
        Decimal(20000), Decimal("1.09115"), "", 0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "limit", "aux", "type_", "price"),
    [
        ("MKT", "0.0", frames.UNSET, OrderType.MARKET, None),
        ("STP", "0.0", "1.08", OrderType.STOP, Decimal("1.08")),
        ("STP LMT", "1.07", "1.08", OrderType.STOP_LIMIT, Decimal("1.07")),
        ("TRAIL", frames.UNSET, "1.08", OrderType.OTHER, None),
    ],
)
def test_order_kinds_and_their_prices(kind, limit, aux, type_, price):
    events = fed(
        decoder(Channel.MY_ORDER),
        frames.open_order(3, 9, kind=kind, limit=limit, aux=aux, reference="typed by hand"),
        frames.status(3, 9, "PreSubmitted", "0", "20000"),
    )
    assert (events[-1].type, events[-1].price, events[-1].order_id) == (type_, price, "")
    assert events[-1].status is OrderStatus.WORKING


@pytest.mark.parametrize(
    ("code", "then", "wanted"),
    [
        (201, "Inactive", OrderStatus.REJECTED),
        (202, "Cancelled", OrderStatus.CANCELED),
        (399, "Inactive", OrderStatus.WORKING),
    ],
)
def test_a_rejection_has_its_reason_and_inactive_alone_is_no_end(code, then, wanted):
    events = fed(
        decoder(Channel.MY_ORDER),
        frames.open_order(3, 9),
        frames.status(3, 9, "Submitted", "0", "20000"),
        frames.error(3, code, "Order rejected - reason: margin"),
        frames.status(3, 9, then, "0", "20000"),
    )
    assert events[-1].status is wanted
    assert (events[-1].reason != "") is (code != 399)


def test_a_batch_holds_every_order_that_is_still_open():
    made = decoder(Channel.MY_ORDER_BATCH)
    events = fed(
        made,
        frames.open_order(3, 9),
        frames.status(3, 9, "Submitted", "0", "20000"),
        frames.open_order(4, 10, symbol="AAPL", sec_type="STK", volume="10", limit="180.25"),
        frames.status(4, 10, "PreSubmitted", "0", "10"),
        frames.open_order(5, 11),
        frames.status(5, 11, "Filled", "20000", "0", "1.09"),
        frames.ORDERS_END,
    )
    (batch,) = events
    assert type(batch) is MyOrderBatch
    assert [(order.venue_id, order.symbol, order.price) for order in batch.orders] == [
        ("9", EUR_USD, Decimal("1.0912")),
        ("10", AAPL, Decimal("180.25")),
    ]
    (empty,) = fed(made, frames.ORDERS_END)
    assert empty.orders == ()
    assert made.topics()[0].acknowledged


@pytest.mark.parametrize("channel", [Channel.MY_ORDER, Channel.MY_TRADE, Channel.MY_ORDER_BATCH])
def test_the_memory_of_orders_that_no_list_has_any_more_is_bounded(channel, monkeypatch):
    monkeypatch.setattr(own_orders, "MAX_ENDED", 3)
    monkeypatch.setattr(orders, "_REMEMBERED", 5)
    made = decoder(channel)
    for number in range(1, 20):  # each is open, and ended while nobody listened
        fed(made, frames.status(number, 100 + number, "Submitted", "0", "20000"))
        fed(made, frames.open_order(number, 100 + number), frames.ORDERS_END)
        fed(made, frames.status(50 + number, 150 + number, "Submitted", "0", "20000"))
    ((account, _),) = made._accounts
    assert len(account._orders._orders) <= 3 + 2
    assert len(account._venue_ids) <= 5


def test_a_fill_waits_for_its_fee_and_is_told_once():
    made = decoder(Channel.MY_TRADE)
    fill = frames.execution("0000e0d5.5a.01.01", 9, reference="a1b2c3", liquidity=1)
    assert fed(made, fill) == []
    (trade,) = fed(made, frames.commission("0000e0d5.5a.01.01", "2.05"), at=5)
    assert trade == MyTrade(
        5, Exchange.IB, EUR_USD, "", "a1b2c3", "0000e0d5.5a.01.01", Side.BUY, Decimal("1.09115"),
        Decimal(5000), Decimal("2.05"), "USD", Liquidity.MAKER, 1_795_190_290 * SECOND, 0,
    )  # fmt: skip
    assert fed(made, fill, frames.commission("0000e0d5.5a.01.01", "2.05")) == []


def test_a_fill_whose_fee_never_comes_is_told_without_it():
    made = decoder(Channel.MY_TRADE)
    fed(made, frames.execution("0000e0d5.5a.01.01", 9))
    assert fed(made, frame(49, 1, 1), at=4 * SECOND) == []
    (trade,) = fed(made, frame(49, 1, 1), at=5 * SECOND)
    assert (trade.fee, trade.fee_currency, trade.received_ns) == (Decimal(0), "", 5 * SECOND)


def test_a_corrected_fill_is_told_as_a_gap_and_not_counted_twice():
    made = decoder(Channel.MY_TRADE)
    fed(made, frames.execution("0000e0d5.5a.01.01", 9), frames.commission("0000e0d5.5a.01.01"))
    (gap,) = fed(made, frames.execution("0000e0d5.5a.01.02", 9, shares="4000"))
    assert (type(gap), gap.expected, gap.got) == (
        Gap, "0000e0d5.5a.01.01", "0000e0d5.5a.01.02"
    )  # fmt: skip
    assert "4000 at 1.09115" in gap.reason


def test_the_sum_of_a_combination_is_no_fill():
    made = decoder(Channel.MY_TRADE)
    assert fed(made, frames.execution("a.b.c.01", 9, sec_type="BAG")) == []
    assert fed(made, frames.commission("a.b.c.01")) == []


def test_a_private_channel_gives_only_its_own_events():
    story = [
        frames.open_order(3, 9),
        frames.status(3, 9, "Filled", "20000", "0", "1.09"),
        frames.execution("a.b.c.01", 9, shares="20000", total="20000"),
        frames.commission("a.b.c.01"),
        frames.ORDERS_END,
        frames.executions_end(1),
    ]
    for channel, kind in [
        (Channel.MY_ORDER, MyOrder),
        (Channel.MY_TRADE, MyTrade),
        (Channel.MY_ORDER_BATCH, MyOrderBatch),
    ]:
        assert {type(event) for event in fed(decoder(channel), *story)} == {kind}
    together = IBDecoder([EUR_USD], [Channel.MY_ORDER, Channel.MY_TRADE, Channel.MY_ORDER_BATCH])
    assert {type(event) for event in fed(together, *story)} == {MyOrder, MyTrade, MyOrderBatch}


# ---- all ----------------------------------------------------------------------------------------


def test_it_is_a_decoder_and_asks_nothing_of_rest():
    made = decoder(Channel.BOOK)
    assert isinstance(made, Decoder)
    assert made.snapshot_requests() == []
    assert made.feed_snapshot(EUR_USD, b"{}", 1) == []
    assert made.counts.accounted == made.counts.frames == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe",
        b"{}",
        frame(1, 6, TICKER, 1),
        frame(1, 6, TICKER, 1, "nan", "1", 0),
        frame(1, 6, TICKER, 1, "1e999", "1", 0),
        frame(4, 2, "x", 200, "text"),
        frame(17, CANDLES, "a", "b", 3, 1, 2, 3),
        frame(5, 3),
        frames.open_order(3, 9, volume="many"),
        frames.open_order(3, 9, action="HOLD"),
        frames.status(3, 9, "Dreaming", "0", "1"),
        frames.status(3, 9, "Submitted", "0", "-1e99920000"),
        frames.execution("a.b", 9, price="NaN"),
    ],
)
def test_nonsense_is_counted_and_raises_nothing(raw):
    made = IBDecoder([EUR_USD], [c for c in Channel if c is not Channel.TRADE])
    assert kinds_of(fed(made, raw)) in ([], [Gap])  # it may have been a row of the book
    assert made.counts.malformed == 1


@pytest.mark.parametrize("garbled", [b"", frame(12, 1, DEPTH, 0, 1, 1, "x", "5")])
def test_a_row_that_cannot_be_read_ends_a_book_and_no_other_message_does(garbled):
    made = decoder(Channel.BOOK)
    fed(made, frames.row(DEPTH, 0, 0, 1, "1.1", "5"), frames.row(DEPTH, 0, 0, 0, "1.2", "5"))
    assert fed(made, frame(1, 6, TICKER, 1)) == []
    assert kinds_of(fed(made, garbled)) == [Gap]
    assert fed(made, frames.row(DEPTH, 0, 1, 1, "1.1", "6")) == []
    assert [subscription.pair for _, subscription in made.resubscriptions()] == [EUR_USD]


def kinds_of(events):
    return [type(event) for event in events]


GOOD = [
    frames.price(TICKER, 1, "1.1", "5"),
    frames.row(DEPTH, 0, 0, 1, "1.1", "5"),
    frames.bars(CANDLES, bar(0, "1.1")),
    frames.open_order(3, 9),
    frames.status(3, 9, "Submitted", "5000", "15000", "1.09"),
    frames.execution("a.b.c.01", 9),
    frames.commission("a.b.c.01"),
    frames.error(TICKER, 200, "no"),
    frames.error(-1, 1101, "back"),
    frames.ORDERS_END,
]


@settings(max_examples=400, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(GOOD), st.integers(0, 200), st.binary(max_size=6)), max_size=12
    )
)
def test_mutated_frames_never_raise_and_are_all_accounted_for(mutations):
    made = IBDecoder([EUR_USD], [c for c in Channel if c is not Channel.TRADE])
    for number, (raw, at, junk) in enumerate(mutations):
        for event in made.feed(raw[:at] + junk + raw[at + len(junk) :], number):
            if type(event) is Book:
                assert event.bids[0][0] < event.asks[0][0]
    assert made.counts.accounted == made.counts.frames


def test_a_frame_of_an_old_subscription_no_longer_counts():
    made = decoder(Channel.TICKER)
    made.restart()
    assert fed(made, frames.price(TICKER, 1, "1", "1"), frames.price(TICKER, 2, "2", "1")) == []
    new = wire.request_id(Channel.TICKER, 0, 1)
    assert fed(made, frames.price(new, 1, "1", "1"), frames.price(new, 2, "2", "1")) != []


def test_a_tape_of_several_connections_decodes_without_its_restarts():
    made = decoder(Channel.TICKER)
    for generation in (0, 1, 5):
        request = wire.request_id(Channel.TICKER, 0, generation)
        raws = [frames.price(request, 1, "1", "1"), frames.price(request, 2, "2", "1")]
        assert [type(event) for event in fed(made, *raws)] == [Ticker]


def test_an_interval_that_ib_has_not_is_one_sentence_with_those_it_has():
    with pytest.raises(ConfigError, match=r'"7m" of ib is not known; accepted: 5s, .*1d'):
        decoder(Channel.CANDLE, candle_interval="7m")
