"""One robot on a table: events by hand, a clock by hand, its orders filled on paper.

The parts are those of a session, on one thread: the robots' turn (`robot/loop.py`), the orders'
turn (`orders/service.py`) with desk, risk, store and paper venue, the seats of a manifest, and the
replay. What goes between them is encoded and decoded as on the bus.
"""

from __future__ import annotations

import inspect
import tempfile
from collections import deque
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from millstream.config import RiskSection, RobotSection
from millstream.durations import parse_duration
from millstream.errors import ConfigError, RobotError
from millstream.journal import Journal, JournalWriter, Manifest, ReplayReport, replay
from millstream.model import (
    Action,
    Checkpoint,
    Control,
    ControlAnswer,
    Event,
    LogLine,
    MyOrder,
    MyTrade,
    PlaceOrder,
    RobotFailed,
)
from millstream.model.actions import OutputBody
from millstream.model.codec import encode_events
from millstream.model.events import MarketEvent, StreamEvent
from millstream.orders.desk import OrderDesk
from millstream.orders.gateway import Gateway
from millstream.orders.memory import MemoryStore
from millstream.orders.paper import PaperSettings, PaperVenue
from millstream.orders.risk import RiskBook, RiskLimits
from millstream.orders.service import OrdersTurn
from millstream.robot import Robot, RobotGroup
from millstream.robot.loop import turn
from millstream.session.gateways import risk_book
from millstream.session.proof import JOURNAL
from millstream.session.roster import seat_robots
from millstream.testing.market import market_of, stamped
from millstream.testing.recorded import Recorder, Wishes
from millstream.testing.seated import class_path_of, manifest_of

__all__ = ["RobotTest"]

BEGAN_NS: Final = 1_704_067_200_000_000_000  # 2024-01-01 00:00:00 UTC
STEP_NS: Final = 1_000_000  # from one event that is fed to the next
_MOST_ROUNDS: Final = 500  # of orders, changes of them, and orders in answer to those


class RobotTest:
    """A robot, what it is fed, and what it answers.

    robot: the class, or where it is written, as in a configuration: "folder/file.py:Class".
    markets: "binance@btc/usdt" or "btc/usdt", which is on Binance; the first is the one it trades.
    parameters: plain values as in a configuration, or its Parameters struct.
    limits: of risk, in front of its orders; None: those of a session that names none.
    paper: fees, and how long an order is on its way; None: no time, a session's default is 20 ms.
    unguarded: True: seat it though its file asks for the time, chance or files.
    checkpoint_every_events: after how many events its state is compared in a replay.
    Raises ConfigError or RobotError, as a session does.
    """

    def __init__(
        self,
        robot: type[Robot] | str,
        *markets: str,
        parameters: msgspec.Struct | dict[str, Any] | None = None,
        seed: int = 1,
        limits: RiskLimits | None = None,
        paper: PaperSettings | None = None,
        began_ns: int = BEGAN_NS,
        unguarded: bool = False,
        checkpoint_every_events: int = 1,
    ) -> None:
        class_path = robot if isinstance(robot, str) else class_path_of(robot)
        section = RobotSection(
            name=class_path.rpartition(":")[2].lower(),
            robot=class_path,
            markets=[str(market_of(text)) for text in markets or ("btc/usdt",)],
            parameters=msgspec.to_builtins(parameters or {}),
            unguarded=unguarded,
        )
        settings = {"checkpoint_every_events": checkpoint_every_events}
        self._manifest = manifest_of(section, seed, began_ns, settings)
        self._group: RobotGroup = seat_robots(self._manifest)
        self._seat = self._group.seats[0]
        self._recorded = Recorder()
        self._wishes = Wishes()
        self._store = MemoryStore()
        on_paper = paper or PaperSettings()
        gateway = Gateway(self._store, PaperVenue(on_paper))
        risk = risk_book(RiskSection()) if limits is None else RiskBook(limits)
        desk = OrderDesk(self._store, risk)
        self._orders = OrdersTurn(desk, gateway, lambda: None, lambda: self._now_ns, None)
        self._latency_ns = on_paper.latency_ns
        self._arrivals: deque[int] = deque()  # when what was wished takes effect
        self._now_ns = began_ns
        self._heard = 0  # the last change of the store that the robot was told

    # ---- what happens ------------------------------------------------------------------------

    def feed(self, *events: Event) -> list[Action]:
        """Let the robot hear events, one by one, and what becomes of its orders.

        An event without a time is heard a millisecond after the one before; one with a time
        (`received_ns`), then. Timers that are due until then go off first.
        Returns what the robot answered to all of it. Raises RobotError when its code fails.
        """
        before = len(self._recorded.bodies)
        for event in events:
            self._pass_until(event.received_ns or self._now_ns + STEP_NS)
            heard = stamped(event, self._now_ns)
            self._turn(encode_events([heard]), of_market=isinstance(event, _OF_MARKETS))
            self._settle()
        return _its_own(self._recorded.bodies[before:])

    def pass_time(self, duration: str) -> list[Action]:
        """Let "5s" pass: timers go off when they are due, orders arrive.

        Returns what the robot answered. Raises RobotError when its code fails.
        """
        before = len(self._recorded.bodies)
        self._pass_until(self._now_ns + parse_duration(duration))
        return _its_own(self._recorded.bodies[before:])

    def command(self, command: str, **parameters: Any) -> list[Action]:
        """Give it a command, as `millstream control` does; returns what it answered.

        "pause", "resume", "stop", "start", "parameters" with new ones, or a word of its own.
        Raises ConfigError when it is refused, RobotError when the robot's code fails.
        """
        before = len(self._recorded.bodies)
        told = msgspec.to_builtins(parameters)
        name = self._seat.robot.name
        answered = self.feed(Control(0, name, command, told, "test", "a test", request="test"))
        for body in self._recorded.bodies[before:]:
            if isinstance(body, ControlAnswer) and not body.accepted:
                raise ConfigError(body.reason)
        return answered

    # ---- what came of it ---------------------------------------------------------------------

    @property
    def now_ns(self) -> int:
        """The clock: nanoseconds since 1970 UTC."""
        return self._now_ns

    @property
    def robot(self) -> Robot:
        """The robot itself."""
        return self._seat.robot

    @property
    def state(self) -> Any:
        """What it remembers now."""
        return self._seat.robot.state

    @property
    def standing(self) -> str:
        """ "running", "paused", "stopped" or "failed"."""
        return self._seat.standing

    @property
    def timers(self) -> list[str]:
        """The names of its timers that are set."""
        return [alarm.name for alarm in self._group.timers.of(self._seat.robot.name)]

    @property
    def answers(self) -> list[Action]:
        """Everything it answered: orders, cancels, timers, log lines, frames."""
        return _its_own(self._recorded.bodies)

    @property
    def placed(self) -> list[PlaceOrder]:
        """The orders it wished, whatever became of them."""
        return [body for body in self._recorded.bodies if isinstance(body, PlaceOrder)]

    @property
    def log(self) -> list[str]:
        """What it logged, as "info: text"."""
        lines = (body for body in self._recorded.bodies if isinstance(body, LogLine))
        return [f"{line.level}: {line.text}" for line in lines]

    @property
    def orders(self) -> list[MyOrder]:
        """Its orders as they stand, refused ones too."""
        return self._store.orders()

    @property
    def fills(self) -> list[MyTrade]:
        """What was filled, with fees."""
        return self._store.trades()

    def position(self, market: str = "") -> Decimal:
        """What its fills add up to on a market, in base currency; "": the first of its markets."""
        at = market_of(market) if market else self._seat.robot.market
        return self._store.position(None, at.exchange, at.symbol)

    # ---- the proof ---------------------------------------------------------------------------

    def save(self, folder: Path) -> None:
        """Write the run as a session's folder, for `millstream replay` and `millstream diff`.

        Raises JournalError when there is a journal already.
        """
        entry = self._manifest.robots[0]
        place = f"{inspect.getfile(type(self.robot))}:{entry.class_path.rpartition(':')[2]}"
        robots = (msgspec.structs.replace(entry, class_path=place),)
        self._write(Path(folder) / JOURNAL, msgspec.structs.replace(self._manifest, robots=robots))

    def replay(self) -> ReplayReport:
        """Everything that was recorded, to a new robot of the class; its answers compared."""
        with tempfile.TemporaryDirectory() as folder:
            self._write(Path(folder) / JOURNAL, self._manifest)
            journal = Journal.open(Path(folder) / JOURNAL)
            return replay(journal, seat_robots(self._manifest))

    def assert_replays_equal(self) -> None:
        """Raise AssertionError that names the first event and field at which a replay differs."""
        found = self.replay()
        if not found.equal:
            raise AssertionError(f"a replay differs: {found.first_difference}")

    def _write(self, folder: Path, manifest: Manifest) -> None:
        writer = JournalWriter(folder, manifest, compress=False)
        for body, count, outputs in self._recorded.turns:
            writer.append_events(body, count)
            if outputs:
                writer.append_outputs(outputs)
        writer.close("the test is over")

    # ---- how it goes on ----------------------------------------------------------------------

    def _pass_until(self, until_ns: int) -> None:
        if until_ns < self._now_ns:
            raise ConfigError(
                f"time goes forward: it is {self._now_ns} ns already, and this is of {until_ns}"
            )
        while (next_ns := self._next_ns()) is not None and next_ns <= until_ns:
            self._now_ns = max(self._now_ns, next_ns)
            while self._arrivals and self._arrivals[0] <= self._now_ns:
                self._arrivals.popleft()
            self._orders.take([])
            self._settle()
            if late := self._group.timers.due(self._now_ns):
                self._turn(encode_events(late))
                self._settle()
        self._now_ns = until_ns

    def _next_ns(self) -> int | None:
        """When a timer is due, or something wished takes effect."""
        timer_ns = self._group.timers.next_due_ns()
        times = [*self._arrivals, *([] if timer_ns is None else [timer_ns])]
        return min(times, default=None)

    def _settle(self) -> None:
        """Tell the robot what became of its orders, until it wishes nothing more."""
        for _ in range(_MOST_ROUNDS):
            changes = self._store.changes(self._heard)
            if not changes:
                return
            for change in changes:  # one by one, as they come out of a store
                self._heard = change.revision
                self._turn(encode_events([change]))
        raise RobotError(
            f"the robot answers what becomes of its orders with orders, {_MOST_ROUNDS} times in a "
            "row: live it would go on for ever"
        )

    def _turn(self, body: bytes, *, of_market: bool = False) -> None:
        turn(body, self._group, self._recorded, self._wishes, None, None)
        messages = [("events", body)] if of_market else []
        wishes = [("wishes", wished) for wished in self._wishes.taken()]
        if wishes and self._latency_ns:
            self._arrivals.append(self._now_ns + self._latency_ns)
        if messages or wishes:
            self._orders.take([*messages, *wishes])
        if wishes:
            self._orders.take([])  # what takes no time has taken effect
        for failed in self._recorded.failures():  # last: what it had open is canceled, as live
            raise RobotError(f"the robot failed: {failed.error}\n{failed.trace}")


_OF_MARKETS = (MarketEvent, StreamEvent)  # what a stream brings: it goes to the venue on paper, too


def _its_own(answered: Sequence[OutputBody]) -> list[Action]:
    """Without what is answered for the robot."""
    return [o for o in answered if not isinstance(o, Checkpoint | RobotFailed | ControlAnswer)]
