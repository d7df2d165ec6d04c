"""The generated market, read again by an independent small client of its frames."""

import json
import os
import random
import subprocess
import sys
from collections import defaultdict
from decimal import Decimal

import pytest

from millstream.errors import ConfigError, UnknownName
from millstream.simulator.market import INSTRUMENTS, Market, MarketSettings

SECONDS = 40


class Reader:
    """Rebuilds books, trades and candles from the text of the frames alone."""

    def __init__(self, market):
        self.books = {}
        for instrument in INSTRUMENTS:
            book = json.loads(market.snapshot(instrument.symbol, 5000))
            self.books[instrument.symbol] = {
                "id": book["lastUpdateId"],
                "b": {Decimal(p): Decimal(q) for p, q in book["bids"]},
                "a": {Decimal(p): Decimal(q) for p, q in book["asks"]},
            }
        self.frames = defaultdict(list)  # kind -> data

    def feed(self, raw):
        message = json.loads(raw)
        symbol, kind = message["stream"].split("@", 1)
        data = message["data"]
        assert data["s"] == symbol.upper()
        self.frames[kind].append(data)
        if kind == "depth@100ms":
            book = self.books[data["s"]]
            assert data["U"] == book["id"] + 1
            assert data["u"] >= data["U"]
            book["id"] = data["u"]
            for side in "ba":
                for price, volume in data[side]:
                    if Decimal(volume):
                        book[side][Decimal(price)] = Decimal(volume)
                    else:
                        book[side].pop(Decimal(price), None)
            assert max(book["b"]) < min(book["a"])
        return data["s"], kind, data


@pytest.fixture(scope="module")
def played():
    market = Market(random.Random(11), MarketSettings(seconds=SECONDS))
    reader = Reader(market)
    frames = []
    for frame in market.frames():
        frames.append(frame)
        reader.feed(frame.raw)
    return market, reader, frames


def test_frames_come_in_order_of_time_at_a_lively_rate(played):
    market, _, frames = played
    times = [frame.ns for frame in frames]
    assert times == sorted(times)
    assert market.first_ns <= times[0]
    assert times[-1] <= market.last_ns
    assert 200 * SECONDS < len(frames) < 900 * SECONDS


def test_the_diffs_lead_from_one_snapshot_exactly_to_the_other(played):
    market, reader, _ = played
    for symbol, book in reader.books.items():
        now = json.loads(market.snapshot(symbol, 5000))
        assert now["lastUpdateId"] == book["id"]
        assert {Decimal(p): Decimal(q) for p, q in now["bids"]} == book["b"]
        assert {Decimal(p): Decimal(q) for p, q in now["asks"]} == book["a"]
        assert [Decimal(p) for p, _ in now["bids"]] == sorted(book["b"], reverse=True)
        assert [Decimal(p) for p, _ in now["asks"]] == sorted(book["a"])


def test_the_last_ticker_before_each_diff_is_the_best_of_the_book():
    market = Market(random.Random(3), MarketSettings(seconds=20))
    reader = Reader(market)
    tickers = {}
    compared = 0
    for frame in market.frames():
        symbol, kind, data = reader.feed(frame.raw)
        if kind == "bookTicker":
            assert Decimal(data["b"]) < Decimal(data["a"])
            assert data["u"] > tickers.get(symbol, {"u": 0})["u"]
            tickers[symbol] = data
        elif kind == "depth@100ms" and symbol in tickers:
            book, ticker = reader.books[symbol], tickers[symbol]
            bid, ask = max(book["b"]), min(book["a"])
            assert (bid, book["b"][bid]) == (Decimal(ticker["b"]), Decimal(ticker["B"]))
            assert (ask, book["a"][ask]) == (Decimal(ticker["a"]), Decimal(ticker["A"]))
            compared += 1
    assert compared > 300


def test_a_snapshot_taken_on_the_way_joins_the_diffs_after_it():
    market = Market(random.Random(5), MarketSettings(seconds=10))
    reader = None
    for number, frame in enumerate(market.frames()):
        if number == 1500:
            reader = Reader(market)
        if reader is None:
            continue
        data = json.loads(frame.raw)["data"]
        if data.get("e") == "depthUpdate" and data["u"] <= reader.books[data["s"]]["id"]:
            continue  # what a client drops
        reader.feed(frame.raw)
    assert len(reader.frames["depth@100ms"]) > 100


def test_trade_ids_have_no_gap_and_trades_take_from_the_best_price(played):
    _, reader, _ = played
    ids = defaultdict(list)
    for trade in reader.frames["trade"]:
        ids[trade["s"]].append(trade["t"])
        assert trade["M"] is True
        assert Decimal(trade["q"]) > 0
    assert len(ids) == 3
    for numbers in ids.values():
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_takers_sell_at_the_bid_and_buy_at_the_ask():
    market = Market(random.Random(8), MarketSettings(seconds=20))
    tops = {}
    right = 0
    for frame in market.frames():
        message = json.loads(frame.raw)
        data = message["data"]
        if message["stream"].endswith("bookTicker"):
            tops[data["s"]] = data
        elif data["e"] == "trade" and data["s"] in tops:
            top = tops[data["s"]]
            price = Decimal(data["p"])
            if data["m"]:
                assert price <= Decimal(top["b"])
            else:
                assert price >= Decimal(top["a"])
            right += 1
    assert right > 300


def test_candles_are_made_of_the_trades_of_their_interval(played):
    _, reader, _ = played
    trades = defaultdict(list)
    for trade in reader.frames["trade"]:
        trades[trade["s"], trade["T"] // 1000].append(trade)
    closed = [data["k"] for data in reader.frames["kline_1s"] if data["k"]["x"]]
    assert len(closed) == 3 * SECONDS
    for candle in closed:
        assert candle["T"] == candle["t"] + 999
        of_it = trades[candle["s"], candle["t"] // 1000]
        assert candle["n"] == len(of_it)
        prices = [Decimal(trade["p"]) for trade in of_it]
        volumes = [Decimal(trade["q"]) for trade in of_it]
        assert Decimal(candle["v"]) == sum(volumes)
        quote = sum((p * v for p, v in zip(prices, volumes, strict=True)), Decimal(0))
        assert abs(Decimal(candle["q"]) - quote) < Decimal("0.00000001")
        bought = sum(v for t, v in zip(of_it, volumes, strict=True) if not t["m"])
        assert Decimal(candle["V"]) == bought
        if prices:
            ohlc = [prices[0], max(prices), min(prices), prices[-1]]
            assert [Decimal(candle[key]) for key in "ohlc"] == ohlc
            assert (candle["f"], candle["L"]) == (of_it[0]["t"], of_it[-1]["t"])
        else:
            assert (candle["f"], candle["L"]) == (-1, -1)
            assert candle["o"] == candle["h"] == candle["l"] == candle["c"]


def test_running_candles_are_told_and_a_longer_interval_closes_less_often():
    market = Market(random.Random(2), MarketSettings(seconds=70, candle_interval="1m"))
    reader = Reader(market)
    for frame in market.frames():
        reader.feed(frame.raw)
    candles = reader.frames["kline_1m"]
    assert sum(data["k"]["x"] for data in candles) == 3
    assert len(candles) > 150


def test_prices_swing_enough_to_trade_on():
    ranges = []
    for seed in range(5):
        market = Market(random.Random(seed), MarketSettings(seconds=60))
        prices = defaultdict(list)
        for frame in market.frames():
            message = json.loads(frame.raw)
            if message["stream"].endswith("@trade"):
                prices[message["data"]["s"]].append(float(message["data"]["p"]))
        ranges += [max(of_pair) / min(of_pair) - 1 for of_pair in prices.values()]
    ranges.sort()
    assert 0.002 < ranges[0]
    assert ranges[-1] < 0.02


def test_the_frames_are_written_as_the_venue_writes_them(played):
    _, _, frames = played
    texts = {}
    for frame in frames:
        texts.setdefault(frame.raw[11 : frame.raw.index(b'"', 11)].decode(), frame.raw.decode())
    for stream, text in texts.items():
        message = json.loads(text)
        assert json.dumps(message, separators=(",", ":")) == text  # no blanks
        assert list(message) == ["stream", "data"]
        assert message["stream"] == stream
    keys = {stream: list(json.loads(text)["data"]) for stream, text in texts.items()}
    assert keys["btcusdt@bookTicker"] == ["u", "s", "b", "B", "a", "A"]
    assert keys["ethusdt@trade"] == ["e", "E", "s", "t", "p", "q", "T", "m", "M"]
    assert keys["solusdt@depth@100ms"] == ["e", "E", "s", "U", "u", "b", "a"]
    kline = json.loads(texts["btcusdt@kline_1s"])["data"]
    assert list(kline) == ["e", "E", "s", "k"]
    assert list(kline["k"]) == list("tTsifLochlvnxqVQB")
    numbers = [json.loads(texts["solusdt@trade"])["data"][key] for key in "pq"]
    numbers += [kline["k"][key] for key in "ochlvqVQ"]
    assert all(len(number.split(".")[1]) == 8 for number in numbers)


def _bytes(seed):
    market = Market(random.Random(seed), MarketSettings(seconds=5))
    return b"\n".join(b"%d %b" % (frame.ns, frame.raw) for frame in market.frames())


def test_another_seed_gives_another_market():
    assert _bytes(1) == _bytes(1)
    assert _bytes(1) != _bytes(2)


def test_the_same_seed_gives_the_same_bytes_in_another_process_with_another_hash_seed():
    program = (
        "import random, sys, hashlib\n"
        "from millstream.simulator.market import Market, MarketSettings\n"
        "market = Market(random.Random(1), MarketSettings(seconds=5))\n"
        "text = b'\\n'.join(b'%d %b' % (f.ns, f.raw) for f in market.frames())\n"
        "sys.stdout.buffer.write(text)"
    )
    for hash_seed in ("1", "2024"):
        environment = os.environ | {"PYTHONHASHSEED": hash_seed, "TZ": "Asia/Tokyo"}
        told = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, check=True
        )
        assert told.stdout == _bytes(1)


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(UnknownName, match="2s"):
        Market(random.Random(1), MarketSettings(candle_interval="2s"))
    with pytest.raises(ConfigError, match="100 ms"):
        Market(random.Random(1), MarketSettings(start_ns=1))
