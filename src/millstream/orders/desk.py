"""The desk takes the robots' wishes, has them judged, and stores the intents."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final, Protocol

from msgspec.structs import replace

from millstream.model import (
    AmendOrder,
    Book,
    CancelAll,
    CancelOrder,
    CurrencyPair,
    Event,
    Exchange,
    MyOrder,
    MyTrade,
    OrderStatus,
    Output,
    PlaceOrder,
    Ticker,
    Trade,
)
from millstream.orders.equity import Equity
from millstream.orders.machine import Happened, OrderReport, is_open
from millstream.orders.numbers import not_carried, with_carried_numbers
from millstream.orders.risk import Approved, Exposure, Refusal, RiskBook, RiskState
from millstream.orders.store import OrderStore

__all__ = ["OrderDesk"]

_log = logging.getLogger(__name__)
_KEEP_NS: Final = 1_000_000_000
_QUOTES: Final = (Ticker, Trade, Book)
_ORDER_ID: Final = re.compile("[A-Za-z0-9]{1,18}")  # what the tightest venue takes


class BestKept(Protocol):
    """Where the best that robots were worth is kept: `best_file.BestFile`."""

    def read(self, revision: int) -> Mapping[tuple[str | None, str], Decimal]:
        """What was kept, for the store at this revision."""

    def write(self, revision: int, peaks: Mapping[tuple[str | None, str], Decimal]) -> None:
        """Keep these."""


class OrderDesk:
    """Turns wishes into stored intents, or into stored refusals so that the robot hears of them."""

    def __init__(self, store: OrderStore, risk: RiskBook, best: BestKept | None = None) -> None:
        """best: where the best of robots outlives this process; None: the best of fills does."""
        self._store = store
        self._risk = risk
        self._best = best if risk.wants_drawdown else None
        self._equity = Equity(self._best.read(store.revision) if self._best is not None else {})
        self._best_kept = dict(self._equity.best)
        self._best_kept_ns = -_KEEP_NS
        self._after = 0  # the last revision that is in it
        self._quotes: dict[tuple[Exchange, CurrencyPair], Ticker | Trade | Book] = {}
        self._amending: dict[str, Decimal] = {}  # volumes that amends asked for, by order

    def observe(self, events: Iterable[Event]) -> None:
        """Remember the latest price of each pair; the risk limits need one."""
        quotes = self._quotes
        for event in events:
            if isinstance(event, _QUOTES):
                quotes[event.exchange, event.symbol] = event

    def handle(self, outputs: Sequence[Output], now_ns: int) -> list[str]:
        """Store the new orders of a batch, in one insert; returns the ids of orders to cancel.

        What a batch says is taken in its order: each order counts as open for those behind it.
        An order id that is in the store already is a replayed wish, and is ignored.
        """
        batch: dict[str, MyOrder] = {}
        opened: dict[str, list[MyOrder]] = {}  # by robot, as the next wish must see it
        cancels: dict[str, None] = {}  # as a set that keeps its order
        for output in outputs:
            robot, wish = output.robot, output.body
            if not isinstance(wish, PlaceOrder | CancelOrder | CancelAll):
                continue  # an amend is judged by `judge_amend`, once its order is stored
            if robot not in opened:
                opened[robot] = self._opened(robot)
            if isinstance(wish, PlaceOrder):
                order = self._judged(robot, wish, opened[robot], batch, now_ns)
                if order is not None:
                    batch[order.order_id] = order
                    if is_open(order):
                        opened[robot].append(order)
            elif isinstance(wish, CancelOrder):
                if any(order.order_id == wish.order_id for order in opened[robot]):
                    cancels[wish.order_id] = None
                else:
                    _log.info("%s: order %s is not open or not its own", robot, wish.order_id)
            else:
                for order in opened[robot]:
                    if wish.symbol is None or order.symbol == wish.symbol:
                        cancels[order.order_id] = None
        if batch:
            self._store.insert(list(batch.values()))
        return list(cancels)

    def amends(self, outputs: Sequence[Output], now_ns: int) -> list[AmendOrder]:
        """The wishes to amend that may leave; a refused one is told by its order's reason.

        Judged like a new order in the place of the old one. From here on the order counts with the
        volume that was asked for, until it shows as much or ends: the venue's answer comes late.
        """
        allowed: list[AmendOrder] = []
        for output in outputs:
            wish = output.body
            if not isinstance(wish, AmendOrder):
                continue
            order = self._store.get(wish.order_id)
            if order is None or order.robot != output.robot or not is_open(order):
                _log.info("%s: order %s is not open or not its own", output.robot, wish.order_id)
                continue
            answer = _strange(wish) or self._judge_amend(order, wish, now_ns)
            if isinstance(answer, Refusal):
                why = f"amend refused: {answer.reason}"
                note = OrderReport(wish.order_id, Happened.NOTED, reason=why)
                self._store.apply([note], now_ns)
            else:
                allowed.append(wish)
                if wish.volume is not None:
                    asked = self._amending.get(wish.order_id, wish.volume)
                    self._amending[wish.order_id] = max(asked, wish.volume)
        return allowed

    def refuse_lost(self, outputs: Sequence[Output], why: str, now_ns: int) -> None:
        """Store orders as rejected that were wished and never came here; the robots hear of it."""
        lost = {
            output.body.order_id: _rejected(output.body, output.robot, Refusal(why), now_ns)
            for output in outputs
            if isinstance(output.body, PlaceOrder) and self._store.get(output.body.order_id) is None
        }
        if lost:
            self._store.insert(list(lost.values()))

    def set_state(self, state: RiskState) -> None:
        """What may leave at all from now on."""
        self._risk.state = state

    def keep_best(self, now_ns: int) -> None:
        """Have the best written down if it has grown, each second at most."""
        if self._best is None or self._equity.best == self._best_kept:
            return
        if 0 <= now_ns - self._best_kept_ns < _KEEP_NS:
            return
        self._best_kept, self._best_kept_ns = dict(self._equity.best), now_ns
        self._best.write(self._store.revision, self._best_kept)

    def _opened(self, robot: str | None = None) -> list[MyOrder]:
        """The open orders of a robot, or of all, with the volumes that they may have by now."""
        opened = self._store.orders(robot, open_only=True)
        if not self._amending:
            return opened
        if robot is None:  # forget what has been answered, or has ended
            volumes = {order.order_id: order.volume for order in opened}
            self._amending = {
                order_id: asked
                for order_id, asked in self._amending.items()
                if asked > volumes.get(order_id, asked)
            }
        asked_for = self._amending
        return [
            replace(order, volume=max(order.volume, asked_for.get(order.order_id, order.volume)))
            for order in opened
        ]

    def _judge_amend(self, order: MyOrder, wish: AmendOrder, now_ns: int) -> Approved | Refusal:
        volume = (order.volume if wish.volume is None else wish.volume) - order.filled_volume
        as_new = PlaceOrder(
            order.exchange, order.symbol, order.side, order.type, volume,
            order.price if wish.price is None else wish.price,
            order.time_in_force, order.post_only, order.order_id,
            order.stop_price, order.reduce_only,
        )  # fmt: skip
        opened = self._opened(order.robot)
        others = [one for one in opened if one.order_id != order.order_id]
        return self._judge(as_new, order.robot, others, (), now_ns)

    def _judged(
        self,
        robot: str,
        wish: PlaceOrder,
        opened: Sequence[MyOrder],
        batch: dict[str, MyOrder],
        now_ns: int,
    ) -> MyOrder | None:
        """The order to store for a wish; None when there is nothing to store."""
        if not _ORDER_ID.fullmatch(wish.order_id):
            _log.error("%s: order id %r is not 1 to 18 letters and digits", robot, wish.order_id)
            return None
        if wish.order_id in batch or self._store.get(wish.order_id) is not None:
            _log.info("%s: order %s is stored already, ignored", robot, wish.order_id)
            return None
        answer = _strange(wish) or self._judge(wish, robot, opened, list(batch.values()), now_ns)
        if isinstance(answer, Refusal):
            return _rejected(wish, robot, answer, now_ns)
        return _intent(answer, now_ns)

    def _judge(
        self,
        wish: PlaceOrder,
        robot: str,
        opened: Sequence[MyOrder],
        unsaved: Sequence[MyOrder],
        now_ns: int,
    ) -> Approved | Refusal:
        """The limits' answer; unsaved: orders of this batch, of any robot."""
        price = self._reference_price(wish.exchange, wish.symbol)
        own_loss, whole_loss = self._drawdowns(robot, wish)
        others = [order for order in self._opened() if order.order_id != wish.order_id]
        everybody = [*others, *filter(is_open, unsaved)]
        return self._risk.judge(
            wish,
            robot,
            Exposure(self._position(robot, wish), opened, own_loss),
            price,
            now_ns,
            Exposure(self._position(None, wish), everybody, whole_loss),
        )

    def _position(self, robot: str | None, wish: PlaceOrder) -> Decimal:
        return self._store.position(robot, wish.exchange, wish.symbol)

    def _drawdowns(self, robot: str, wish: PlaceOrder) -> tuple[Decimal, Decimal]:
        """How far the robot, and all together, are below their best."""
        if not self._risk.wants_drawdown:
            return Decimal(0), Decimal(0)
        while changes := self._store.changes(self._after):
            self._after = changes[-1].revision
            for change in changes:
                if isinstance(change, MyTrade):
                    self._equity.book(change)
        for market in self._equity.markets:  # what is lost in one pair counts in every other
            if (price := self._reference_price(*market)) is not None:
                self._equity.mark(*market, price)
        quote = wish.symbol.quote
        return self._equity.drawdown(robot, quote), self._equity.drawdown(None, quote)

    def _reference_price(self, exchange: Exchange, symbol: CurrencyPair) -> Decimal | None:
        quote = self._quotes.get((exchange, symbol))
        if isinstance(quote, Ticker):
            bid, ask = quote.bid_price, quote.ask_price  # 0: that side is empty
            price = quote.mid_price if bid and ask else max(bid, ask)
        elif isinstance(quote, Trade):
            price = quote.price
        elif quote is not None and quote.bids and quote.asks:
            price = (quote.bids[0][0] + quote.asks[0][0]) / 2
        else:
            return None
        return Decimal(repr(price)) if 0 < price < float("inf") else None


def _strange(wish: PlaceOrder | AmendOrder) -> Refusal | None:
    """Looked at first: the limits could not even compare such a number."""
    reason = not_carried(wish)
    return Refusal(f"risk: {reason}") if reason else None


def _intent(approved: Approved, now_ns: int) -> MyOrder:
    return _order(approved.wish, approved.robot, OrderStatus.INTENT, "", now_ns)


def _rejected(wish: PlaceOrder, robot: str, refusal: Refusal, now_ns: int) -> MyOrder:
    shown = with_carried_numbers(wish)
    return _order(shown, robot, OrderStatus.REJECTED, refusal.reason, now_ns)


def _order(wish: PlaceOrder, robot: str, status: OrderStatus, reason: str, now_ns: int) -> MyOrder:
    return MyOrder(
        received_ns=now_ns,
        exchange=wish.exchange,
        symbol=wish.symbol,
        robot=robot,
        order_id=wish.order_id,
        venue_id="",
        side=wish.side,
        type=wish.type,
        time_in_force=wish.time_in_force,
        post_only=wish.post_only,
        price=wish.price,
        volume=wish.volume,
        stop_price=wish.stop_price,
        reduce_only=wish.reduce_only,
        status=status,
        filled_volume=Decimal(0),
        average_price=None,
        reason=reason,
        revision=0,
    )
