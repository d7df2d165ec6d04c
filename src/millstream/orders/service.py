"""The thread of the orders: wishes and market events come in, the store and the venue are kept."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from millstream.errors import BadMessage
from millstream.model import AmendOrder, Event, OrderAction, Output
from millstream.model.codec import decode_events, decode_outputs
from millstream.orders.desk import OrderDesk
from millstream.orders.gateway import Gateway
from millstream.orders.kill_switch import Brake
from millstream.orders.risk import RiskState
from millstream.orders.store import OrderStore

__all__ = ["Inbox", "OrdersTurn", "orders_loop"]

_log = logging.getLogger(__name__)
_WAIT_MS: Final = 10  # how late a kill may be seen, or a request of the paper venue take effect
_TURN: Final = 64  # messages handled before wishes are stored and answers taken
_CLOSING_TURNS: Final = 500
_CLOSING_WAIT_MS: Final = 10
_CLOSING_NS: Final = 5_000_000_000


class Inbox(Protocol):
    """Where messages for this thread arrive."""

    def receive(self, timeout_ms: int) -> list[tuple[str, bytes]]:
        """Some of what has arrived, in its order, or nothing after `timeout_ms`.

        Each is a name and a batch: "wishes" with outputs, "events" with market events.
        """
        ...


def orders_loop(
    inbox: Inbox,
    store: OrderStore,
    desk: OrderDesk,
    gateway: Gateway,
    journal_sync: Callable[[], None],
    clock_ns: Callable[[], int],
    stop: Callable[[], bool],
    brake: Callable[[int], Brake] | None = None,
) -> None:
    """Run until `stop()` is true; then take what has arrived, and cancel what rests.

    journal_sync: called before intents are stored, returns when everything up to the events that
        caused them is durable.
    brake: what may leave at all, asked in each turn with the time; None: everything.
    Raises StoreError when the store can no longer keep its promises; nothing is sent after that.
    """
    turn = OrdersTurn(desk, gateway, journal_sync, clock_ns, brake)
    turn.look_at_the_brake()  # before the first intent of an earlier session could leave
    gateway.start(clock_ns())
    while not stop():
        turn.take(inbox.receive(_WAIT_MS))
    began_ns = clock_ns()
    asked: set[str] = set()
    for _ in range(_CLOSING_TURNS):
        messages = inbox.receive(_CLOSING_WAIT_MS)
        turn.take(messages)
        if not messages:
            resting = [order.order_id for order in store.orders(open_only=True)]
            if not resting:
                return
            gateway.cancel([i for i in resting if i not in asked], clock_ns())
            asked.update(resting)
        if clock_ns() - began_ns > _CLOSING_NS:
            break
    left = len(store.orders(open_only=True))
    if left:
        _log.warning("%d orders were still open when the orders thread ended", left)


class OrdersTurn:
    """One turn of the loop: what the market said first, then what the robots wish."""

    def __init__(
        self,
        desk: OrderDesk,
        gateway: Gateway,
        journal_sync: Callable[[], None],
        clock_ns: Callable[[], int],
        brake: Callable[[int], Brake] | None,
    ) -> None:
        self._brake = brake
        self._known = Brake()
        self._desk = desk
        self._gateway = gateway
        self._journal_sync = journal_sync
        self._clock_ns = clock_ns

    def take(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Handle messages in portions, so that a backlog delays no wish behind all of it."""
        for first in range(0, len(messages), _TURN):
            self._take_some(messages[first : first + _TURN])
        if not messages:
            self.look_at_the_brake()
            self._gateway.step(self._clock_ns())
        self._desk.keep_best(self._clock_ns())

    def look_at_the_brake(self) -> None:
        """Do what somebody outside said of all trading."""
        if self._brake is None:
            return
        now_ns = self._clock_ns()
        brake = self._brake(now_ns)
        if brake == self._known:
            return
        self._known = brake
        self._desk.set_state(brake.state)
        if brake.state is RiskState.HALTED:
            self._gateway.halt(str(brake), now_ns)
        else:
            self._gateway.resume()
            _log.warning("trading is %s", brake)

    def _take_some(self, messages: Sequence[tuple[str, bytes]]) -> None:
        self.look_at_the_brake()
        wishes: list[Output] = []
        for name, raw in messages:
            try:
                if name == "events":
                    self._feed(decode_events(raw))
                elif name == "wishes":
                    wishes += decode_outputs(raw)
                else:
                    _log.error('a message named "%s" came to the orders thread: ignored', name)
            except BadMessage as error:
                _log.error("the orders thread ignores a message: %s", error)
        cancels: list[str] = []
        amends: list[AmendOrder] = []
        if any(isinstance(wish.body, OrderAction) for wish in wishes):
            self._journal_sync()  # durable before visible
            cancels = self._desk.handle(wishes, self._clock_ns())
            amends = self._desk.amends(wishes, self._clock_ns())
        now_ns = self._clock_ns()
        self._gateway.step(now_ns)
        for amend in amends:
            self._gateway.amend(amend.order_id, amend.price, amend.volume, now_ns)
        self._gateway.cancel(cancels, now_ns)

    def _feed(self, events: Sequence[Event]) -> None:
        self._desk.observe(events)
        self._gateway.feed(events, self._clock_ns())
