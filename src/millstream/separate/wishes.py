"""The robots' end of the wishes endpoint: on disk first, then sent until the orders have them.

A wish that was sent may be lost with the process that it was sent to, or with a connection. So each
is kept until the orders say that they have stored it, and all that are kept are sent again, in
their order, to the next life of the orders process, and to one that lives and does not take them.
An order that comes twice is known by its id there. The set-ups of robots that commands changed go
the same way.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, Protocol

import msgspec

from millstream.errors import BadMessage
from millstream.model.codec import decode_outputs
from millstream.separate.letters import Heard, Letter, read_heard, read_setup, write
from millstream.session.setups import SetUp

__all__ = ["Unsent", "WishPost"]

_log = logging.getLogger(__name__)
_WAIT_MS: Final = 100
_PULSE_NS: Final = 500_000_000
_SILENT_NS: Final = 2_000_000_000
_SEND_AGAIN_NS: Final = 5_000_000_000
_LAST_PATIENCE_NS: Final = 5_000_000_000


class Inbox(Protocol):
    """Where wishes, set-ups and hints come in: `bus.Inbox`."""

    def receive(self, timeout_ms: int) -> list[tuple[str, bytes]]:
        """What came under which name: "wishes", "setups" or "heard"."""


class Sender(Protocol):
    """The way to the orders: `bus.Sender`."""

    def offer(self, body: bytes) -> bool:
        """Take a message, or say no when full."""


class Robots(Protocol):
    """What the post asks of the robots that it serves."""

    def alive(self, now_ns: int) -> bool:
        """Whether they turn."""

    def turned(self) -> int:
        """The last event whose wishes have all been handed over to the post."""

    def markets(self) -> tuple[str, ...]:
        """What they watch: "binance@btc/usdt"."""


class Unsent(NamedTuple):
    """What an earlier life of the process may not have sent."""

    cause: int  # the event that brought it about; 0: of another journal
    wished_ns: int
    wishes: bytes  # a batch of outputs; b"" beside a set-up
    setup: SetUp | None = None


class _Kept(NamedTuple):
    letter: Letter
    cause: int  # 0: of none in this journal
    is_told: bool = False  # somebody waits to hear that it is stored


class WishPost:
    """Takes the robots' wishes to the orders. Belongs to one thread; `state` may be read by any.

    journal_sync: returns when the journal is on disk up to the wishes that came in.
    prompt: told the store's revision.
    unsent: of an earlier life, in the order of their causes.
    stored: told of each set-up that the orders have. remember: told the last event whose wishes and
        set-ups the orders have all taken, as often as that changes; asked only while `idle`.
    idle: whether no set-up is on its way to the post.
    """

    def __init__(
        self,
        process: str,
        orders: Sender,
        journal_sync: Callable[[], None],
        clock_ns: Callable[[], int],
        robots: Robots,
        prompt: Callable[[int], None],
        unsent: Iterable[Unsent] = (),
        stored: Callable[[], None] = lambda: None,
        remember: Callable[[int], None] = lambda _: None,
        idle: Callable[[], bool] = lambda: True,
    ) -> None:
        self._process, self._orders = process, orders
        self._journal_sync, self._clock_ns = journal_sync, clock_ns
        self._robots, self._prompt = robots, prompt
        self._stored, self._remember, self._idle = stored, remember, idle
        self._began_ns = clock_ns()
        self._number = 0
        self._kept: deque[_Kept] = deque()  # not known to be stored
        self._sent = 0  # how many of them have been sent to this life of the orders
        self._reached = 0  # the last event whose wishes have all been taken
        self._moved_ns = 0  # when one was last sent, or known to be taken
        self._life = 0  # of the orders; 0: never heard of
        self._heard_ns = 0
        self._pulsed_ns = 0
        self.state = ""  # what is amiss; "" while the orders are there
        for one in unsent:
            self._keep(one.wished_ns, one.wishes, one.cause, one.setup)

    def run(self, inbox: Inbox, stop: Callable[[], bool]) -> None:
        """Take and send until `stop()`; then until the orders have everything, for 5 s at most."""
        stopping_ns = 0
        while True:
            now_ns = self._clock_ns()
            if stop():
                stopping_ns = stopping_ns or now_ns
                if not self._kept or now_ns - stopping_ns > _LAST_PATIENCE_NS:
                    break
            turned, nothing_new = self._robots.turned(), True
            for name, body in inbox.receive(_WAIT_MS if not stopping_ns else 5):
                if name == "heard":
                    self._hear(body)
                else:
                    nothing_new = False
                    self._take(name, body)
            self._send()
            if nothing_new and not self._kept:  # every wish up to `turned` had come before
                self._reached = max(self._reached, turned)
            if self._idle():
                self._remember(self._reached)
            self._look_around()
        if self._kept:
            _log.warning("%d letters were not taken by the orders", len(self._kept))
        self._orders.offer(write(self._letter(0, self._clock_ns(), b"", goodbye=True)))

    def _take(self, name: str, body: bytes) -> None:
        if name == "setups":
            self._keep(self._clock_ns(), b"", 0, read_setup(body), is_told=True)
            self._pulsed_ns = 0  # its markets are said at once
        else:
            self._keep(self._clock_ns(), body, decode_outputs(body)[-1].cause)

    def _keep(
        self,
        wished_ns: int,
        wishes: bytes,
        cause: int,
        setup: SetUp | None = None,
        *,
        is_told: bool = False,
    ) -> None:
        self._number += 1
        letter = self._letter(self._number, wished_ns, wishes, setup=setup)
        self._kept.append(_Kept(letter, cause, is_told))

    def _letter(
        self,
        number: int,
        wished_ns: int,
        wishes: bytes,
        *,
        goodbye: bool = False,
        setup: SetUp | None = None,
        markets: tuple[str, ...] = (),
    ) -> Letter:
        return Letter(
            self._process, self._began_ns, self._life, number, wished_ns, wishes,
            goodbye, setup, markets,
        )  # fmt: skip

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
        while self._kept and self._kept[0].letter.number <= number and self._sent:
            taken = self._kept.popleft()
            self._moved_ns = self._heard_ns
            self._sent -= 1
            if not self._kept or self._kept[0].cause != taken.cause:
                self._reached = max(self._reached, taken.cause)
            if taken.is_told:
                self._stored()

    def _send(self) -> None:
        if not self._life or self._sent == len(self._kept):
            return
        self._journal_sync()  # durable before visible
        while self._sent < len(self._kept):
            letter = msgspec.structs.replace(
                self._kept[self._sent].letter,
                life=self._life,
                first=self._kept[0].letter.number,
            )
            if not self._orders.offer(write(letter)):
                return
            self._sent += 1
            self._moved_ns = self._clock_ns()

    def _look_around(self) -> None:
        now_ns = self._clock_ns()
        if now_ns - self._pulsed_ns >= _PULSE_NS and self._life and self._robots.alive(now_ns):
            self._pulsed_ns = now_ns
            markets = self._robots.markets()
            self._orders.offer(write(self._letter(0, now_ns, b"", markets=markets)))
        is_heard = now_ns - self._heard_ns < _SILENT_NS
        if self._sent and is_heard and now_ns - self._moved_ns > _SEND_AGAIN_NS:
            # What was on its way when a connection broke is lost, and both ends live.
            _log.warning("%s: %d letters are sent again", self._process, self._sent)
            self._sent = 0
        if now_ns - max(self._heard_ns, self._began_ns) < _SILENT_NS:
            state = ""
        else:
            state = f"waiting for the orders; {len(self._kept)} letters kept"
        if bool(state) != bool(self.state):
            _log.warning("%s: %s", self._process, state or "the orders are there")
        self.state = state
