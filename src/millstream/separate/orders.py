"""The orders process: the store, the limits, the venue and the kill switch, for every robot."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from time import time_ns

from millstream.bus import Bus, Inbox, load_keys
from millstream.config import Config
from millstream.model import Event
from millstream.model.codec import encode_events
from millstream.orders.best_file import BestFile
from millstream.orders.desk import OrderDesk
from millstream.orders.gateway import Gateway
from millstream.orders.service import orders_loop
from millstream.orders.store import RobotRecord
from millstream.separate.places import bus_of, processes
from millstream.separate.taking import Pulses, TakenInbox, call_out
from millstream.session.gateways import (
    open_kill_switch,
    open_mailbox,
    open_store,
    open_venue,
    risk_book,
    store_file,
)
from millstream.session.parts import Part
from millstream.session.setups import home_of

__all__ = ["OrdersPart"]

_MAIL = "inproc://mail"  # orders that other programs put into the store


class OrdersPart:
    """The orders of a session: `start` it, look at it, `stop` it, `close` it.

    directory: the session's folder, the same for all parts; the order store is in it.
    Raises ConfigError, StoreError, and what a venue raises that cannot be reached.
    """

    def __init__(self, config: Config, directory: Path) -> None:
        self.directory = directory
        self._ending = threading.Event()
        self._ended = threading.Event()
        life = time_ns()
        with ExitStack() as opened:
            self.bus = opened.enter_context(Bus(load_keys(config.bus.keys)))
            self.store = store = open_store(
                config.order_store, directory, config.order_changes_days
            )  # it has one owner
            opened.callback(store.close)
            assert isinstance(store, RobotRecord)  # every keeper is
            oldest_ns = config.gateway.oldest_intent_s * 10**9
            pulses = Pulses(config.kill.heartbeat_s * 10**9)
            self.kill = open_kill_switch(config, directory, pulses, opened)
            beside = store_file(config.order_store, directory)
            desk = OrderDesk(store, risk_book(config.risk), BestFile(beside))
            mail = self.bus.receiver(_MAIL)
            inbox = TakenInbox(
                Inbox({
                    "events": self.bus.receiver(config.bus.market),
                    "wishes": self.bus.receiver(config.bus.wishes),
                    "mail": mail,
                }),
                desk, store, pulses, life, oldest_ns, time_ns,
                lambda saved: home_of(saved, config),
            )  # fmt: skip
            followers = [
                self.bus.sender(bus_of(config, process).robo, watched=True)
                for process in processes(config)
            ]

            def tell(events: Sequence[Event]) -> None:
                body = encode_events(events)
                for follower in followers:
                    follower.offer(body)  # who is away is told at the next look at the account

            venue = open_venue(config, store, tell, opened)
            self._orders = Part(
                "orders", orders_loop,
                inbox, store, desk, Gateway(store, venue, oldest_ns),
                _synced_by_the_robots, time_ns, self._ending.is_set, self.kill.look,
            )  # fmt: skip
            self._calls = Part(
                "changes", call_out,
                self.bus.caller(config.bus.changes), store, inbox, pulses, life,
                self._ended.is_set,
            )  # fmt: skip
            self._parts = [self._orders, self._calls]
            mailbox = open_mailbox(config, opened)
            if mailbox is not None:
                to_desk = self.bus.sender(mail.endpoint)
                self._parts.append(Part("mailbox", mailbox.run, to_desk.send, self._ending.is_set))
            self._opened = opened.pop_all()

    def start(self) -> None:
        """Start every thread."""
        for part in self._parts:
            part.start()

    def failure(self) -> str:
        """What made a thread end before its time; "" while all is well."""
        return next((f"{part.name}: {part.error}" for part in self._parts if part.error), "")

    def status(self) -> str:
        """One line for a screen."""
        opened = len(self.store.orders(open_only=True))
        brake = self.kill.read()
        halted = "" if brake.state == "active" else f"; trading is {brake}"
        return f"orders: {self.store.revision:,} changes, {opened} orders open{halted}"

    def stop(self, reason: str) -> None:
        """End in good order: what is open is canceled."""
        self._ending.set()
        self._orders.finish()
        self._ended.set()
        for part in self._parts:
            part.finish()

    def close(self) -> None:
        """Close the store, the venue and the bus."""
        self._opened.close()


def _synced_by_the_robots() -> None:
    """A letter leaves its process after the journal there is on disk."""
