"""OKX spot's tongue: websocket v5, each book frame names the one it follows."""

from __future__ import annotations

from typing import Any, ClassVar

from tests.exchange.scripted.market import Bar, Change, Deal, PairMarket
from tests.exchange.scripted.tongue import Tongue, dump, of_side, text

CHANNELS = {"tickers": "ticker", "trades": "trade", "books": "book", "candle5m": "candle"}


class Okx(Tongue):
    """Sizes are in base currency, a swap's in contracts: `contract` is what one is worth."""

    exchange = "okx"
    suffix: ClassVar[str] = ""
    contract: ClassVar[float] = 1.0

    def name(self, pair: str) -> str:
        return pair.replace("/", "-") + self.suffix

    def hear(self, venue: Any, line: Any, message: Any) -> None:
        if message == "ping":
            line.answer(b"pong")
            return
        for argument in message["args"]:
            pair, operation = venue.named(argument["instId"]), message["op"]
            if pair is None or venue.refuses:
                name = f"{argument['channel']},instId:{argument['instId']}"
                why = f"Wrong URL or channel:{name} doesn't exist."
                line.answer(dump({"event": "error", "code": "60018", "msg": why, "connId": "a"}))
                continue
            line.answer(dump({"event": operation, "arg": argument, "connId": "a"}))
            about = CHANNELS[argument["channel"]], pair.pair
            if operation == "unsubscribe":
                line.subscribed.discard(about)
                continue
            line.subscribed.add(about)
            if about[0] == "book" and not venue.mute:
                numbers = -1, pair.number
                sides = list(pair.bids.items()), list(pair.asks.items())
                line.tell(about, self._book("snapshot", pair, numbers, *sides))

    def ticker(self, line: Any, pair: PairMarket) -> bytes:
        ((bid, bids), *_), ((ask, asks), *_) = pair.top(1)
        said = {"instId": self.name(pair.pair), "bidPx": text(bid), "bidSz": self._size(bids)}
        said |= {"askPx": text(ask), "askSz": self._size(asks), "ts": str(pair.time_ms)}
        return self._frame("tickers", pair, said)

    def trade(self, line: Any, pair: PairMarket, deal: Deal) -> bytes:
        said = {"instId": self.name(pair.pair), "tradeId": str(deal.number), "count": "1"}
        said |= {"px": text(deal.price), "sz": self._size(deal.volume), "side": deal.side}
        return self._frame("trades", pair, said | {"ts": str(deal.time_ms)})

    def book(self, line: Any, pair: PairMarket, changes: list[Change]) -> list[bytes]:
        numbers = changes[0].number - 1, changes[-1].number
        sides = of_side(changes, "bid"), of_side(changes, "ask")
        return [self._book("update", pair, numbers, *sides)]

    def candle(self, line: Any, pair: PairMarket, bar: Bar) -> bytes:
        prices = [text(one) for one in (bar.open, bar.high, bar.low, bar.close)]
        sizes = [self._size(bar.volume), text(bar.volume), "0", "0"]
        return self._frame("candle5m", pair, [str(bar.open_ms), *prices, *sizes])

    def goodbye(self) -> bytes | None:
        why = "The connection will soon be closed for a service upgrade. Please reconnect."
        return dump({"event": "notice", "code": "64008", "msg": why, "connId": "a"})

    def _book(self, action: str, pair: PairMarket, numbers: Any, bids: Any, asks: Any) -> bytes:
        sides = [[[text(p), self._size(v), "0", "1"] for p, v in side] for side in (bids, asks)]
        said = {"bids": sides[0], "asks": sides[1], "ts": str(pair.time_ms), "checksum": 0}
        said |= {"prevSeqId": numbers[0], "seqId": numbers[1]}
        return self._frame("books", pair, said, {"action": action})

    def _frame(self, channel: str, pair: PairMarket, said: Any, more: Any = None) -> bytes:
        argument = {"channel": channel, "instId": self.name(pair.pair)}
        return dump({"arg": argument} | (more or {}) | {"data": [said]})

    def _size(self, volume: float) -> str:
        return text(volume / self.contract)
