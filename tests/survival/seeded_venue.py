"""One process, no sockets, a clock moved by hand: the simulator's exchange behind a bad line.

A `SeededLine` stands where ccxt stands. The matching engine is the simulator's own; what goes wrong
on the way is drawn from a seed: requests that never arrive or arrive late, answers that are lost,
5xx although it was done, orders that no list shows for a minute, lists that fail or are old when
they come, a private stream that forgets, doubles and reorders, and a clock that jumps.
"""

from __future__ import annotations

import heapq
from decimal import Decimal
from itertools import count

import msgspec

from millstream.model import (
    CurrencyPair,
    Exchange,
    Liquidity,
    MyOrder,
    MyTrade,
    OrderType,
    Side,
)
from millstream.orders import Fill
from millstream.orders.lines.answers import (
    Canceled,
    Evidence,
    InDoubt,
    NotCanceled,
    Placed,
    Rejected,
    SeenFill,
)
from millstream.simulator.orders import (
    ChangeKind,
    PairRules,
    Refused,
    SelfTrade,
    VenueRules,
    Wish,
)
from millstream.simulator.venue import Venue

BTC, BINANCE = CurrencyPair.BTC_USDT, Exchange.BINANCE
SECOND = 1_000_000_000
RULES = VenueRules(Decimal(0), Decimal("0.001"), True, SelfTrade.EXPIRE_MAKER, False)
PAIR = PairRules(BTC, Decimal("0.01"), Decimal("0.001"), Decimal("0.001"), Decimal(5))
TIMEOUT_NS = 10 * SECOND
HIDDEN_NS = 60 * SECOND  # how long at most an order may be found nowhere


class Faults(msgspec.Struct, frozen=True):
    """Shares of requests, answers and events."""

    dropped: float = 0.08  # never arrives; nobody says so
    lost: float = 0.08  # done, and the answer is a timeout or a 5xx
    late: float = 0.1  # arrives up to 20 s later, behind its own timeout
    hidden: float = 0.15  # found by no list for up to a minute
    unanswered: float = 0.15  # of the lists: one of the questions failed
    forgotten: float = 0.3  # of the private stream
    doubled: float = 0.2


NONE = Faults(0, 0, 0, 0, 0, 0, 0)


class World:
    """The venue, the time, and everything that is on its way."""

    def __init__(self, dice):
        self.dice = dice
        self.faults = Faults()
        self.now_ns = 1_000_000 * SECOND  # true time
        self.skew_ns = 0  # of our own clock
        plenty = {"USDT": Decimal(10**9), "BTC": Decimal(10**6)}
        self.venue = Venue(RULES, [PAIR], {"main": plenty})
        self.venue.on_change.append(self._changed)
        self.placed = []  # client ids, each time the venue took or refused one
        self.streamed = []  # for the gateway, when it next turns
        self._hidden_until = {}  # by order
        self._coming = []
        self._count = count()
        self.refill()

    def refill(self):
        """The market's own orders around 100."""
        for number in range(1, 4):
            level = Decimal(number) / 10
            self.venue.set_level(BTC, Side.BUY, 100 - level, Decimal(2), self.now_ns)
            self.venue.set_level(BTC, Side.SELL, 100 + level, Decimal(2), self.now_ns)

    @property
    def clock_ns(self):
        """What our own clock shows."""
        return self.now_ns + self.skew_ns

    def later(self, seconds, act):
        """Do it so many seconds from now."""
        when_ns = self.now_ns + int(seconds * SECOND)
        heapq.heappush(self._coming, (when_ns, next(self._count), act))

    def advance(self, seconds):
        """Let time pass, and everything happen that was on its way."""
        end_ns = self.now_ns + int(seconds * SECOND)
        while self._coming and self._coming[0][0] <= end_ns:
            self.now_ns, _, act = heapq.heappop(self._coming)
            act()
        self.now_ns = end_ns

    def chance(self, share):
        return self.dice.random() < share

    def hide(self, order):
        if self.chance(self.faults.hidden):
            until_ns = self.now_ns + int(self.dice.uniform(0, HIDDEN_NS))
            self._hidden_until[order.id] = until_ns

    def shown(self):
        """The orders that lists show now."""
        return [
            one
            for one in self.venue.orders.values()
            if self._hidden_until.get(one.id, 0) <= self.now_ns
        ]

    def _changed(self, change):
        """What the private stream says of it, or not."""
        event = _trade_event(change) if change.kind is ChangeKind.FILLED else _order_event(change)
        for _ in range(1 + self.chance(self.faults.doubled)):
            if not self.chance(self.faults.forgotten):
                self.later(self.dice.uniform(0.01, 2.0), lambda: self._stream(event))

    def _stream(self, event):
        self.streamed.append(msgspec.structs.replace(event, received_ns=self.clock_ns))


class SeededLine:
    """A `Line` to that venue; dies with the gateway that it belongs to."""

    def __init__(self, world):
        self._world = world
        self._answers = []
        self._under_way = set()
        self._behind = {}  # cancels that wait for their order's placing

    def place(self, order):
        world, dice = self._world, self._world.dice
        self._under_way.add(order.order_id)
        if world.chance(world.faults.dropped):
            self._answer(InDoubt(order.order_id, "timeout"), TIMEOUT_NS / SECOND)
            return
        delay = dice.uniform(0.01, 0.3)
        if world.chance(world.faults.late):
            delay = dice.uniform(1, 20)
            if delay * SECOND > TIMEOUT_NS:
                self._answer(InDoubt(order.order_id, "timeout"), TIMEOUT_NS / SECOND)
        world.later(delay, lambda: self._arrive(order, late=delay * SECOND > TIMEOUT_NS))

    def _arrive(self, order, late):
        world = self._world
        world.placed.append(order.order_id)
        try:
            made = world.venue.place(_wish(order), world.now_ns)
        except Refused as refusal:
            answer = Rejected(order.order_id, str(refusal))
        else:
            world.hide(made)
            at_rest = made.open and not made.filled
            answer = Placed(order.order_id, str(made.id), at_rest)
        if late:
            return
        if world.chance(world.faults.lost):
            answer = InDoubt(order.order_id, "503, or no answer")
        self._answer(answer, world.dice.uniform(0.01, 0.3))

    def cancel(self, order):
        if order.order_id in self._under_way:
            self._behind.setdefault(order.order_id, []).append(order)
            return
        world = self._world
        if world.chance(world.faults.dropped):
            self._answer(NotCanceled(order.order_id, "timeout"), TIMEOUT_NS / SECOND)
        else:
            world.later(world.dice.uniform(0.01, 0.3), lambda: self._cancel(order))

    def _cancel(self, order):
        world = self._world
        found = next(
            (
                one
                for one in world.shown()
                if one.wish.client_id == order.order_id and one.open
            ),
            None,
        )  # fmt: skip
        if found is None:
            answer = NotCanceled(order.order_id, "unknown order")
        else:
            world.venue.cancel(found, world.now_ns)
            answer = Canceled(order.order_id)
            if world.chance(world.faults.lost):
                answer = NotCanceled(order.order_id, "503")
        self._answer(answer, world.dice.uniform(0.01, 0.3))

    def amend(self, order, price, volume):
        raise AssertionError("nobody amends here")

    def ask(self, orders, symbols, since_ns, holdings):
        """Open orders, then ended ones, then fills: each at a moment of its own."""
        asked_ns = self._world.clock_ns
        found = {}
        self._world.later(0.05, lambda: found.update(open=self._list(is_open=True)))
        self._world.later(0.2, lambda: found.update(ended=self._list(is_open=False)))
        self._world.later(0.4, lambda: self._told(asked_ns, symbols, found))

    def _list(self, *, is_open):
        return tuple(_seen(one, self._world) for one in self._world.shown() if one.open == is_open)

    def _told(self, asked_ns, symbols, found):
        world = self._world
        failure, ended = "", found["ended"]
        if world.chance(world.faults.unanswered):
            failure, ended = "ended orders: timeout", ()
        fills = tuple(
            SeenFill(str(one.order_id), BTC, one.side, _fill(one))
            for one in world.venue.fills
            if any(order.id == one.order_id for order in world.shown())
        )
        evidence = Evidence(
            asked_ns, world.clock_ns, frozenset(symbols), found["open"], ended, fills, None, failure
        )
        self._answer(evidence, world.dice.uniform(0.01, 3.0))

    def answers(self):
        answers, self._answers = self._answers, []
        return answers

    def _answer(self, answer, seconds):
        def come():
            self._answers.append(answer)
            if isinstance(answer, Placed | Rejected | InDoubt):
                self._under_way.discard(answer.order_id)
                for order in self._behind.pop(answer.order_id, ()):
                    self.cancel(order)

        self._world.later(seconds, come)


def _wish(order):
    return Wish(
        account="main", pair=BTC, side=order.side, type=order.type, volume=order.volume,
        price=order.price or Decimal(0), time_in_force=order.time_in_force,
        post_only=order.post_only, client_id=order.order_id,
    )  # fmt: skip


def _seen(one, world):
    return _shown(one, one.status, world.clock_ns)


def _shown(one, status, received_ns):
    wish = one.wish
    return MyOrder(
        received_ns=received_ns, exchange=BINANCE, symbol=BTC, robot="", order_id=wish.client_id,
        venue_id=str(one.id), side=wish.side, type=wish.type, time_in_force=wish.time_in_force,
        post_only=wish.post_only, price=one.price if wish.type is OrderType.LIMIT else None,
        volume=one.volume, status=status, filled_volume=one.filled, average_price=None,
        reason=one.reason, revision=0,
    )  # fmt: skip


def _order_event(change):
    return _shown(change.order, change.order.status, 0)


def _trade_event(change):
    fill, order = change.fill, change.order
    given = _fill(fill)
    return MyTrade(
        0, BINANCE, BTC, "", order.wish.client_id, given.trade_id, fill.side, given.price,
        given.volume, given.fee, given.fee_currency, given.liquidity, given.exchange_ns, 0,
    )  # fmt: skip


def _fill(fill):
    liquidity = Liquidity.MAKER if fill.maker else Liquidity.TAKER
    return Fill(
        str(fill.trade_id), fill.price, fill.volume, fill.fee, fill.fee_currency, liquidity, fill.ns
    )
