"""Kraken spot's tongue: websocket v2, ten levels with a checksum over the text as sent."""

from __future__ import annotations

from typing import Any
from zlib import crc32

from tests.exchange.scripted.market import SERVED, Bar, Change, Deal, Levels, PairMarket
from tests.exchange.scripted.tongue import Tongue, dump, iso

CHANNELS = {"ticker": "ticker", "trade": "trade", "book": "book", "ohlc": "candle"}


class Kraken(Tongue):
    """Tells of the ten best levels only: of one that comes up from below it tells, too."""

    exchange = "kraken"
    quote = "USD"
    numbered_books = False

    def __init__(self) -> None:
        self._told: dict[str, tuple[Levels, Levels]] = {}  # the levels before the last change
        self._said: dict[str, bytes | None] = {}  # the last change

    def name(self, pair: str) -> str:
        return pair

    def hear(self, venue: Any, line: Any, message: Any) -> None:
        if message["method"] == "ping":
            line.answer(dump({"method": "pong", "req_id": message.get("req_id", 0)}))
            return
        channel, method = message["params"]["channel"], message["method"]
        for symbol in message["params"]["symbol"]:
            pair = venue.named(symbol)
            about = CHANNELS[channel], symbol
            said = {"method": method, "req_id": message["req_id"], "success": True}
            if pair is None or venue.refuses:
                why = {"success": False, "error": f"Currency pair not supported {symbol}"}
                line.answer(dump(said | why | {"symbol": symbol}))
            elif method == "unsubscribe":
                line.subscribed.discard(about)
                line.answer(dump(said | {"result": {"channel": channel, "symbol": symbol}}))
            else:
                result = {"channel": channel, "symbol": symbol, "snapshot": True}
                line.answer(dump(said | {"result": result}))
                line.subscribed.add(about)
                if channel == "book" and not venue.mute:
                    bids, asks = pair.top()
                    line.tell(about, self._book("snapshot", pair, bids, asks))

    def ticker(self, line: Any, pair: PairMarket) -> bytes:
        ((bid, bids), *_), ((ask, asks), *_) = pair.top(1)
        said = {"symbol": pair.pair, "bid": bid, "bid_qty": bids, "ask": ask, "ask_qty": asks}
        return self._frame("ticker", "update", said | {"timestamp": iso(pair.time_ms)})

    def trade(self, line: Any, pair: PairMarket, deal: Deal) -> bytes:
        said = {"symbol": pair.pair, "side": deal.side, "price": deal.price, "qty": deal.volume}
        said |= {"ord_type": "limit", "trade_id": deal.number, "timestamp": iso(deal.time_ms)}
        return self._frame("trade", "update", said)

    def tick(self, pair: PairMarket, changes: list[Change]) -> None:
        bids, asks = pair.top()
        before = self._told.get(pair.pair, ((), ()))
        self._told[pair.pair] = bids, asks
        changed = [
            [level for level in now if level not in was]
            + [(price, 0.0) for price, _ in was if price not in true]
            for was, now, true in zip(before, (bids, asks), (pair.bids, pair.asks), strict=True)
        ]
        self._said[pair.pair] = self._book("update", pair, *changed) if any(changed) else None

    def book(self, line: Any, pair: PairMarket, changes: list[Change]) -> list[bytes]:
        said = self._said[pair.pair]
        return [said] if said is not None else []

    def candle(self, line: Any, pair: PairMarket, bar: Bar) -> bytes:
        said = {"symbol": pair.pair, "open": bar.open, "high": bar.high, "low": bar.low}
        said |= {"close": bar.close, "volume": bar.volume, "trades": bar.trades, "interval": 5}
        return self._frame("ohlc", "update", said | {"interval_begin": iso(bar.open_ms)})

    def _book(self, kind: str, pair: PairMarket, bids: Any, asks: Any) -> bytes:
        sides = [
            ",".join(f'{{"price":{price:.1f},"qty":{volume:.8f}}}' for price, volume in side)
            for side in (bids, asks)
        ]
        true_bids, true_asks = pair.top(SERVED)
        words = "".join(_digits(*level) for level in true_asks + true_bids)
        return (
            f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"{pair.pair}","bids":'
            f'[{sides[0]}],"asks":[{sides[1]}],"checksum":{crc32(words.encode())},'
            f'"timestamp":"{iso(pair.time_ms)}"}}]}}'
        ).encode()

    def _frame(self, channel: str, kind: str, *data: Any) -> bytes:
        return dump({"channel": channel, "type": kind, "data": data})


def _digits(price: float, volume: float) -> str:
    return "".join(one.replace(".", "").lstrip("0") for one in (f"{price:.1f}", f"{volume:.8f}"))
