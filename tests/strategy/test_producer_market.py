"""The market that is in a producer's candles."""

import pandas as pd
from tests.strategy.market import FIVE, drawn

from millstream.frames.columns import encode_rows
from millstream.model import (
    CurrencyPair,
    Exchange,
    FrameUpdate,
    Gap,
    Ticker,
    Trade,
    Whitelist,
)
from millstream.strategy.producer_market import ProducerMarket

CANDLES = drawn(20)
BTC = CurrencyPair("BTC", "USDT")


def market():
    return ProducerMarket("p", Exchange.BINANCE, {"BTC/USDT": BTC}, "5m", "spot")


def frame(candles, replace=False, **changes):
    rows = pd.DataFrame(
        {
            "date": pd.to_datetime([each.open_ns for each in candles], utc=True),
            **{
                name: [getattr(each, name) for each in candles]
                for name in ("open", "high", "low", "close", "volume")
            },
        }
    )
    made = {
        "received_ns": 1, "producer": "p", "pair": "BTC/USDT", "timeframe": "5m",
        "candle_type": "spot", "analyzed_ns": 0, "sequence": 1, "replace": replace,
        "rows": encode_rows(rows),
    }  # fmt: skip
    return FrameUpdate(**(made | changes))


def test_the_first_frame_is_the_past_and_has_only_its_last_quote():
    events = market().events(frame(CANDLES[:10], replace=True), 7)
    assert [type(event) for event in events] == [Ticker]
    quote = events[0]
    assert (quote.bid_price, quote.ask_price) == (CANDLES[9].close, CANDLES[9].close)
    assert (quote.received_ns, quote.exchange_ns) == (7, CANDLES[9].open_ns + FIVE)


def test_each_new_candle_is_a_market_once():
    made = market()
    made.events(frame(CANDLES[:10], replace=True), 1)
    events = made.events(frame(CANDLES[9:12]), 2)  # one is known, two are new
    assert [type(event) for event in events] == [Trade] * 4 + [Ticker] + [Trade] * 4 + [Ticker]
    assert events[0].price == CANDLES[10].open
    assert [type(event) for event in made.events(frame(CANDLES[11:12]), 3)] == [Ticker]


def test_candles_that_a_frame_leaves_out_are_a_gap_with_their_count():
    made = market()
    made.events(frame(CANDLES[:10], replace=True), 1)
    gap, *rest = made.events(frame([CANDLES[13], CANDLES[15]]), 2)
    assert (gap.missing, gap.symbol) == (3, BTC)  # 10, 11 and 12
    assert [type(event) for event in rest] == [Trade] * 4 + [Ticker, Gap] + [Trade] * 4 + [Ticker]
    assert rest[5].missing == 1


def test_other_frames_make_no_market():
    made = market()
    for changes in (
        {"producer": "q"}, {"pair": "ETH/USDT"}, {"timeframe": "1h"}, {"candle_type": "futures"},
        {"rows": b"nonsense"}, {"rows": encode_rows(pd.DataFrame({"rsi": [1.0]}))},
    ):  # fmt: skip
        assert made.events(frame(CANDLES[:10], **changes), 1) == []
    assert made.events(Whitelist(1, "p", ("BTC/USDT",)), 1) == []
