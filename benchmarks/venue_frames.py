"""Frames of every venue's ticker, trade and book channels, as their documentation has them.

Each frame differs from the one before by its numbers, times and prices, the same on every machine.
Books: one whole book of 2 x 50 levels, then a changed level in each frame.
"""

from __future__ import annotations

from binascii import crc32
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

LEVELS = 50
CHECKED = 10  # levels in Kraken's checksum


@dataclass(frozen=True)
class Venue:
    """One venue: its pair, and a maker of frames for each channel."""

    pair: str
    ticker: Callable[[int], str] | None
    trade: Callable[[int], str] | None
    book: Callable[[int], Iterator[str]] | None
    settings: dict[str, Any] = field(default_factory=dict)
    snapshot: str = ""  # of the book, where it comes by REST

    def frames(self, channel: str, count: int) -> list[bytes]:
        """So many frames of a channel; none where the venue has it not."""
        if channel == "book":
            return [text.encode() for text in self.book(count)] if self.book is not None else []
        make = self.ticker if channel == "ticker" else self.trade
        return [make(n).encode() for n in range(count)] if make is not None else []


def bid(n: int) -> str:
    return f"{61837 - n % 7}.{n % 10}"


def ask(n: int) -> str:
    return f"{61838 + n % 5}.{n % 10}"


def size(n: int) -> str:
    return f"{n % 9}.{n % 89999 + 10000:05}000"


def when(n: int) -> str:
    return f"2026-08-12T19:{n // 60000 % 60:02}:{n // 1000 % 60:02}.{n % 1000:03}592Z"


def change(n: int) -> tuple[str, int]:
    """The side and the level that the nth change is of."""
    return ("bid" if n % 2 else "ask"), n * 7 % LEVELS


def price(side: str, level: int) -> str:
    return f"{60000 - level}.0" if side == "bid" else f"{60001 + level}.0"


def side_of(side: str) -> list[tuple[str, str]]:
    return [(price(side, level), size(level)) for level in range(LEVELS)]


def quoted(levels: list[tuple[str, str]], tail: str = "") -> str:
    return "[" + ",".join(f'["{one}","{volume}"{tail}]' for one, volume in levels) + "]"


# ---- Binance ------------------------------------------------------------------------------------


def binance_ticker(n: int) -> str:
    return (
        f'{{"stream":"btcusdt@bookTicker","data":{{"u":{n + 9},"s":"BTCUSDT","b":"{bid(n)}",'
        f'"B":"{size(n)}","a":"{ask(n)}","A":"{size(n + 1)}"}}}}'
    )


def binance_trade(n: int) -> str:
    return (
        f'{{"stream":"btcusdt@trade","data":{{"e":"trade","E":{1723161255343 + n},"s":"BTCUSDT",'
        f'"t":{n + 9},"p":"{bid(n)}","q":"{size(n)}","T":{1723161255342 + n},"m":true,"M":true}}}}'
    )


def binance_book(name: str, more: Callable[[int], str]) -> Callable[[int], Iterator[str]]:
    def made(count: int) -> Iterator[str]:
        for n in range(1, count):
            side, level = change(n)
            levels = quoted([(price(side, level), size(n))])
            bids, asks = (levels, "[]") if side == "bid" else ("[]", levels)
            yield (
                f'{{"stream":"{name}","data":{{"e":"depthUpdate","E":{1723161255308 + n},'
                f'{more(n)}"s":"BTCUSDT","U":{n},"u":{n},"b":{bids},"a":{asks}}}}}'
            )

    return made


def future_ticker(n: int) -> str:
    return (
        f'{{"stream":"btcusdt@bookTicker","data":{{"e":"bookTicker","u":{n + 9},"s":"BTCUSDT",'
        f'"b":"{bid(n)}","B":"{size(n)}","a":"{ask(n)}","A":"{size(n + 1)}",'
        f'"T":{1723161256313 + n},"E":{1723161256313 + n}}}}}'
    )


def future_trade(n: int) -> str:
    return (
        f'{{"stream":"btcusdt@trade","data":{{"e":"trade","E":{1723161256322 + n},'
        f'"T":{1723161256322 + n},"s":"BTCUSDT","t":{n + 9},"p":"{bid(n)}","q":"{size(n)}",'
        '"X":"MARKET","m":false}}'
    )


SNAPSHOT = f'"lastUpdateId":0,"bids":{quoted(side_of("bid"))},"asks":{quoted(side_of("ask"))}}}'


# ---- Kraken -------------------------------------------------------------------------------------


def kraken_ticker(n: int) -> str:
    return (
        f'{{"channel":"ticker","type":"update","data":[{{"symbol":"BTC/USD","bid":{bid(n)},'
        f'"bid_qty":{size(n)},"ask":{ask(n)},"ask_qty":{size(n + 1)},"last":63297.8,'
        '"volume":1020.88391276,"vwap":63685.7,"low":63250,"high":64409.2,"change":0.7,'
        f'"change_pct":0,"trades":47536,"timestamp":"{when(n)}"}}]}}'
    )


def kraken_trade(n: int) -> str:
    return (
        '{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy",'
        f'"price":{bid(n)},"qty":{size(n)},"ord_type":"limit","trade_id":{n + 9},'
        f'"timestamp":"{when(n)}"}}]}}'
    )


def kraken_book(count: int) -> Iterator[str]:
    sides = {"bid": side_of("bid")[:CHECKED], "ask": side_of("ask")[:CHECKED]}

    def frame(kind: str, bids: list[tuple[str, str]], asks: list[tuple[str, str]], n: int) -> str:
        best = [text for level in sides["ask"] + sides["bid"] for text in level]
        checksum = crc32("".join(text.replace(".", "").lstrip("0") for text in best).encode())
        told = [
            "[" + ",".join(f'{{"price":{p},"qty":{q}}}' for p, q in side) + "]"
            for side in (bids, asks)
        ]
        return (
            f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"BTC/USD","bids":{told[0]},'
            f'"asks":{told[1]},"checksum":{checksum},"timestamp":"{when(n)}"}}]}}'
        )

    yield frame("snapshot", sides["bid"], sides["ask"], 0)
    for n in range(1, count):
        side, level = change(n)
        level %= CHECKED
        sides[side][level] = (price(side, level), size(n))
        changed = [sides[side][level]]
        bids, asks = (changed, []) if side == "bid" else ([], changed)
        yield frame("update", bids, asks, n)


def kraken_future_ticker(n: int) -> str:
    return (
        f'{{"time":{1783587648112 + n},"product_id":"PF_XBTUSD","funding_rate":0.032725177043125,'
        f'"leverage":"100x","premium":-0.0,"feed":"ticker","bid":{bid(n)},"ask":{ask(n)},'
        f'"bid_size":{size(n)},"ask_size":{size(n + 1)},"volume":57204.177,"dtm":0,'
        '"index":1751.75,"last":1751.7,"change":0.97,"suspended":false,"tag":"perpetual",'
        '"pair":"XBT:USD","markPrice":1751.97553924942,"post_only":false,"open":1734.8,'
        '"high":1765.4,"low":1708.8,"volumeQuote":1.0,"openInterest":30072580.0}'
    )


def kraken_future_trade(n: int) -> str:
    return (
        f'{{"feed":"trade","product_id":"PF_XBTUSD","uid":"05af78ac-a774-478c-{n:08}",'
        f'"side":"sell","type":"fill","seq":{n + 9},"time":{1612266317519 + n},"qty":{size(n)},'
        f'"price":{bid(n)}}}'
    )


def kraken_future_book(count: int) -> Iterator[str]:
    sides = [
        "[" + ",".join(f'{{"price":{p},"qty":{q}}}' for p, q in side_of(side)) + "]"
        for side in ("bid", "ask")
    ]
    yield (
        '{"feed":"book_snapshot","product_id":"PF_XBTUSD","timestamp":1612269825817,"seq":0,'
        f'"tickSize":null,"bids":{sides[0]},"asks":{sides[1]}}}'
    )
    for n in range(1, count):
        side, level = change(n)
        word = "buy" if side == "bid" else "sell"
        yield (
            f'{{"feed":"book","product_id":"PF_XBTUSD","side":"{word}","seq":{n},'
            f'"price":{price(side, level)},"qty":{size(n)},"timestamp":{1612269953629 + n}}}'
        )


# ---- Coinbase -----------------------------------------------------------------------------------


def coinbase(channel: str, n: int, events: str) -> str:
    return (
        f'{{"channel":"{channel}","client_id":"","timestamp":"{when(n)[:-1]}118Z",'
        f'"sequence_num":{n},"events":[{events}]}}'
    )


def coinbase_ticker(n: int) -> str:
    return coinbase(
        "ticker",
        n,
        '{"type":"update","tickers":[{"type":"ticker","product_id":"BTC-USD","price":"63320.73",'
        '"volume_24_h":"6629.927726","low_24_h":"63235.88","high_24_h":"64416.3",'
        '"low_52_w":"57717.55","high_52_w":"126296","price_percent_chg_24_h":"0.03813791548644",'
        f'"best_bid":"{bid(n)}","best_ask":"{ask(n)}","best_bid_quantity":"{size(n)}",'
        f'"best_ask_quantity":"{size(n + 1)}"}}]}}',
    )


def coinbase_trade(n: int) -> str:
    return coinbase(
        "market_trades",
        n,
        f'{{"type":"update","trades":[{{"product_id":"BTC-USD","trade_id":"{n + 9}",'
        f'"price":"{bid(n)}","size":"{size(n)}","time":"{when(n)}","side":"BUY"}}]}}',
    )


def coinbase_book(count: int) -> Iterator[str]:
    def update(side: str, one: str, volume: str, n: int) -> str:
        word = "bid" if side == "bid" else "offer"
        return (
            f'{{"side":"{word}","event_time":"{when(n)}","price_level":"{one}",'
            f'"new_quantity":"{volume}"}}'
        )

    def frame(kind: str, updates: list[str], n: int) -> str:
        told = f'{{"type":"{kind}","product_id":"BTC-USD","updates":[{",".join(updates)}]}}'
        return coinbase("l2_data", n, told)

    whole = [update(side, *level, 0) for side in ("bid", "ask") for level in side_of(side)]
    yield frame("snapshot", whole, 0)
    for n in range(1, count):
        side, level = change(n)
        yield frame("update", [update(side, price(side, level), size(n), n)], n)


# ---- OKX ----------------------------------------------------------------------------------------


def okx_ticker(instrument: str) -> Callable[[int], str]:
    def made(n: int) -> str:
        return (
            f'{{"arg":{{"channel":"tickers","instId":"{instrument}"}},"data":[{{"instType":"SPOT",'
            f'"instId":"{instrument}","last":"63707.3","lastSz":"0.00164251","askPx":"{ask(n)}",'
            f'"askSz":"{size(n)}","bidPx":"{bid(n)}","bidSz":"{size(n + 1)}","open24h":"63958.9",'
            '"high24h":"64496.9","low24h":"63309.4","sodUtc0":"63484.7","sodUtc8":"63445.9",'
            '"volCcy24h":"229576048.730317321","vol24h":"3601.1585121",'
            f'"ts":"{1786613174873 + n}"}}]}}'
        )

    return made


def okx_trade(instrument: str) -> Callable[[int], str]:
    def made(n: int) -> str:
        return (
            f'{{"arg":{{"channel":"trades","instId":"{instrument}"}},"data":[{{"instId":'
            f'"{instrument}","tradeId":"{n + 9}","px":"{bid(n)}","sz":"{size(n)}","side":"buy",'
            f'"ts":"{1740394561685 + n}","count":"1"}}]}}'
        )

    return made


def okx_book(instrument: str) -> Callable[[int], Iterator[str]]:
    def frame(kind: str, bids: str, asks: str, n: int) -> str:
        return (
            f'{{"arg":{{"channel":"books","instId":"{instrument}"}},"action":"{kind}","data":[{{'
            f'"asks":{asks},"bids":{bids},"ts":"{1597026383085 + n}","checksum":0,'
            f'"seqId":{n},"prevSeqId":{n - 1}}}]}}'
        )

    def made(count: int) -> Iterator[str]:
        tail = ',"0","1"'
        yield frame("snapshot", quoted(side_of("bid"), tail), quoted(side_of("ask"), tail), 0)
        for n in range(1, count):
            side, level = change(n)
            levels = quoted([(price(side, level), size(n))], tail)
            yield frame("update", *((levels, "[]") if side == "bid" else ("[]", levels)), n)

    return made


# ---- IB -----------------------------------------------------------------------------------------


def fields(*some: object) -> str:
    return "".join(f"{one}\0" for one in some)


def ib(request: Callable[[str], int]) -> Venue:
    """TWS numbers requests: `request` gives a channel's."""

    def book(count: int) -> Iterator[str]:
        number = request("book")
        for level in range(10):
            for side, name in ((1, "bid"), (0, "ask")):
                yield fields(12, 1, number, level, 0, side, price(name, level), size(level))
        for n in range(count - 20):
            side, level = n % 2, n * 7 % 10
            named = price("bid" if side else "ask", level)
            yield fields(12, 1, number, level, 1, side, named, size(n))

    return Venue(
        "eur/usd",
        lambda n: fields(1, 6, request("ticker"), 1 + n % 2, f"1.{91 + n % 2}{n % 90}", n + 1, 0),
        None,
        book,
    )


def stock(request: Callable[[str], int]) -> Venue:
    """Trades are offered for stocks."""

    def trade(n: int) -> str:
        at = 1795190290 + n // 10
        return fields(99, request("trade"), 1, at, f"200.{n % 90 + 10}", n % 9 + 1, 0, "NASDAQ", "")

    contracts = {"aapl/usd": {"sec_type": "STK"}}
    return Venue("aapl/usd", None, trade, None, {"contracts": contracts})


VENUES = {
    "binance": Venue(
        "btc/usdt",
        binance_ticker,
        binance_trade,
        binance_book("btcusdt@depth@100ms", lambda n: ""),
        snapshot="{" + SNAPSHOT,
    ),
    "binance_future": Venue(
        "btc/usdt",
        future_ticker,
        future_trade,
        binance_book("btcusdt@depth@0ms", lambda n: f'"T":{1723161255307 + n},"pu":{n - 1},'),
        snapshot='{"E":1723161255000,"T":1723161255000,' + SNAPSHOT,
    ),
    "kraken": Venue("btc/usd", kraken_ticker, kraken_trade, kraken_book),
    "kraken_future": Venue(
        "btc/usd", kraken_future_ticker, kraken_future_trade, kraken_future_book
    ),
    "coinbase": Venue("btc/usd", coinbase_ticker, coinbase_trade, coinbase_book),
    "okx": Venue("btc/usdt", okx_ticker("BTC-USDT"), okx_trade("BTC-USDT"), okx_book("BTC-USDT")),
    "okx_swap": Venue(
        "btc/usdt",
        okx_ticker("BTC-USDT-SWAP"),
        okx_trade("BTC-USDT-SWAP"),
        okx_book("BTC-USDT-SWAP"),
        {"contract_values": {"btc/usdt": "0.01"}},
    ),
}
