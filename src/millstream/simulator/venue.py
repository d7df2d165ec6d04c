"""The exchange itself: accounts, books, and what happens when orders meet. Pure; time comes in.

Priority is price, then time, for our clients' orders and the market's alike. A trade is at the
resting order's price. A change is told to listeners in the order in which things happen.

    a wish          what becomes of it
    limit           trades what it can at its price or better; the rest rests
    post-only       refused when it would trade
    market          trades what is there; the rest expires
    IOC             trades what it can; the rest expires
    FOK             trades at once as a whole, or expires
    stop            sleeps, with its money held, until a trade at or beyond its stop price
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

import msgspec

from millstream.model import CurrencyPair, OrderStatus, OrderType, Side, TimeInForce
from millstream.simulator.balances import Balances
from millstream.simulator.checks import check
from millstream.simulator.money import Money
from millstream.simulator.orders import (
    MARKET,
    ZERO,
    Change,
    ChangeKind,
    Fill,
    Order,
    PairRules,
    Reason,
    Refused,
    SelfTrade,
    Trade,
    VenueRules,
    Wish,
)
from millstream.simulator.resting import PairBook

_TRADES_APART = 1_000_000_000


class Venue:
    """One exchange: `place`, `cancel`, `amend` for clients; `set_level`, `take` for the market.

    accounts: by name, what each begins with. All raise Refused and then have changed nothing.
    """

    def __init__(
        self,
        rules: VenueRules,
        pairs: Iterable[PairRules],
        accounts: Mapping[str, Mapping[str, Decimal]],
        *,
        first_order_id: int = 1_000_001,
        first_trade_id: int = 5_000_001,
    ) -> None:
        self.rules = rules
        self.pairs = {one.pair: one for one in pairs}
        self.books = {pair: PairBook() for pair in self.pairs}
        self.balances = {name: Balances(start) for name, start in accounts.items()}
        self._money = Money(rules, self.balances)
        self.orders: dict[int, Order] = {}  # every order of a client there ever was
        self.fills: list[Fill] = []
        self.last_price: dict[CurrencyPair, Decimal] = {}
        self.on_change: list[Callable[[Change], None]] = []
        self.on_trade: list[Callable[[Trade], None]] = []
        self._open: dict[int, Order] = {}
        self._next_order = first_order_id
        # Each pair counts its own trades, without a hole, far from those of the others.
        self._next_trade = {
            pair: first_trade_id + number * _TRADES_APART for number, pair in enumerate(self.pairs)
        }
        self._waking: set[CurrencyPair] = set()

    # ---- what is asked about --------------------------------------------------------------------

    def open_orders(self, account: str, pair: CurrencyPair | None = None) -> list[Order]:
        """An account's open orders, oldest first."""
        return [
            order
            for order in self._open.values()
            if order.wish.account == account and pair in (None, order.wish.pair)
        ]

    def find(self, account: str, order_id: int | None = None, client_id: str = "") -> Order | None:
        """An order by the venue's id, else the newest with this client id."""
        if order_id is not None:
            order = self.orders.get(order_id)
            return order if order is not None and order.wish.account == account else None
        for order in reversed(self.orders.values()):
            if order.wish.account == account and order.wish.client_id == client_id != "":
                return order
        return None

    # ---- what clients do ------------------------------------------------------------------------

    def check(self, wish: Wish) -> None:
        """Raises Refused when this wish breaks a rule, whatever the book and the balances say."""
        rules = self.pairs.get(wish.pair)
        if rules is None:
            raise Refused(Reason.UNKNOWN_PAIR)
        check(wish, rules, self.last_price.get(wish.pair, ZERO))
        if wish.client_id and any(
            order.wish.client_id == wish.client_id for order in self.open_orders(wish.account)
        ):
            raise Refused(Reason.DUPLICATE_CLIENT_ID)

    def place(self, wish: Wish, now_ns: int) -> Order:
        """A new order, after everything that it sets off at once."""
        self.check(wish)
        order = Order(self._next_order, wish, wish.volume, wish.price, now_ns, now_ns)
        order.fills = []
        sleeps = wish.type in (OrderType.STOP, OrderType.STOP_LIMIT)
        if sleeps:
            last = self.last_price.get(wish.pair)
            if self.rules.refuses_live_stops and last is not None and order.wakes_at(last):
                raise Refused(Reason.WOULD_TRIGGER)
            order.asleep = True
        elif wish.post_only and self.books[wish.pair].crosses(wish.side, wish.price):
            raise Refused(Reason.WOULD_TAKE)
        if wish.type is OrderType.MARKET:
            self._size_market(order)
        else:
            self._money.hold(order)
        self._next_order += 1
        self.orders[order.id] = self._open[order.id] = order
        self._tell(ChangeKind.NEW, order, now_ns)
        if not sleeps:
            self._arrive(order, now_ns)
            self._wake(wish.pair, now_ns)
        elif (last := self.last_price.get(wish.pair)) is not None and order.wakes_at(last):
            self._trigger(order, now_ns)
            self._wake(wish.pair, now_ns)
        return order

    def cancel(self, order: Order, now_ns: int, *, asked_as: str = "", reason: str = "") -> None:
        """Take an order out; raises Refused when it is open no more."""
        if not order.open:
            raise Refused(Reason.UNKNOWN_ORDER)
        self._end(order, OrderStatus.CANCELED, now_ns, reason or "User requested", asked_as)

    def amend(
        self, order: Order, now_ns: int, *, volume: Decimal | None, price: Decimal | None
    ) -> None:
        """Change volume or price; only a smaller volume at the same price keeps the place in line.

        Raises Refused when it is not open, breaks a rule, or would trade and is post-only.
        """
        if not order.open:
            raise Refused(Reason.UNKNOWN_ORDER)
        new_volume = order.volume if volume is None else volume
        new_price = order.price if price is None else price
        wish = msgspec.structs.replace(
            order.wish, volume=new_volume, price=new_price, client_id="", post_only=False
        )
        self.check(wish)
        if new_volume <= order.filled:
            raise Refused(Reason.BAD_REQUEST, "volume")
        book = self.books[wish.pair]
        crosses = not order.asleep and book.crosses(wish.side, new_price)
        if order.wish.post_only and crosses:
            raise Refused(Reason.WOULD_TAKE)
        old = order.volume, order.price
        old_held = self._money.release(order)
        side = book.side(wish.side)
        stays = new_price == order.price and new_volume <= order.volume
        if not stays:
            side.remove(order)
        order.volume, order.price = new_volume, new_price
        try:
            self._money.hold(order)
        except Refused:
            order.volume, order.price = old
            self._money.hold_again(order, old_held)
            if not stays and not order.asleep:
                side.add(order)
            raise
        order.updated_ns = now_ns
        side.changed.add(new_price)
        self._tell(ChangeKind.AMENDED, order, now_ns)
        if not stays and not order.asleep:
            self._arrive(order, now_ns)
            self._wake(wish.pair, now_ns)

    # ---- what the market does -------------------------------------------------------------------

    def set_level(
        self, pair: CurrencyPair, side: Side, price: Decimal, volume: Decimal, now_ns: int
    ) -> None:
        """The market's own volume at a price is this from now on.

        More of it comes last in line, less of it leaves from the end. Where it crosses the market's
        own other side, that side is old and goes; where it crosses a client's order, they trade.
        """
        book = self.books[pair]
        resting = book.side(side)
        had = book.market_volume(side, price)
        if volume < had:
            self._withdraw(book, side, price, had - volume)
        elif volume > had:
            if book.crosses(side, price):
                opposite = book.side(side.opposite)
                for order in opposite.in_priority(price):
                    if order.wish.account == MARKET:
                        opposite.remove(order)
            order = self._of_market(pair, side, price, volume - had, now_ns)
            self._match(order, price, now_ns)
            if order.left > 0:
                resting.add(order)
            self._wake(pair, now_ns)

    def clear_better(self, pair: CurrencyPair, side: Side, price: Decimal) -> None:
        """The market has nothing better than this price."""
        resting = self.books[pair].side(side)
        for order in resting.in_priority():
            if order.price == price:
                return
            if (order.price > price) != (side is Side.BUY):
                return
            if order.wish.account == MARKET:
                resting.remove(order)

    def take(
        self, pair: CurrencyPair, side: Side, price: Decimal, volume: Decimal, now_ns: int
    ) -> None:
        """The market trades: a taker on `side` down or up to `price`.

        What finds nobody in the book (our picture of it is behind) is a trade all the same.
        """
        order = self._of_market(pair, side, price, volume, now_ns)
        self._match(order, price, now_ns)
        if order.left > 0:
            self._print(pair, side, price, order.left, now_ns)
        self._wake(pair, now_ns)

    # ---- matching -------------------------------------------------------------------------------

    def _of_market(
        self, pair: CurrencyPair, side: Side, price: Decimal, volume: Decimal, now_ns: int
    ) -> Order:
        wish = Wish(account=MARKET, pair=pair, side=side, type=OrderType.LIMIT)
        return Order(0, wish, volume, price, now_ns, now_ns)

    def _withdraw(self, book: PairBook, side: Side, price: Decimal, volume: Decimal) -> None:
        resting = book.side(side)
        for order in reversed(resting.at(price)):
            if order.wish.account != MARKET:
                continue
            if order.left > volume:
                order.volume -= volume
                resting.changed.add(price)
                return
            volume -= order.left
            resting.remove(order)
            if volume <= 0:
                return

    def _arrive(self, order: Order, now_ns: int) -> None:
        """An order that is awake meets the book."""
        wish = order.wish
        limit = order.price if order.price else None
        if wish.time_in_force is TimeInForce.FOK and self._reachable(order, limit) < order.left:
            self._end(order, OrderStatus.EXPIRED, now_ns, "FOK")
            return
        self._match(order, limit, now_ns)
        if not order.open:
            return
        if limit is None or wish.time_in_force is not TimeInForce.GTC:
            self._end(order, OrderStatus.EXPIRED, now_ns, "IOC")
        else:
            self.books[wish.pair].side(wish.side).add(order)

    def _reachable(self, order: Order, limit: Decimal | None) -> Decimal:
        found = ZERO
        for other in self.books[order.wish.pair].side(order.wish.side.opposite).in_priority(limit):
            if other.wish.account == order.wish.account:
                if self.rules.self_trade is SelfTrade.CANCEL_NEWEST:
                    break
                continue
            found += other.left
        return found

    def _match(self, taker: Order, limit: Decimal | None, now_ns: int) -> None:
        account = taker.wish.account
        opposite = self.books[taker.wish.pair].side(taker.wish.side.opposite)
        for maker in opposite.in_priority(limit):
            if taker.left <= 0:
                return
            if maker.wish.account == account != MARKET:
                if self.rules.self_trade is SelfTrade.CANCEL_NEWEST:
                    self._end(taker, OrderStatus.CANCELED, now_ns, "Self trade prevented")
                    return
                self._end(maker, OrderStatus.EXPIRED, now_ns, "Self trade prevented")
                continue
            self._trade(taker, maker, now_ns)

    def _trade(self, taker: Order, maker: Order, now_ns: int) -> None:
        pair, price = taker.wish.pair, maker.price
        volume = min(taker.left, maker.left)
        resting = self.books[pair].side(maker.wish.side)
        trade_id = self._print(pair, taker.wish.side, price, volume, now_ns)
        for order, is_maker in ((maker, True), (taker, False)):
            if order.wish.account == MARKET:
                order.filled += volume
            else:
                self._fill(order, trade_id, price, volume, is_maker, now_ns)
        resting.changed.add(price)
        if maker.left <= 0:
            resting.remove(maker)

    def _print(
        self, pair: CurrencyPair, side: Side, price: Decimal, volume: Decimal, now_ns: int
    ) -> int:
        trade = Trade(self._next_trade[pair], pair, side, price, volume, now_ns)
        self._next_trade[pair] += 1
        self.last_price[pair] = price
        self._waking.add(pair)
        for listener in self.on_trade:
            listener(trade)
        return trade.id

    def _fill(
        self,
        order: Order,
        trade_id: int,
        price: Decimal,
        volume: Decimal,
        maker: bool,
        now_ns: int,
    ) -> None:
        fill = self._money.settle(order, trade_id, price, volume, maker, now_ns)
        order.filled += volume
        order.quote_filled += price * volume
        order.updated_ns = now_ns
        order.status = OrderStatus.FILLED if order.left <= 0 else OrderStatus.PARTIAL
        order.fills.append(fill)
        self.fills.append(fill)
        if not order.open:
            self._open.pop(order.id, None)
        self._tell(ChangeKind.FILLED, order, now_ns, fill=fill)

    def _end(
        self, order: Order, status: OrderStatus, now_ns: int, reason: str, asked_as: str = ""
    ) -> None:
        self.books[order.wish.pair].side(order.wish.side).remove(order)
        self._money.release(order)
        self.balances[order.wish.account].changed_ns = now_ns
        order.status, order.reason, order.updated_ns = status, reason, now_ns
        order.asleep = False
        self._open.pop(order.id, None)
        kind = ChangeKind.CANCELED if status is OrderStatus.CANCELED else ChangeKind.EXPIRED
        self._tell(kind, order, now_ns, asked_as=asked_as)

    def _tell(
        self,
        kind: ChangeKind,
        order: Order,
        now_ns: int,
        *,
        fill: Fill | None = None,
        asked_as: str = "",
    ) -> None:
        change = Change(kind, msgspec.structs.replace(order, fills=[]), now_ns, fill, asked_as)
        for listener in self.on_change:
            listener(change)

    # ---- market orders and stops ----------------------------------------------------------------

    def _size_market(self, order: Order) -> None:
        wish = order.wish
        opposite = self.books[wish.pair].side(wish.side.opposite)
        self._money.size_market(order, opposite.in_priority(), self.pairs[wish.pair].lot)

    def _wake(self, pair: CurrencyPair, now_ns: int) -> None:
        """Trigger the stops that the last trades reached, and those that these reach."""
        while pair in self._waking:
            self._waking.discard(pair)
            last = self.last_price[pair]
            sleeping = [order for order in self._open.values() if order.asleep]
            for order in sleeping:
                if order.asleep and order.wish.pair == pair and order.wakes_at(last):
                    self._trigger(order, now_ns)

    def _trigger(self, order: Order, now_ns: int) -> None:
        order.asleep, order.triggered, order.updated_ns = False, True, now_ns
        self._tell(ChangeKind.TRIGGERED, order, now_ns)
        if order.wish.type is OrderType.STOP:
            self._money.release(order)
            try:
                self._size_market(order)
            except Refused:
                self._end(order, OrderStatus.EXPIRED, now_ns, "Insufficient funds")
                return
        self._arrive(order, now_ns)
