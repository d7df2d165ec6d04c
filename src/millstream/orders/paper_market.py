"""One pair of the paper venue: own orders against the market as it was received.

Own orders take from the quoted levels and leave the real market unmoved; what one order took is not
there for the next one until a newer book arrives. A resting order fills only from public trades:
one through its price fills it, one at its price only after the volume that was ahead has traded.
A reduce-only order fills no more than the position, and shrinks, or is canceled, with it.
"""

from __future__ import annotations

from bisect import insort
from decimal import Decimal
from math import inf
from typing import Final

from msgspec.structs import replace

from millstream.model import (
    Book,
    Liquidity,
    MyOrder,
    OrderType,
    Side,
    Ticker,
    TimeInForce,
    Trade,
)
from millstream.orders.machine import Fill, Happened, OrderReport
from millstream.orders.numbers import EXACT
from millstream.orders.paper_positions import PaperPositions
from millstream.orders.paper_quotes import PaperQuotes, exact

__all__ = ["PaperMarket"]

_NOTHING: Final = Decimal(0)
_BPS: Final = Decimal(10_000)
_NO_POSITION: Final = "reduce-only: no position is left that it could make smaller"
_WITHOUT_STOP: Final = {
    OrderType.STOP: OrderType.MARKET,
    OrderType.STOP_LIMIT: OrderType.LIMIT,
}


class _Live:
    """An own order at the venue."""

    __slots__ = ("fills", "limit", "open_volume", "order", "queue_ahead", "rested_ns")

    def __init__(self, order: MyOrder, rested_ns: int) -> None:
        self.order = order
        self.open_volume = EXACT.subtract(order.volume, order.filled_volume)
        self.fills = 0
        self.rested_ns = rested_ns
        # The market's numbers are floats: both sides of a comparison are the nearest to a decimal.
        self.limit = float(order.price) if order.price is not None else 0.0
        self.queue_ahead: Decimal | None = None  # None: not known yet, so nothing at its price


class PaperMarket:
    """The market of one pair, as known, and the own orders resting in it.

    Whoever feeds it sets the `quotes`, and calls `quoted`, `traded`, `arrive` and `cancel` in the
    order in which things became known.
    """

    def __init__(
        self, maker_fee_bps: Decimal, taker_fee_bps: Decimal, positions: PaperPositions
    ) -> None:
        self._positions = positions
        self.quotes = PaperQuotes()
        self._fee_bps = {Liquidity.MAKER: maker_fee_bps, Liquidity.TAKER: taker_fee_bps}
        self._resting: dict[Side, list[_Live]] = {Side.BUY: [], Side.SELL: []}
        self._stops: list[MyOrder] = []  # not orders of the market yet
        self.busy = False  # something rests or was taken: quotes and trades concern us

    def arrive(self, order: MyOrder, now_ns: int) -> list[OrderReport]:
        """What becomes of an order that reaches the venue now."""
        live = _Live(order, now_ns)
        if order.type in _WITHOUT_STOP:
            self._stops.append(order)
            self._note_busy()
            return [self._report(live, Happened.ACCEPTED, now_ns)]
        return [*self._enter(live, now_ns), *self._reduced(now_ns)]

    def amend(
        self, order_id: str, price: Decimal | None, volume: Decimal | None, now_ns: int
    ) -> list[OrderReport]:
        """Give an order another price or volume; one that rests goes to the end of its queue."""
        for number, stop in enumerate(self._stops):
            if stop.order_id == order_id:
                if price is not None and stop.price is None:
                    why = "amend refused: it has a stop price alone, and that is not amended"
                    return [self._report(_Live(stop, now_ns), Happened.NOTED, now_ns, why)]
                changed = replace(stop, price=price or stop.price, volume=volume or stop.volume)
                self._stops[number] = changed
                return [self._amended(_Live(changed, now_ns), now_ns)]
        for resting in self._resting.values():
            for live in resting:
                if live.order.order_id == order_id:
                    return self._amend(resting, live, price, volume, now_ns)
        return []

    def _amend(
        self,
        resting: list[_Live],
        live: _Live,
        price: Decimal | None,
        volume: Decimal | None,
        now_ns: int,
    ) -> list[OrderReport]:
        old = live.order
        filled = EXACT.subtract(old.volume, live.open_volume)
        whole = old.volume if volume is None else volume
        if whole <= filled:
            why = f"amend refused: {filled:f} is filled already"
            return [self._report(live, Happened.NOTED, now_ns, why)]
        order = replace(old, price=price or old.price, volume=whole)
        if order.post_only and self.quotes.within(order):
            why = "amend refused: post-only order would take"
            return [self._report(live, Happened.NOTED, now_ns, why)]
        resting.remove(live)
        live.order, live.open_volume = order, EXACT.subtract(whole, filled)
        live.limit = float(order.price) if order.price is not None else 0.0
        live.rested_ns, live.queue_ahead = now_ns, None
        entered = self._enter(live, now_ns)
        return [self._amended(live, now_ns), *entered, *self._reduced(now_ns)]

    def _amended(self, live: _Live, now_ns: int) -> OrderReport:
        report = self._report(live, Happened.AMENDED, now_ns)
        return replace(report, price=live.order.price, volume=live.order.volume)

    def _enter(self, live: _Live, now_ns: int) -> list[OrderReport]:
        if live.order.reduce_only and not self._positions.room(live.order):
            return [self._report(live, Happened.REJECTED, now_ns, _NO_POSITION)]
        shrunk = self._shrink(live, now_ns)
        order = live.order
        levels = self.quotes.within(order)
        if (
            order.type is OrderType.MARKET
            and self.quotes.ticker is None
            and self.quotes.book is None
        ):
            return [self._report(live, Happened.REJECTED, now_ns, "no price is known yet")]
        if order.post_only and levels:
            return [self._report(live, Happened.REJECTED, now_ns, "post-only order would take")]
        reports = [self._report(live, Happened.ACCEPTED, now_ns), *shrunk]
        there = sum((volume for _, volume in levels), _NOTHING)
        if order.time_in_force is TimeInForce.FOK and there < live.open_volume:
            why = f"fill or kill: {there:f} of {live.open_volume:f} could be filled"
            return [*reports, self._report(live, Happened.EXPIRED, now_ns, why)]
        for price, volume in levels:
            took = min(volume, live.open_volume)
            if took > 0:
                self.quotes.take(order.side, price, took)
                reports.append(self._fill(live, price, took, Liquidity.TAKER, now_ns))
        if live.open_volume > 0:
            if order.type is OrderType.LIMIT and order.time_in_force is TimeInForce.GTC:
                live.queue_ahead = self.quotes.ahead(live.order.side, live.limit)
                # Best price first; insort keeps those of one price in the order they came.
                insort(self._resting[order.side], live, key=_priority)
            else:
                why = "nothing more could be filled at once"
                reports.append(self._report(live, Happened.EXPIRED, now_ns, why))
        self._note_busy()
        return reports

    def cancel(self, order_id: str, now_ns: int) -> list[OrderReport]:
        """Take a resting order out; nothing happens when it does not rest here."""
        for stop in self._stops:
            if stop.order_id == order_id:
                self._stops.remove(stop)
                self._note_busy()
                live = _Live(stop, now_ns)
                return [self._report(live, Happened.CANCELED, now_ns, "canceled by request")]
        for resting in self._resting.values():
            for live in resting:
                if live.order.order_id == order_id:
                    resting.remove(live)
                    self._note_busy()
                    return [self._report(live, Happened.CANCELED, now_ns, "canceled by request")]
        return []

    def quoted(self, event: Ticker | Book) -> None:
        """A newer quote: what was taken is there again, and a queue may be known now."""
        if isinstance(event, Book) or self.quotes.book is None:
            self.quotes.taken.clear()
        for side, resting in self._resting.items():
            quotes = self.quotes.of(side) if resting else ()
            for live in resting:
                if not quotes or (live.limit - quotes[-1][0]) * side.sign < 0:
                    break  # this quote reaches neither it nor those behind
                if live.queue_ahead is None:
                    live.queue_ahead = self.quotes.ahead(live.order.side, live.limit)
        self._note_busy()

    def traded(self, event: Trade) -> list[OrderReport]:
        """What a public trade fills of the resting orders, all of them sharing its volume."""
        reports = self._triggered(event) if self._stops else []
        if not 0 < event.volume < inf:
            return reports
        left = exact(event.volume)
        for side in (event.side.opposite, event.side):
            for live in self._resting[side]:
                beyond = (live.limit - event.price) * side.sign
                if beyond < 0 or left <= 0:
                    break  # those behind have worse prices
                if live.rested_ns >= event.received_ns:
                    continue  # this trade was known before the order was there
                if beyond > 0:
                    live.queue_ahead = _NOTHING
                elif side is event.side or live.queue_ahead is None:
                    continue  # the taker did not come to our side, or who is ahead is not known
                passed_by = min(live.queue_ahead or _NOTHING, left)
                live.queue_ahead = (live.queue_ahead or _NOTHING) - passed_by
                got = min(live.open_volume, left - passed_by)
                if live.order.reduce_only:
                    got = min(got, self._positions.room(live.order))
                if got > 0:
                    left -= got
                    when = event.exchange_ns or event.received_ns
                    price = live.order.price or _NOTHING
                    reports.append(self._fill(live, price, got, Liquidity.MAKER, when))
        if reports:
            for side, resting in self._resting.items():
                self._resting[side] = [live for live in resting if live.open_volume > 0]
            reports += self._reduced(event.received_ns)
            self._note_busy()
        return reports

    def _triggered(self, event: Trade) -> list[OrderReport]:
        """What becomes of the stops that this trade has reached."""
        reached = [stop for stop in self._stops if _reaches(event.price, stop)]
        self._stops = [stop for stop in self._stops if stop not in reached]
        reports: list[OrderReport] = []
        for stop in reached:
            order = replace(stop, type=_WITHOUT_STOP[stop.type])
            reports += self._enter(_Live(order, event.received_ns), event.received_ns)
        return reports

    def _reduced(self, now_ns: int) -> list[OrderReport]:
        """What becomes of the reduce-only orders that rest here, now that something has filled."""
        reports: list[OrderReport] = []
        for resting in self._resting.values():
            for live in [one for one in resting if one.order.reduce_only]:
                if self._positions.room(live.order):
                    reports += self._shrink(live, now_ns)
                else:
                    resting.remove(live)
                    reports.append(self._report(live, Happened.CANCELED, now_ns, _NO_POSITION))
        for stop in [one for one in self._stops if one.reduce_only]:
            if not self._positions.room(stop):  # how much it may fill is judged when it wakes
                self._stops.remove(stop)
                live = _Live(stop, now_ns)
                reports.append(self._report(live, Happened.CANCELED, now_ns, _NO_POSITION))
        return reports

    def _shrink(self, live: _Live, now_ns: int) -> list[OrderReport]:
        """Leave of a reduce-only order what the position has room for; it has some."""
        if not live.order.reduce_only:
            return []
        over = EXACT.subtract(live.open_volume, self._positions.room(live.order))
        if over <= 0:
            return []
        live.order = replace(live.order, volume=EXACT.subtract(live.order.volume, over))
        live.open_volume = EXACT.subtract(live.open_volume, over)
        return [self._amended(live, now_ns)]

    def _note_busy(self) -> None:
        resting = self._resting
        self.busy = bool(
            self.quotes.taken or resting[Side.BUY] or resting[Side.SELL] or self._stops
        )

    def _fill(
        self, live: _Live, price: Decimal, volume: Decimal, liquidity: Liquidity, when_ns: int
    ) -> OrderReport:
        live.open_volume = EXACT.subtract(live.open_volume, volume)  # or a rest never fills
        self._positions.book(live.order, volume)
        live.fills += 1
        fill = Fill(
            trade_id=f"paper-{live.order.order_id}-{live.fills}",
            price=price,
            volume=volume,
            fee=price * volume * self._fee_bps[liquidity] / _BPS,
            fee_currency=live.order.symbol.quote,
            liquidity=liquidity,
            exchange_ns=when_ns,
        )
        return self._report(live, Happened.FILLED, when_ns, fill=fill)

    @staticmethod
    def _report(
        live: _Live, happened: Happened, when_ns: int, reason: str = "", fill: Fill | None = None
    ) -> OrderReport:
        order_id = live.order.order_id
        return OrderReport(order_id, happened, f"paper-{order_id}", fill, reason, when_ns)


def _reaches(price: float, stop: MyOrder) -> bool:
    """Whether a trade at this price triggers a stop: at it or beyond, the way the order goes."""
    return stop.stop_price is not None and (price - float(stop.stop_price)) * stop.side.sign >= 0


def _priority(live: _Live) -> float:
    return -live.limit * live.order.side.sign
