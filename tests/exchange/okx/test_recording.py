"""The recording of 2022-05-13, value by value, against an independent reading of it."""

import json

import pytest
from tests.exchange.okx import frames

from millstream.exchange import decoder
from millstream.model import Book, CurrencyPair, Side

BTC = CurrencyPair.BTC_USDT
pytestmark = pytest.mark.skipif(not frames.RECORDING.exists(), reason="the recordings are not here")


def test_every_recorded_ticker_and_trade():
    made = decoder("okx", [BTC], ["ticker", "trade"])
    tickers = trades = 0
    for raw in frames.recorded("tickers", "BTC-USDT"):
        [event], [told] = made.feed(raw, 1), json.loads(raw)["data"]
        read = (event.bid_price, event.bid_volume, event.ask_price, event.ask_volume)
        assert read == tuple(float(told[key]) for key in ("bidPx", "bidSz", "askPx", "askSz"))
        assert event.exchange_ns == int(told["ts"]) * 10**6
        tickers += 1
    for raw in frames.recorded("trades", "BTC-USDT"):
        events, told = made.feed(raw, 1), json.loads(raw)["data"]
        for event, one in zip(events, told, strict=True):
            assert (event.price, event.volume) == (float(one["px"]), float(one["sz"]))
            assert (event.trade_id, event.side) == (one["tradeId"], Side.parse(one["side"]))
            trades += 1
    assert (tickers, trades) == (25, 69)
    assert made.counts.gaps == made.counts.malformed == 0


@pytest.mark.parametrize(
    ("exchange", "pair", "instrument"),
    [("okx", "btc/usdt", "BTC-USDT"), ("okx_swap", "uni/usd", "UNI-USD-SWAP")],
)
def test_every_recorded_book_equals_a_plain_dictionary_and_every_checksum_is_right(
    exchange, pair, instrument
):
    swap = {"contract_values": {pair: "10"}} if exchange == "okx_swap" else {}
    made = decoder(exchange, [pair], ["book"], book_depth=30, **swap)
    scale = 10.0 if swap else 1.0
    sides = {"bids": {}, "asks": {}}
    served = 0
    for raw in frames.recorded("books", instrument):
        books = [event for event in made.feed(raw, 1) if isinstance(event, Book)]
        packet = json.loads(raw)
        if packet["action"] == "snapshot":
            sides = {"bids": {}, "asks": {}}
        for name, side in sides.items():
            for price, size, *_ in packet["data"][0][name]:
                side[float(price)] = float(size)
                if float(size) == 0:
                    del side[float(price)]
        [book] = books
        bids = sorted(sides["bids"].items(), reverse=True)[:30]
        asks = sorted(sides["asks"].items())[:30]
        assert book.bids == tuple((price, size * scale) for price, size in bids)
        assert book.asks == tuple((price, size * scale) for price, size in asks)
        served += 1
    assert served > 50
    assert made.counts.gaps == 0
