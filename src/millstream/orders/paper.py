"""A venue on paper: own orders filled against the real market's events, never by the future.

A request takes effect `latency_ns` after it was made. It is judged against the market as it was
known then, and only trades received after that can fill it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from millstream.model import Book, CurrencyPair, Event, Exchange, MyOrder, Ticker, Trade
from millstream.orders.machine import Happened, OrderReport
from millstream.orders.paper_market import PaperMarket
from millstream.orders.paper_positions import PaperPositions
from millstream.orders.store import OrderRecord

__all__ = ["PaperSettings", "PaperVenue"]


class PaperSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the paper venue charges, and how long a request takes to reach it."""

    maker_fee_bps: Decimal = Decimal(10)  # 10 bps of the notional are 0.1 %
    taker_fee_bps: Decimal = Decimal(10)
    latency_ns: int = 0


class _Amend(msgspec.Struct, frozen=True):
    price: Decimal | None
    volume: Decimal | None


class _Request(msgspec.Struct, frozen=True):
    effective_ns: int
    about: MyOrder | _Amend | None  # a new order, an amend; None: a cancel
    order_id: str


class PaperVenue:
    """A `Venue` for the gateway that holds no money and sends nothing."""

    def __init__(self, settings: PaperSettings, record: OrderRecord | None = None) -> None:
        """record: the store, to read the robots' positions; None: all begin with none."""
        self._settings = settings
        self._record = record
        self._markets: dict[tuple[Exchange, CurrencyPair], PaperMarket] = {}
        self._requests: deque[_Request] = deque()  # ascending by effective_ns

    def place(self, order: MyOrder, now_ns: int) -> None:
        """Ask for a new order."""
        self._request(order, order.order_id, now_ns)

    def cancel(self, order_id: str, now_ns: int) -> None:
        """Ask to cancel; an order that is gone when this takes effect is left alone."""
        self._request(None, order_id, now_ns)

    def amend(
        self, order_id: str, price: Decimal | None, volume: Decimal | None, now_ns: int
    ) -> None:
        """Ask for another price or volume; an order that is gone by then is left alone."""
        self._request(_Amend(price, volume), order_id, now_ns)

    def feed(self, event: Event) -> list[OrderReport]:
        """What a market event, and the time it shows, bring about."""
        reports: list[OrderReport] = []
        requests = self._requests
        if requests and requests[0].effective_ns < event.received_ns:
            reports = self.advance(event.received_ns - 1)
        # This runs for every event of the market, mostly without any order: then it only keeps what
        # a later order needs to know.
        if isinstance(event, Ticker):
            market = self._market(event)
            market.quotes.ticker = event
            if market.busy:
                market.quoted(event)
        elif isinstance(event, Trade):
            market = self._market(event)
            if market.busy:
                reports += market.traded(event)
        elif isinstance(event, Book):
            market = self._market(event)
            market.quotes.book = event
            if market.busy:
                market.quoted(event)
        return reports

    def advance(self, now_ns: int) -> list[OrderReport]:
        """What the requests bring about that take effect until now."""
        reports: list[OrderReport] = []
        while self._requests and self._requests[0].effective_ns <= now_ns:
            request = self._requests.popleft()
            reports += self._take_effect(request)
        return reports

    def _take_effect(self, request: _Request) -> list[OrderReport]:
        about, when_ns = request.about, request.effective_ns
        if isinstance(about, MyOrder):
            return self._market(about).arrive(about, when_ns)
        reports: list[OrderReport] = []
        for market in self._markets.values():
            if about is None:
                reports += market.cancel(request.order_id, when_ns)
            else:
                reports += market.amend(request.order_id, about.price, about.volume, when_ns)
        return reports

    def recover(self, orders: Sequence[MyOrder]) -> list[OrderReport]:
        """What became of an earlier run's orders: this venue forgot them, so they rest nowhere."""
        return [
            OrderReport(order.order_id, Happened.CANCELED, reason="paper venue restarted")
            for order in orders
        ]

    def _request(self, about: MyOrder | _Amend | None, order_id: str, now_ns: int) -> None:
        effective_ns = now_ns + self._settings.latency_ns
        if self._requests:  # a clock that was set back must not let one request overtake another
            effective_ns = max(effective_ns, self._requests[-1].effective_ns)
        self._requests.append(_Request(effective_ns, about, order_id))

    def _market(self, about: Ticker | Trade | Book | MyOrder) -> PaperMarket:
        key = (about.exchange, about.symbol)
        market = self._markets.get(key)
        if market is None:
            settings = self._settings
            positions = PaperPositions(lambda robot: self._position(robot, *key))
            market = PaperMarket(settings.maker_fee_bps, settings.taker_fee_bps, positions)
            self._markets[key] = market
        return market

    def _position(self, robot: str, exchange: Exchange, symbol: CurrencyPair) -> Decimal:
        if self._record is None:
            return Decimal(0)
        return self._record.position(robot, exchange, symbol)
