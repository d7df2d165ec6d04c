"""Coinbase's Exchange feed: flat frames, one product each, and nothing numbered but trades."""

from __future__ import annotations

from typing import Any, ClassVar

from tests.exchange.scripted.market import Change, Deal, PairMarket
from tests.exchange.scripted.tongue import Tongue, both, dump, iso, of_side, text

CHANNELS = {"ticker": "ticker", "matches": "trade", "level2_batch": "book"}
NAMES = {ours: theirs for theirs, ours in CHANNELS.items()}


class CoinbaseExchange(Tongue):
    """A book's frame that is lost on the way shows by nothing: TCP loses none."""

    exchange = "coinbase"
    label = "coinbase exchange feed"
    quote = "USD"
    candles = False
    numbered_books = False
    settings: ClassVar[dict[str, Any]] = {"feed": "exchange"}

    def name(self, pair: str) -> str:
        return pair.replace("/", "-")

    def hear(self, venue: Any, line: Any, message: Any) -> None:
        if venue.refuses:
            line.answer(dump({"type": "error", "message": "Failed to subscribe"}))
            return
        about = [
            (CHANNELS[channel], pair.pair)
            for channel in message["channels"]
            for name in message["product_ids"]
            if channel in CHANNELS and (pair := venue.named(name)) is not None
        ]
        if message["type"] == "unsubscribe":
            line.subscribed.difference_update(about)
        else:
            line.subscribed.update(about)
        line.answer(dump({"type": "subscriptions", "channels": self._listed(line)}))
        for one in about:
            if message["type"] == "subscribe" and one[0] == "book" and not venue.mute:
                line.tell(one, self._snapshot(venue.pairs[one[1]]))

    def ticker(self, line: Any, pair: PairMarket) -> bytes:
        ((bid, bids), *_), ((ask, asks), *_) = pair.top(1)
        said = {"sequence": pair.number, "best_bid": text(bid), "best_ask": text(ask)}
        said |= {"best_bid_size": text(bids), "best_ask_size": text(asks)}
        return self._frame("ticker", pair, pair.time_ms, said)

    def trade(self, line: Any, pair: PairMarket, deal: Deal) -> bytes:
        said = {"trade_id": deal.number, "price": text(deal.price), "size": text(deal.volume)}
        said |= {"side": "sell" if deal.side == "buy" else "buy"}  # the maker's
        return self._frame("match", pair, deal.time_ms, said)

    def book(self, line: Any, pair: PairMarket, changes: list[Change]) -> list[bytes]:
        sides = (("buy", of_side(changes, "bid")), ("sell", of_side(changes, "ask")))
        told = [[side, *level] for side, levels in sides for level in both(levels)]
        return [self._frame("l2update", pair, pair.time_ms, {"changes": told})]

    def _snapshot(self, pair: PairMarket) -> bytes:
        sides = {"bids": both(pair.bids.items()), "asks": both(pair.asks.items())}
        return self._frame("snapshot", pair, pair.time_ms, sides)

    def _listed(self, line: Any) -> list[dict[str, Any]]:
        products: dict[str, list[str]] = {"heartbeat": []}
        for channel, pair in sorted(line.subscribed):
            products.setdefault(NAMES[channel], []).append(self.name(pair))
        return [{"name": name, "product_ids": listed} for name, listed in products.items()]

    def _frame(self, kind: str, pair: PairMarket, time_ms: int, said: Any) -> bytes:
        product = {"type": kind, "product_id": self.name(pair.pair)}
        return dump(product | said | {"time": iso(time_ms)})
