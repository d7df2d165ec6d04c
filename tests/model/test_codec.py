from __future__ import annotations

import contextlib
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millstream.errors import BadMessage
from millstream.model import (
    Book,
    CurrencyPair,
    Exchange,
    LogLine,
    MyOrder,
    OrderStatus,
    OrderType,
    Output,
    PlaceOrder,
    Side,
    Ticker,
    TimeInForce,
    actions,
)
from millstream.model.codec import (
    EVENT_TYPES,
    batch,
    decode_events,
    decode_outputs,
    encode,
    encode_canonical,
    encode_events,
    encode_outputs,
)
from millstream.model.tags import TAGS

NUMBERS = st.floats(allow_nan=False)
NANOSECONDS = st.integers(0, 2**63 - 1)
CODES = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=1, max_size=20)
PAIRS = st.builds(CurrencyPair, CODES, CODES)
TICKERS = st.builds(
    Ticker, NANOSECONDS, st.sampled_from(Exchange), PAIRS, NANOSECONDS,
    NUMBERS, NUMBERS, NUMBERS, NUMBERS,
)  # fmt: skip
ONE_TICKER = Ticker(
    1_700_000_000_000_000_000, Exchange.BINANCE, CurrencyPair.BTC_USDT, 0, 1.0, 2.0, 3.0, 4.0
)


@given(st.lists(TICKERS, max_size=100))
def test_events_come_back_as_they_were(tickers):
    assert decode_events(encode_events(tickers)) == tickers


@given(st.lists(TICKERS, max_size=70))
def test_a_batch_of_encoded_events_is_the_encoded_batch(tickers):
    assert batch([encode(ticker) for ticker in tickers]) == encode_events(tickers)


def test_a_batch_of_any_size_has_the_right_header():
    for count in (0, 15, 16, 65_535, 65_536):
        assert len(decode_events(batch([encode(ONE_TICKER)] * count))) == count


def test_a_ticker_without_a_venue_time_takes_59_bytes():
    assert len(encode(ONE_TICKER)) == 59


def test_decimals_keep_every_digit_they_were_written_with():
    order = PlaceOrder(
        Exchange.BINANCE, CurrencyPair.BTC_USDT, Side.BUY, OrderType.LIMIT,
        Decimal("0.10000000"), Decimal("61837.640"),
    )  # fmt: skip
    (output,) = decode_outputs(encode_outputs([Output(7, "quoter", order)]))
    assert str(output.body.volume) == "0.10000000"
    assert str(output.body.price) == "61837.640"


def test_an_order_comes_back_whole():
    order = MyOrder(
        1, Exchange.KRAKEN, CurrencyPair.BTC_USD, "quoter", "abc", "", Side.SELL, OrderType.MARKET,
        TimeInForce.IOC, False, None, Decimal("1.5"), OrderStatus.PARTIAL, Decimal("0.5"),
        Decimal("9"), "", 3,
    )  # fmt: skip
    assert decode_events(encode_events([order])) == [order]
    assert order.open_volume == Decimal("1.0")


@given(st.binary(max_size=200))
def test_bytes_that_are_no_batch_are_refused_with_one_kind_of_error(raw):
    for decode in (decode_events, decode_outputs):
        with contextlib.suppress(BadMessage):
            decode(raw)


def test_half_a_batch_is_refused():
    raw = encode_events([ONE_TICKER])
    with pytest.raises(BadMessage, match="not a batch of events"):
        decode_events(raw[:-1])


def test_a_shape_from_an_older_journal_reads_with_the_defaults_of_its_new_fields():
    class Older(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=40):
        exchange: Exchange
        symbol: CurrencyPair
        side: Side
        type_: OrderType
        volume: Decimal

    old = Older(Exchange.OKX, CurrencyPair.BTC_USDT, Side.BUY, OrderType.MARKET, Decimal(1))
    raw = b"\x91\x94\x3c\x01\xa1a" + msgspec.msgpack.encode(old)
    (output,) = decode_outputs(raw)
    assert output.body.price is None
    assert output.body.time_in_force is TimeInForce.GTC


def test_equal_states_have_equal_bytes_whatever_the_order_they_grew_in():
    class State(msgspec.Struct):
        seen: dict[str, int]

    one = encode_canonical(State({"a": 1, "b": 2}))
    assert one == encode_canonical(State({"b": 2, "a": 1}))
    assert one != encode_canonical(State({"a": 2, "b": 1}))


def test_every_message_has_a_promised_tag_and_no_two_share_one():
    kinds = [*EVENT_TYPES, *actions.OutputBody.__args__, Output]
    numbers = [kind.__struct_config__.tag for kind in kinds]
    assert sorted(numbers) == sorted(set(numbers))
    assert set(numbers) == set(TAGS.values())
    assert len(set(TAGS.values())) == len(TAGS)


def test_the_numbers_of_tags_are_what_journals_already_hold():
    # a promise: this table may grow, but no line of it may change
    assert TAGS == {
        "ticker.1": 1, "trade.1": 2, "book.1": 3, "candle.1": 4, "candle_history.1": 5,
        "frame.1": 6, "whitelist.1": 7, "producer_state.1": 8,
        "connected.1": 10, "disconnected.1": 11, "gap.1": 12, "stale.1": 13, "resynced.1": 14,
        "refused.1": 15, "my_order.1": 20, "my_trade.1": 21, "my_order_batch.1": 22,
        "timer.1": 30, "control.1": 31,
        "session_end.1": 32, "place_order.1": 40, "cancel_order.1": 41, "cancel_all.1": 42,
        "set_timer.1": 43, "stop_timer.1": 44, "log_line.1": 45, "checkpoint.1": 46,
        "robot_failed.1": 47, "publish_frame.1": 48, "publish_whitelist.1": 49,
        "amend_order.1": 50, "control_answer.1": 51,
        "output.1": 60,
    }  # fmt: skip


def test_messages_cannot_be_changed():
    with pytest.raises(AttributeError):
        ONE_TICKER.bid_price = 2.0
    with pytest.raises(AttributeError):
        LogLine("info", "x").text = "y"


def test_the_seeds_spelling_of_prices_reads_too():
    assert (ONE_TICKER.bidPrice, ONE_TICKER.askPrice) == (1.0, 3.0)
    assert ONE_TICKER.mid_price == 2.0


def test_a_book_holds_levels_of_price_and_volume():
    book = Book(1, Exchange.OKX, CurrencyPair.BTC_USDT, 2, ((9.0, 1.0),), ((10.0, 2.0),), 5)
    assert decode_events(encode_events([book])) == [book]
