"""The orders' end of the wishes endpoint: each letter once and in order, and never an old wish.

To be given a letter again is normal: its sender cannot know how far a killed process came. Orders
are known by their ids; the rest (cancel, amend, a robot's set-up) does the same a second time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol

from millstream.errors import BadMessage
from millstream.model import Output, PlaceOrder
from millstream.model.codec import decode_outputs, encode_outputs
from millstream.orders.kill_switch import Heartbeat
from millstream.orders.store import OrderRecord, RobotRecord, SavedRobot
from millstream.separate.letters import Heard, Letter, read_letter, write
from millstream.separate.places import name_of
from millstream.session.setups import SetUp

__all__ = ["Pulses", "TakenInbox", "call_out"]

_log = logging.getLogger(__name__)
_CALL_EVERY_S: Final = 0.05


class Inbox(Protocol):
    """Where letters and market events come in: `bus.Inbox`."""

    def receive(self, timeout_ms: int) -> list[tuple[str, bytes]]:
        """What came under which name: "wishes" are letters, "mail" is wishes, and "events"."""


class Desk(Protocol):
    """Who stores orders: `orders.desk.OrderDesk`."""

    def handle(self, outputs: Sequence[Output], now_ns: int) -> list[str]:
        """Store the new orders of a batch, as wished at that time."""


class Caller(Protocol):
    """Where hints are called out: `bus.Sender`."""

    def offer(self, body: bytes) -> bool:
        """Take a message."""


class Pulses(Heartbeat):
    """The heartbeats of robots processes: lost when one is silent that has not said goodbye."""

    def __init__(self, longest_ns: int) -> None:
        """longest_ns: a silence that is longer is no life; 0: never mind."""
        super().__init__(longest_ns)
        self._longest_silence_ns = longest_ns
        self._last_pulse_ns: dict[str, int] = {}
        self._watched: dict[str, tuple[str, ...]] = {}
        self.markets: tuple[str, ...] = ()  # what all robots watch; replaced, never changed

    def beat(self, process: str, now_ns: int) -> None:
        """A robots process gave a sign of life."""
        if process not in self._last_pulse_ns:
            _log.info("%s: the robots are there", process)
        self._last_pulse_ns[process] = now_ns

    def watch(self, process: str, markets: Iterable[str]) -> None:
        """What the robots of a process watch."""
        watched = tuple(markets)
        if self._watched.get(process) != watched:
            self._watched[process] = watched
            self.markets = tuple(sorted({one for some in self._watched.values() for one in some}))

    def goodbye(self, process: str) -> None:
        """A robots process ends in good order."""
        self.watch(process, ())
        self._last_pulse_ns.pop(process, None)
        _log.info("%s: the robots have ended", process)

    def lost(self, now_ns: int) -> str:
        """Why this is no life any more; "" while it is."""
        for process, last_ns in self._last_pulse_ns.items():
            silent_ns = now_ns - last_ns
            if self._longest_silence_ns and silent_ns > self._longest_silence_ns:
                return (
                    f"{process}: the robots have given no sign of life for {silent_ns / 1e9:.1f} s"
                )
        return ""


class TakenInbox:
    """An inbox of the orders thread that opens letters, and remembers which were dealt with.

    What was given out is dealt with when the next is asked for: stored, and on disk.
    record: where the set-ups of robots are kept. home: the robots process that one is of; another's
    is not overwritten, for who adds a name first has it. life: of this process. oldest_ns: a wish
    that is older is stored with its own time, so that the gateway lets it expire, and the robot
    hears of it.
    """

    def __init__(
        self,
        inner: Inbox,
        desk: Desk,
        record: RobotRecord,
        pulses: Pulses,
        life: int,
        oldest_ns: int,
        clock_ns: Callable[[], int],
        home: Callable[[SavedRobot], str] = lambda saved: saved.process,
    ) -> None:
        self._home = home
        self._inner, self._desk, self._record, self._pulses = inner, desk, record, pulses
        self._life, self._oldest_ns, self._clock_ns = life, oldest_ns, clock_ns
        self._given: dict[str, tuple[int, int]] = {}
        self.taken: Mapping[str, tuple[int, int]] = {}  # replaced, never changed: others read it

    def receive(self, timeout_ms: int) -> list[tuple[str, bytes]]:
        """Market events as they came, and the wishes of letters and of other programs."""
        if self._given != self.taken:
            self.taken = dict(self._given)
        found: list[tuple[str, bytes]] = []
        for name, body in self._inner.receive(timeout_ms):
            if name != "wishes":
                found.append(("wishes" if name == "mail" else name, body))
                continue
            try:
                letter = read_letter(body)
                if letter.life == self._life:
                    self._open(letter, found)
            except BadMessage as error:
                _log.error("the orders thread ignores a letter: %s", error)
        return found

    def _open(self, letter: Letter, found: list[tuple[str, bytes]]) -> None:
        now_ns = self._clock_ns()
        if letter.goodbye:
            self._pulses.goodbye(letter.process)
            return
        self._pulses.beat(letter.process, now_ns)
        if not letter.number:
            self._pulses.watch(letter.process, letter.markets)
            return
        began_ns, number = self._given.get(letter.process, (0, 0))
        known = number if began_ns == letter.began_ns else 0
        if letter.number != max(known, letter.first - 1) + 1:
            return  # it came before; or one before it broke with a connection, and comes again
        self._given[letter.process] = (letter.began_ns, letter.number)
        if letter.setup is not None:
            self._keep(letter.setup, letter.process)
        wishes = letter.wishes
        if not wishes:
            return
        if now_ns - letter.wished_ns > self._oldest_ns:
            wishes = self._without_orders(decode_outputs(wishes), letter.wished_ns)
        found.append(("wishes", wishes))

    def _keep(self, setup: SetUp, process: str) -> None:
        there = [one for one in self._record.saved_robots() if one.name == setup.name]
        if there and name_of(self._home(there[0])) != process:
            words = 'the set-up of "%s" from the process "%s" is not kept: another process has it'
            _log.error(words, setup.name, process)
        elif setup.saved is None:
            self._record.remove_robot(setup.name)
        else:
            self._record.save_robot(setup.saved)

    def _without_orders(self, outputs: Sequence[Output], wished_ns: int) -> bytes:
        """Old orders are stored as old; old cancels are as good as new ones."""
        self._desk.handle([one for one in outputs if isinstance(one.body, PlaceOrder)], wished_ns)
        return encode_outputs([one for one in outputs if not isinstance(one.body, PlaceOrder)])


def call_out(
    caller: Caller,
    store: OrderRecord,
    inbox: TakenInbox,
    pulses: Pulses,
    life: int,
    stop: Callable[[], bool],
) -> None:
    """Say how far the store and the letters are, after each change and twenty times a second."""
    while not stop():
        revision = store.revision
        caller.offer(write(Heard(life, revision, dict(inbox.taken), pulses.markets)))
        store.wait(revision, _CALL_EVERY_S)
