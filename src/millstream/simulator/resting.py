"""The orders that rest in one pair's book, in their priority: price, then time. Pure."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from decimal import Decimal

from millstream.model import Side
from millstream.simulator.orders import MARKET, ZERO, Order


class RestingSide:
    """One side of a book. A level's key is its price, negated for asks: higher is better."""

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self._keys: list[Decimal] = []  # ascending
        self._queues: dict[Decimal, list[Order]] = {}  # oldest first
        self.changed: set[Decimal] = set()  # prices whose volume changed since last told

    def add(self, order: Order) -> None:
        """Last in the queue of its price."""
        key = order.price * self._sign
        queue = self._queues.get(key)
        if queue is None:
            self._queues[key] = queue = []
            insort(self._keys, key)
        queue.append(order)
        self.changed.add(order.price)

    def remove(self, order: Order) -> None:
        """It rests no more; nothing happens if it did not."""
        key = order.price * self._sign
        queue = self._queues.get(key, [])
        kept = [other for other in queue if other is not order]
        if len(kept) == len(queue):
            return
        self.changed.add(order.price)
        if kept:
            self._queues[key] = kept
        else:
            del self._queues[key]
            del self._keys[bisect_left(self._keys, key)]

    def in_priority(self, limit: Decimal | None = None) -> Iterator[Order]:
        """Every order at `limit` or better, best first; orders may be removed while this runs."""
        keys, worst = self._keys, None if limit is None else limit * self._sign
        place = len(keys)
        while place:
            key = keys[place - 1]
            if worst is not None and key < worst:
                return
            yield from list(self._queues[key])
            place = bisect_left(keys, key)  # the next worse one, whatever was removed meanwhile

    @property
    def best(self) -> Decimal | None:
        """The best price; None: nothing rests."""
        return self._keys[-1] * self._sign if self._keys else None

    def at(self, price: Decimal) -> list[Order]:
        """The queue of a price, oldest first."""
        return list(self._queues.get(price * self._sign, ()))

    def queue(self, price: Decimal) -> Sequence[Order]:
        """The same, to be looked at and left alone."""
        return self._queues.get(price * self._sign, ())

    def volume(self, price: Decimal) -> Decimal:
        """What rests at a price."""
        return sum((order.left for order in self._queues.get(price * self._sign, ())), ZERO)

    def levels(self, limit: int) -> list[tuple[Decimal, Decimal]]:
        """(price, volume) of the best levels, best first."""
        return [
            (key * self._sign, sum((order.left for order in self._queues[key]), ZERO))
            for key in self._keys[: -limit - 1 : -1]
        ]

    def take_changes(self) -> list[tuple[Decimal, Decimal]]:
        """(price, volume) of each level changed since last asked, best first; 0: it is gone."""
        sign = self._sign
        prices = sorted(self.changed, key=lambda price: -price * sign)
        self.changed.clear()
        return [(price, self.volume(price)) for price in prices]


class PairBook:
    """Both sides of one pair."""

    def __init__(self) -> None:
        self.bids, self.asks = RestingSide(+1), RestingSide(-1)

    def side(self, side: Side) -> RestingSide:
        """Where orders of this side rest."""
        return self.bids if side is Side.BUY else self.asks

    def crosses(self, side: Side, price: Decimal) -> bool:
        """Whether a limit order would trade at once."""
        best = self.side(side.opposite).best
        if best is None:
            return False
        return price >= best if side is Side.BUY else price <= best

    def market_volume(self, side: Side, price: Decimal) -> Decimal:
        """What the market itself, without our clients, has at a price."""
        found = ZERO
        for order in self.side(side).queue(price):
            if order.wish.account == MARKET:
                found += order.left
        return found
