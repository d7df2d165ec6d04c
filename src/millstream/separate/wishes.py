"""The robots' end of the wishes endpoint: on disk first, then sent until the orders have them.

A wish that was sent may be lost with the process that it was sent to. So each is kept until the
orders say that they have stored it, and all that are kept are sent again, in their order, to the
next life of the orders process. An order that comes twice is known by its id there.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, Protocol

import msgspec

from millstream.errors import BadMessage
from millstream.separate.letters import Heard, Letter, read_heard, write

__all__ = ["WishPost"]

_log = logging.getLogger(__name__)
_WAIT_MS: Final = 100
_PULSE_NS: Final = 500_000_000
_SILENT_NS: Final = 2_000_000_000
_LAST_PATIENCE_NS: Final = 5_000_000_000


class Inbox(Protocol):
    """Where wishes and hints come in: `bus.Inbox`."""

    def receive(self, timeout_ms: int) -> list[tuple[str, bytes]]:
        """What came under which name: "wishes" or "heard"."""


class Sender(Protocol):
    """The way to the orders: `bus.Sender`."""

    def offer(self, body: bytes) -> bool:
        """Take a message, or say no when full."""


class WishPost:
    """Takes the robots' wishes to the orders. Belongs to one thread; `state` may be read by any.

    journal_sync: returns when the journal is on disk up to the wishes that came in.
    alive: whether the robots turn. prompt: told the store's revision.
    unsent: wishes of an earlier life that the orders may not have, each with its time.
    """

    def __init__(
        self,
        process: str,
        orders: Sender,
        journal_sync: Callable[[], None],
        clock_ns: Callable[[], int],
        alive: Callable[[int], bool],
        prompt: Callable[[int], None],
        unsent: Iterable[tuple[int, bytes]] = (),
    ) -> None:
        self._process, self._orders = process, orders
        self._journal_sync, self._clock_ns = journal_sync, clock_ns
        self._alive, self._prompt = alive, prompt
        self._began_ns = clock_ns()
        self._number = 0
        self._kept: deque[Letter] = deque()  # not known to be stored
        self._sent = 0  # how many of them have been sent to this life of the orders
        self._life = 0  # of the orders; 0: never heard of
        self._heard_ns = 0
        self._pulsed_ns = 0
        self.state = ""  # what is amiss; "" while the orders are there
        for wished_ns, wishes in unsent:
            self._keep(wished_ns, wishes)

    def run(self, inbox: Inbox, stop: Callable[[], bool]) -> None:
        """Take and send until `stop()`; then until the orders have everything, for 5 s at most."""
        stopping_ns = 0
        while True:
            now_ns = self._clock_ns()
            if stop():
                stopping_ns = stopping_ns or now_ns
                if not self._kept or now_ns - stopping_ns > _LAST_PATIENCE_NS:
                    break
            for name, body in inbox.receive(_WAIT_MS if not stopping_ns else 5):
                if name == "heard":
                    self._hear(body)
                else:
                    self._keep(self._clock_ns(), body)
            self._send()
            self._look_around()
        if self._kept:
            _log.warning("%d batches of wishes were not taken by the orders", len(self._kept))
        self._orders.offer(write(self._letter(0, self._clock_ns(), b"", goodbye=True)))

    def _keep(self, wished_ns: int, wishes: bytes) -> None:
        self._number += 1
        self._kept.append(self._letter(self._number, wished_ns, wishes))

    def _letter(
        self, number: int, wished_ns: int, wishes: bytes, *, goodbye: bool = False
    ) -> Letter:
        return Letter(self._process, self._began_ns, self._life, number, wished_ns, wishes, goodbye)

    def _hear(self, body: bytes) -> None:
        try:
            heard = read_heard(body)
        except BadMessage as error:
            _log.error("a hint that cannot be read was left out: %s", error)
            return
        self._heard_ns = self._clock_ns()
        if heard.life != self._life:
            if self._life:
                _log.warning("the orders have been started again: %d kept", len(self._kept))
            self._life, self._sent = heard.life, 0
        self._drop_taken(heard)
        self._prompt(heard.revision)

    def _drop_taken(self, heard: Heard) -> None:
        began_ns, number = heard.taken.get(self._process, (0, 0))
        if began_ns != self._began_ns:
            return
        while self._kept and self._kept[0].number <= number and self._sent:
            self._kept.popleft()
            self._sent -= 1

    def _send(self) -> None:
        if not self._life or self._sent == len(self._kept):
            return
        self._journal_sync()  # durable before visible
        while self._sent < len(self._kept):
            letter = msgspec.structs.replace(self._kept[self._sent], life=self._life)
            if not self._orders.offer(write(letter)):
                return
            self._sent += 1

    def _look_around(self) -> None:
        now_ns = self._clock_ns()
        if now_ns - self._pulsed_ns >= _PULSE_NS and self._life and self._alive(now_ns):
            self._pulsed_ns = now_ns
            self._orders.offer(write(self._letter(0, now_ns, b"")))
        if now_ns - max(self._heard_ns, self._began_ns) < _SILENT_NS:
            state = ""
        else:
            state = f"waiting for the orders; {len(self._kept)} batches of wishes kept"
        if bool(state) != bool(self.state):
            _log.warning("%s: %s", self._process, state or "the orders are there")
        self.state = state
