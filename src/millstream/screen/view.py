"""What there is to show of a session."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from decimal import Decimal

from millstream.analysis import Ledger
from millstream.app import Session
from millstream.model import CurrencyPair, Exchange, MyOrder, OrderStatus, Ticker
from millstream.robot.seat import Seat

ORDERS_SHOWN = 8


class LastPrices:
    """An observer that remembers the last middle price of every market."""

    def __init__(self) -> None:
        self._last: dict[tuple[Exchange, CurrencyPair], Ticker] = {}
        self.ticker_queue = self

    def put_nowait(self, ticker: Ticker) -> None:
        """Remember a ticker."""
        self._last[ticker.exchange, ticker.symbol] = ticker

    def prices(self) -> dict[tuple[Exchange, CurrencyPair], Decimal]:
        """The middle prices."""
        return {
            market: Decimal(repr(ticker.mid_price)) for market, ticker in list(self._last.items())
        }


class View:
    """What there is to show of a session: it follows the order store, and asks for the rest."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.ledger = Ledger()
        self.orders: deque[MyOrder] = deque(maxlen=ORDERS_SHOWN)  # the latest changes, newest last
        self.fills = 0
        self._seen: set[str] = set()
        self.refused = 0  # orders, by the risk limits
        self._revision = 0
        self._prices = LastPrices()
        for stream in session.streams:
            stream.bind_observer(self._prices)

    def follow(self) -> None:
        """Take in what has changed in the order store."""
        while changes := self.session.store.changes(self._revision):
            self._revision = changes[-1].revision
            for change in changes:
                if isinstance(change, MyOrder):
                    self._note(change)
                else:
                    self.ledger.add(change)
                    self.fills += 1

    def _note(self, order: MyOrder) -> None:
        for index, known in enumerate(self.orders):
            if known.order_id == order.order_id:
                self.orders[index] = order
                return
        if order.order_id not in self._seen:
            self._seen.add(order.order_id)
            self.orders.append(order)
            self.refused += order.status is OrderStatus.REJECTED

    @property
    def placed(self) -> int:
        """How many orders the robots have wished, refused ones among them."""
        return len(self._seen)

    def position(self, robot: str) -> str:
        """Its holdings: "0.012 BTC"."""
        held = [(one.position, one.symbol.base) for one in self.ledger.of(robot) if one.position]
        return ", ".join(f"{position.normalize():f} {base}" for position, base in held) or "flat"

    def result(self, robot: str) -> str:
        """What it has earned, positions at the last price: "+1.25 USDT"."""
        results = self.ledger.result(robot, self._prices.prices())
        return ", ".join(f"{value:+.2f} {quote}" for quote, value in results.items()) or "-"

    @property
    def seats(self) -> Sequence[Seat]:
        """The robots."""
        return self.session.robots.seats

    def robot_fills(self, robot: str) -> int:
        """How many fills it had."""
        return sum(account.fills for account in self.ledger.of(robot))
