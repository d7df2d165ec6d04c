"""A robots process: what robots hear comes in, what they wish goes out, a journal between."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import monotonic, sleep, time_ns

from millstream.bus import Bus, Inbox, load_keys
from millstream.config import Config
from millstream.model import Control, Event, SessionEnd
from millstream.model.codec import encode_events
from millstream.orders.kill_switch import Heartbeat
from millstream.robot import control_stream, robo_loop
from millstream.separate.follow import follow_own, open_record, tell_changes
from millstream.separate.places import bus_of, config_of, name_of
from millstream.separate.resume import seat
from millstream.separate.wishes import WishPost
from millstream.session.learned import LearnedPublisher
from millstream.session.parts import PATIENCE_S, DataPart, FramesPart, Part
from millstream.session.sharing import frame_client, frame_server, learned_queue

__all__ = ["RobotsPart"]

_TURNS_EVERY_NS = 3_000_000_000  # the loop turns at least each second, unless a robot hangs
_WISHES = "inproc://wishes"  # from the robots to the thread that waits for the disk


class RobotsPart:
    """The robots of one process: `start` it, look at it, `stop` it, `close` it.

    directory: the session's folder, the same for all parts; this one's journal is in NAME-1, or
    with the next number. Raises ConfigError, JournalError or StoreError.
    """

    def __init__(self, config: Config, process: str, directory: Path) -> None:
        self.name = name_of(process)
        mine = config_of(config, process)
        self._names = frozenset(section.name for section in mine.robots)
        self._parts: tuple[Part, ...] = ()
        self._reason = "the robots did not start"
        self._ending = threading.Event()
        self._no_more_changes = threading.Event()
        with ExitStack() as opened:
            self.bus = opened.enter_context(Bus(load_keys(config.bus.keys)))
            seated = seat(mine, directory, self.name)  # before any endpoint: it is ours alone
            self.directory, self.robots, self.journal = (
                seated.directory, seated.robots, seated.journal,
            )  # fmt: skip
            opened.callback(self._close_journal)
            self.record = record = open_record(config, directory)
            opened.callback(record.close)
            self._heartbeat = Heartbeat(_TURNS_EVERY_NS)
            bus = bus_of(config, process)
            robo = self.bus.receiver(bus.robo)
            control = self.bus.receiver(bus.control)
            wishes = self.bus.receiver(_WISHES)
            self._to_robots = self.bus.sender(robo.endpoint)
            self._to_control = self.bus.sender(control.endpoint)
            client = frame_client(mine, self._learn)
            self._learned = LearnedPublisher(
                self.bus.sender(robo.endpoint), time_ns, learned_queue(client)
            )
            server = frame_server(mine)
            frames = self.bus.receiver(bus.frames) if server else None
            self.post = WishPost(
                self.name,
                self.bus.sender(bus.wishes),
                self.journal.sync,
                time_ns,
                lambda now_ns: not self._heartbeat.lost(now_ns),
                record.prompt,
                seated.unsent,
            )
            self._loop = Part(
                "robots", robo_loop,
                robo, self.robots, self.journal, self.bus.sender(_WISHES),
                self._heartbeat.clock_ns, self.bus.sender(frames.endpoint) if frames else None,
            )  # fmt: skip
            self._wishes = Part(
                "wishes", self.post.run,
                Inbox({"wishes": wishes, "heard": self.bus.listener(bus.changes)}),
                self._ending.is_set,
            )  # fmt: skip
            first, after = self._own_orders(seated.revision)
            self._trades = Part(
                "trades", tell_changes,
                follow_own(record, first, after, self._names, self._no_more_changes.is_set),
                self.bus.sender(robo.endpoint), self._no_more_changes.is_set,
            )  # fmt: skip
            self._control = Part(
                "control", control_stream,
                control, self.bus.sender(robo.endpoint), self._ending.is_set,
            )  # fmt: skip
            self._data = DataPart([], [self._learned], client)
            self._parts = (self._loop, self._wishes, self._trades, self._control, self._data)
            if server is not None and frames is not None:
                self._parts = (FramesPart(server, frames), *self._parts)
            self._opened = opened.pop_all()

    def _own_orders(self, revision: int | None) -> tuple[Sequence[Event], int]:
        """What the robots hear first: in a new journal, their open orders as they stand."""
        if revision is not None:
            return (), revision
        after = self.record.revision
        opened = self.record.orders(open_only=True)
        return [order for order in opened if order.robot in self._names], after

    def start(self) -> None:
        """Start every thread."""
        for part in self._parts:
            part.start()

    def failure(self) -> str:
        """What made a thread end before its time; "" while all is well."""
        return next((f"{part.name}: {part.error}" for part in self._parts if part.error), "")

    def status(self) -> str:
        """One line for a screen."""
        standing = ", ".join(f"{one.robot.name} {one.standing}" for one in self.robots.seats)
        waits = f"; {self.post.state}" if self.post.state else ""
        return f"{self.name}: {standing}; {self.journal.next_sequence - 1:,} events{waits}"

    def command(self, command: str, robot: str = "", *, who: str, why: str) -> None:
        """Give a robot a command, or all of them; see `Session.command`."""
        self._to_control.send(encode_events([Control(time_ns(), robot, command, {}, who, why)]))

    def stop(self, reason: str) -> None:
        """End in good order: the robots, their orders, the journal. Ten seconds for each."""
        self._reason = reason
        self._data.finish()
        if self._loop.is_alive():
            self.command("stop", who="millstream", why=reason)
            self._wait(lambda: all(s.standing in ("stopped", "failed") for s in self.robots.seats))
            self._wait(lambda: bool(self.post.state) or not self._open_orders())
        self._heartbeat.stop()
        self._ending.set()
        self._wishes.finish()
        self._control.finish()
        self._no_more_changes.set()
        self._trades.finish()
        self._to_robots.send(encode_events([SessionEnd(time_ns(), reason)]))
        self._loop.finish()
        for part in self._parts:
            if isinstance(part, FramesPart):
                part.finish()

    def close(self) -> None:
        """Close the journal, the follower and the bus."""
        self._opened.close()

    def _open_orders(self) -> int:
        return sum(order.robot in self._names for order in self.record.orders(open_only=True))

    def _wait(self, until: Callable[[], bool]) -> None:
        deadline = monotonic() + PATIENCE_S
        while not until() and not self.failure() and monotonic() < deadline:
            sleep(0.005)

    def _close_journal(self) -> None:
        """In good order only if every answer of the robots is in it."""
        loop = [part for part in self._parts if part.name == "robots"]
        if not any(part.error or part.is_alive() for part in loop):
            self.journal.close(self._reason)

    def _learn(self, events: Sequence[Event]) -> None:
        for event in events:
            self._learned.learn(event)
