"""Kraken Futures' tongue: websocket v1, one changed price in each frame, numbered by product."""

from __future__ import annotations

from typing import Any

from tests.exchange.scripted.market import Change, Deal, PairMarket
from tests.exchange.scripted.tongue import Tongue, dump


class KrakenFuture(Tongue):
    """No candles: the venue's websocket has none."""

    exchange = "kraken_future"
    quote = "USD"
    candles = False
    most_changes = 1

    def name(self, pair: str) -> str:
        return "PF_" + pair.replace("BTC", "XBT").replace("/", "")

    def hear(self, venue: Any, line: Any, message: Any) -> None:
        if message["event"] not in ("subscribe", "unsubscribe"):
            return
        feed = message["feed"]
        for product in message["product_ids"]:
            pair = venue.named(product)
            if pair is None or venue.refuses:
                line.answer(dump({"event": "error", "message": f"Invalid product id: {product}"}))
                continue
            event = message["event"] + "d"
            line.answer(dump({"event": event, "feed": feed, "product_ids": [product]}))
            if event == "unsubscribed":
                line.subscribed.discard((feed, pair.pair))
                continue
            line.subscribed.add((feed, pair.pair))
            if feed == "book" and not venue.mute:
                line.tell((feed, pair.pair), self._snapshot(pair))

    def ticker(self, line: Any, pair: PairMarket) -> bytes:
        ((bid, bids), *_), ((ask, asks), *_) = pair.top(1)
        said = {"feed": "ticker", "product_id": self.name(pair.pair), "time": pair.time_ms}
        return dump(said | {"bid": bid, "ask": ask, "bid_size": bids, "ask_size": asks})

    def trade(self, line: Any, pair: PairMarket, deal: Deal) -> bytes:
        said = {"feed": "trade", "product_id": self.name(pair.pair), "uid": str(deal.number)}
        said |= {"side": deal.side, "type": "fill", "seq": deal.number, "time": deal.time_ms}
        return dump(said | {"qty": deal.volume, "price": deal.price})

    def book(self, line: Any, pair: PairMarket, changes: list[Change]) -> list[bytes]:
        (one,) = changes
        said = {"feed": "book", "product_id": self.name(pair.pair), "seq": one.number}
        said |= {"side": "buy" if one.side == "bid" else "sell", "price": one.price}
        return [dump(said | {"qty": one.volume, "timestamp": one.time_ms})]

    def _snapshot(self, pair: PairMarket) -> bytes:
        said = {"feed": "book_snapshot", "product_id": self.name(pair.pair)}
        said |= {"timestamp": pair.time_ms, "seq": pair.number}
        for name, side in (("bids", pair.bids), ("asks", pair.asks)):
            said[name] = [{"price": price, "qty": volume} for price, volume in side.items()]
        return dump(said)
