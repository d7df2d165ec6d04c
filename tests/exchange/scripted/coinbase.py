"""Coinbase Advanced Trade's tongue: all frames of a connection are numbered together."""

from __future__ import annotations

from typing import Any

from tests.exchange.scripted.market import Bar, Change, Deal, PairMarket
from tests.exchange.scripted.tongue import Tongue, dump, iso, of_side, text

CHANNELS = {"ticker": "ticker", "market_trades": "trade", "level2": "book", "candles": "candle"}
NAMES = {ours: theirs for theirs, ours in CHANNELS.items()}


class Coinbase(Tongue):
    """A misspelt product is not in the acknowledgement: that is all the venue says."""

    exchange = "coinbase"
    quote = "USD"

    def name(self, pair: str) -> str:
        return pair.replace("/", "-")

    def hear(self, venue: Any, line: Any, message: Any) -> None:
        channel, kind = message["channel"], message["type"]
        if venue.refuses:
            line.answer(dump({"type": "error", "message": "failed to subscribe"}))
            return
        about = [
            (CHANNELS[channel], pair.pair)
            for name in message.get("product_ids", [])
            if (pair := venue.named(name)) is not None
        ]
        if kind == "unsubscribe":
            line.subscribed.difference_update(about)
        else:
            line.subscribed.update(about)
            if channel == "heartbeats":
                line.known["heartbeats"] = True
            for one in about:
                if one[0] == "book" and not venue.mute:
                    line.tell(one, self._snapshot(line, venue.pairs[one[1]]))
        line.answer(self._frame(line, "subscriptions", 0, {"subscriptions": self._listed(line)}))

    def ticker(self, line: Any, pair: PairMarket) -> bytes:
        ((bid, bids), *_), ((ask, asks), *_) = pair.top(1)
        said = {"product_id": self.name(pair.pair), "best_bid": text(bid), "best_ask": text(ask)}
        said |= {"best_bid_quantity": text(bids), "best_ask_quantity": text(asks)}
        return self._frame(line, "ticker", pair.time_ms, {"type": "update", "tickers": [said]})

    def trade(self, line: Any, pair: PairMarket, deal: Deal) -> bytes:
        said = {"product_id": self.name(pair.pair), "trade_id": str(deal.number)}
        said |= {"price": text(deal.price), "size": text(deal.volume), "time": iso(deal.time_ms)}
        said |= {"side": "SELL" if deal.side == "buy" else "BUY"}  # the maker's
        return self._frame(
            line, "market_trades", pair.time_ms, {"type": "update", "trades": [said]}
        )

    def book(self, line: Any, pair: PairMarket, changes: list[Change]) -> list[bytes]:
        sides = of_side(changes, "bid"), of_side(changes, "ask")
        return [self._book(line, "update", pair, *sides)]

    def candle(self, line: Any, pair: PairMarket, bar: Bar) -> bytes:
        said = {"product_id": self.name(pair.pair), "start": str(bar.open_ms // 1000)}
        said |= {"open": text(bar.open), "high": text(bar.high), "low": text(bar.low)}
        said |= {"close": text(bar.close), "volume": text(bar.volume)}
        return self._frame(line, "candles", pair.time_ms, {"type": "update", "candles": [said]})

    def _snapshot(self, line: Any, pair: PairMarket) -> bytes:
        return self._book(line, "snapshot", pair, pair.bids.items(), pair.asks.items())

    def _book(self, line: Any, kind: str, pair: PairMarket, bids: Any, asks: Any) -> bytes:
        time = iso(pair.time_ms)
        updates = [
            {
                "side": side,
                "event_time": time,
                "price_level": text(price),
                "new_quantity": text(size),
            }
            for side, levels in (("bid", bids), ("offer", asks))
            for price, size in levels
        ]
        said = {"type": kind, "product_id": self.name(pair.pair), "updates": updates}
        return self._frame(line, "l2_data", pair.time_ms, said)

    def _listed(self, line: Any) -> dict[str, list[str]]:
        listed: dict[str, list[str]] = {}
        for channel, pair in sorted(line.subscribed):
            listed.setdefault(NAMES[channel], []).append(self.name(pair))
        return listed | ({"heartbeats": ["heartbeats"]} if "heartbeats" in line.known else {})

    def _frame(self, line: Any, channel: str, time_ms: int, event: Any) -> bytes:
        number, line.numbers = line.numbers, line.numbers + 1
        said = {"channel": channel, "timestamp": iso(time_ms), "sequence_num": number}
        return dump(said | {"events": [event]})
