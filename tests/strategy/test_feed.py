"""Folders of candles as a feed, and the past from venues' REST pages on the loopback."""

import asyncio
import json
import time
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest
from tests.strategy.market import FIVE, drawn

from millstream.errors import ConfigError, StreamError, TapeError
from millstream.model import Candle, CandleHistory, CurrencyPair, Exchange, Ticker, Trade
from millstream.strategy.feed import CandleFeed, parse_date
from millstream.strategy.files import file_of, read_candles
from millstream.strategy.played import PastCandle, played
from millstream.strategy.warm_up import fetch_history

BTC = CurrencyPair.parse("btc/usdt")


def save(folder, name, candles, parquet=False):
    table = pd.DataFrame(
        {
            "date": pd.to_datetime([c.open_ns for c in candles], utc=True),
            "open": [c.open for c in candles], "high": [c.high for c in candles],
            "low": [c.low for c in candles], "close": [c.close for c in candles],
            "volume": [c.volume for c in candles],
        }
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    if parquet:
        table.to_parquet(folder / f"{name}.parquet")
    else:
        table.to_feather(folder / f"{name}.feather")


class Listener:
    def __init__(self):
        self.events = []
        self.candle_queue = self.trade_queue = self.ticker_queue = self.health_queue = self

    def put_nowait(self, event):
        self.events.append(event)

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


def play(feed):
    async def run():
        running = asyncio.ensure_future(feed.start())
        while not feed.finished:
            await asyncio.sleep(0.005)
        await feed.stop()
        await running

    listener = Listener()
    feed.bind_observer(listener)
    asyncio.run(asyncio.wait_for(run(), 20))
    return listener


def test_what_lies_before_the_date_is_history_and_the_rest_is_played(tmp_path):
    candles = drawn(40)
    save(tmp_path, "BTC_USDT-5m", candles)
    since = str(pd.Timestamp(candles[25].open_ns))
    feed = CandleFeed(tmp_path, Exchange.BINANCE, ["BTC/USDT"], "5m", since, 0.0)
    heard = play(feed)
    (history,) = heard.of(CandleHistory)
    assert list(history.open_ns) == [c.open_ns for c in candles[:25]]
    assert [c.close for c in heard.of(Candle)] == [c.close for c in candles[25:]]
    assert all(candle.closed for candle in heard.of(Candle))
    assert feed.played == 15
    (figures,) = feed.statistics()
    assert (figures.state, figures.frames) == ("stopped", 15)


def test_futures_and_parquet_files_are_found(tmp_path):
    save(tmp_path / "futures", "XRP_USDT_USDT-5m-futures", drawn(5), parquet=True)
    path = file_of(tmp_path, "XRP/USDT:USDT", "5m")
    assert read_candles(path) == drawn(5)


def test_a_file_that_is_not_there_is_named_with_those_that_are(tmp_path):
    save(tmp_path, "ETH_BTC-5m", drawn(5))
    with pytest.raises(TapeError, match=r"no file BTC_USDT-5m\.feather .* it has: ETH_BTC-5m"):
        CandleFeed(tmp_path, Exchange.BINANCE, ["BTC/USDT"], "5m")


def test_a_file_that_is_no_table_is_an_error_of_ours(tmp_path):
    (tmp_path / "BTC_USDT-5m.feather").write_text("not a table")
    with pytest.raises(TapeError, match="cannot be read as candles"):
        CandleFeed(tmp_path, Exchange.BINANCE, ["BTC/USDT"], "5m")


def test_nothing_left_to_play_is_said(tmp_path):
    save(tmp_path, "BTC_USDT-5m", drawn(5))
    with pytest.raises(ConfigError, match="choose an earlier date"):
        CandleFeed(tmp_path, Exchange.BINANCE, ["BTC/USDT"], "5m", "2030-01-01")
    with pytest.raises(ConfigError, match="is not a date"):
        parse_date("soon")


def test_a_candle_is_played_as_a_market_with_its_prices_and_volume():
    candle = PastCandle(FIVE * 1_000, 10.0, 12.0, 9.0, 11.0, 8.0)
    *trades, ticker, closed = played(Exchange.BINANCE, BTC, "5m", FIVE, candle, 77)
    assert [trade.price for trade in trades] == [10.0, 9.0, 12.0, 11.0]
    assert all(isinstance(trade, Trade) for trade in trades)
    assert sum(trade.volume for trade in trades) == 8.0
    assert isinstance(ticker, Ticker)
    assert (ticker.bid_price, ticker.ask_price) == (11.0, 11.0)
    assert (closed.open_ns, closed.close_ns, closed.received_ns) == (
        candle.open_ns, candle.open_ns + FIVE, 77,
    )  # fmt: skip


# ---- the past, by REST --------------------------------------------------------------------------

NOW_S = int(time.time())
FIRST_S = NOW_S - NOW_S % 300 - 400 * 300  # 401 candles of five minutes, the last one still runs


def row(second):
    return [second, 1.0 + second % 7, 9.0, 0.5, 2.0 + second % 5, 3.0]


def rows(since_s, end_s, count):
    first = max(FIRST_S, -(-since_s // 300) * 300)
    return [row(second) for second in range(first, min(end_s, NOW_S) + 1, 300)][:count]


def answer(target):
    """What each venue would answer, by its own page's words."""
    parts = urlsplit(target)
    asked = {key: value[0] for key, value in parse_qs(parts.query).items()}
    if parts.path.endswith("/klines"):
        page = rows(int(asked["startTime"]) // 1000, NOW_S, 150)
        return [[r[0] * 1000, *map(str, r[1:]), r[0] * 1000 + 299_999] for r in page]
    if parts.path == "/0/public/OHLC":
        page = rows(int(asked["since"]) + 1, NOW_S, 720)
        told = [[r[0], *map(str, r[1:5]), "0.7", str(r[5]), 4] for r in page]
        return {"error": [], "result": {"XXBTZUSD": told, "last": 1}}
    if "history-candles" in parts.path:
        end = int(asked["after"]) // 1000
        page = rows(0, end - 1, 10_000)[-100:][::-1]
        contracts = ["77", str] if "SWAP" in asked["instId"] else None
        told = []
        for r in page:
            volumes = ["77", str(r[5])] if contracts else [str(r[5]), "77"]
            confirmed = "1" if r[0] + 300 <= NOW_S else "0"
            told.append([str(r[0] * 1000), *map(str, r[1:5]), *volumes, "5", confirmed])
        return {"code": "0", "data": told}
    page = rows(int(asked["start"]), int(asked["end"]), 300)
    names = ("start", "open", "high", "low", "close", "volume")
    return {"candles": [dict(zip(names, map(str, r), strict=True)) for r in page[::-1]]}


async def serve(reader, writer):
    request = (await reader.readuntil(b"\r\n\r\n")).decode()
    body = json.dumps(answer(request.split()[1])).encode()
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body))
    writer.write(body)
    await writer.drain()
    writer.close()


@pytest.mark.parametrize(
    "exchange",
    [Exchange.BINANCE, Exchange.BINANCE_FUTURE, Exchange.KRAKEN, Exchange.OKX, Exchange.OKX_SWAP,
     Exchange.COINBASE],
)  # fmt: skip
def test_the_past_is_asked_page_by_page_without_the_candle_that_runs(exchange, monkeypatch):
    monkeypatch.setattr(time, "time_ns", lambda: NOW_S * 10**9)

    async def run():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        host = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            return await fetch_history(exchange, BTC, "5m", 350, host=host)

    history = asyncio.run(run())
    opened = [ns // 10**9 for ns in history.open_ns]
    assert len(opened) == 350
    assert opened == list(range(opened[0], opened[0] + 350 * 300, 300))
    assert opened[-1] + 300 <= NOW_S + 300
    for second, price, volume in zip(opened, history.close, history.volume, strict=True):
        assert (price, volume) == (row(second)[4], 3.0)


def test_a_venue_that_refuses_is_a_stream_error():
    async def refuse(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        body = b'{"error":["EQuery:Unknown asset pair"]}'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    async def run():
        server = await asyncio.start_server(refuse, "127.0.0.1", 0)
        host = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            await fetch_history(Exchange.KRAKEN, BTC, "5m", 10, host=host)

    with pytest.raises(StreamError, match="Unknown asset pair"):
        asyncio.run(run())


def test_a_venue_without_past_candles_says_what_to_do():
    with pytest.raises(ConfigError, match="--data DIR"):
        asyncio.run(fetch_history(Exchange.IB, BTC, "5m", 10))
