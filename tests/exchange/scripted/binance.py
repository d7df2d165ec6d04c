"""Binance spot's tongue: combined streams, diffs with U and u, a REST snapshot."""

from __future__ import annotations

from typing import Any

from tests.exchange.scripted.market import Bar, Change, Deal, PairMarket
from tests.exchange.scripted.tongue import Tongue, both, dump, of_side, text

CHANNELS = {"bookTicker": "ticker", "trade": "trade", "depth": "book", "kline_5m": "candle"}


class Binance(Tongue):
    """Acknowledges misspelt streams, too, and then says nothing of them: as the venue does."""

    exchange = "binance"

    def name(self, pair: str) -> str:
        return pair.replace("/", "")

    def hear(self, venue: Any, line: Any, message: Any) -> None:
        if venue.refuses:
            problem = {"code": 2, "msg": "Invalid request: invalid stream"}
            line.answer(dump({"error": problem, "id": message["id"]}))
            return
        for stream in message["params"]:
            symbol, _, rest = stream.partition("@")
            pair = venue.named(symbol.upper())
            if pair is not None:
                line.subscribed.add((CHANNELS[rest.split("@")[0]], pair.pair))
        line.answer(dump({"result": None, "id": message["id"]}))

    def ticker(self, line: Any, pair: PairMarket) -> bytes:
        ((bid, bids), *_), ((ask, asks), *_) = pair.top(1)
        said = {"u": pair.number, "s": self.name(pair.pair), "b": text(bid), "B": text(bids)}
        return self._frame(pair, "bookTicker", said | {"a": text(ask), "A": text(asks)})

    def trade(self, line: Any, pair: PairMarket, deal: Deal) -> bytes:
        said = {"e": "trade", "E": deal.time_ms, "s": self.name(pair.pair), "t": deal.number}
        said |= {"p": text(deal.price), "q": text(deal.volume), "T": deal.time_ms}
        return self._frame(pair, "trade", said | {"m": deal.side == "sell", "M": True})

    def book(self, line: Any, pair: PairMarket, changes: list[Change]) -> list[bytes]:
        said = {"e": "depthUpdate", "E": changes[-1].time_ms, "s": self.name(pair.pair)}
        said |= self._numbers(changes)
        said |= {"b": both(of_side(changes, "bid")), "a": both(of_side(changes, "ask"))}
        return [self._frame(pair, "depth@100ms", said)]

    def candle(self, line: Any, pair: PairMarket, bar: Bar) -> bytes:
        candle = {"t": bar.open_ms, "T": bar.open_ms + 299_999, "s": self.name(pair.pair)}
        candle |= {"i": "5m", "o": text(bar.open), "h": text(bar.high), "l": text(bar.low)}
        candle |= {"c": text(bar.close), "v": text(bar.volume), "n": bar.trades, "x": False}
        said = {"e": "kline", "E": bar.time_ms, "s": self.name(pair.pair), "k": candle}
        return self._frame(pair, "kline_5m", said)

    def rest(self, venue: Any, path: str) -> tuple[int, bytes]:
        pair = venue.named(path.partition("symbol=")[2].partition("&")[0])
        bids, asks = pair.top(5_000)
        said = {"lastUpdateId": self._last(pair), "bids": both(bids), "asks": both(asks)}
        return 200, dump(said | self._times(pair))

    def goodbye(self) -> bytes | None:
        return dump({"e": "serverShutdown", "E": 1})

    def _numbers(self, changes: list[Change]) -> dict[str, int]:
        return {"U": changes[0].number, "u": changes[-1].number}

    def _last(self, pair: PairMarket) -> int:
        return pair.number

    def _times(self, pair: PairMarket) -> dict[str, int]:
        return {}  # a spot snapshot has none

    def _frame(self, pair: PairMarket, stream: str, said: dict[str, Any]) -> bytes:
        name = f"{self.name(pair.pair).lower()}@{stream}"
        return dump({"stream": name, "data": said})
