"""A robots process: what robots hear comes in, what they wish goes out, a journal between."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import monotonic, sleep, time_ns

from millstream.app import make_stream
from millstream.bus import Bus, FirstThen, Inbox, Receiver, load_keys
from millstream.bus.door_zmq import Door as FolderDoor
from millstream.config import Config
from millstream.errors import ConfigError
from millstream.model import Control, Event, SessionEnd
from millstream.model.codec import encode_events
from millstream.robot import robo_loop
from millstream.robot.control import SESSION_ENDS
from millstream.separate.follow import follow_own, open_record, tell_changes
from millstream.separate.places import bus_of, config_of, name_of, processes
from millstream.separate.resume import Seated, seat
from millstream.separate.setups import SetUpPost
from millstream.separate.signs import SignsOfLife
from millstream.separate.unsent import as_unsent
from millstream.separate.wishes import WishPost
from millstream.session.carrier import Carrier
from millstream.session.control import ControlDesk, Door
from millstream.session.gateways import open_command_box
from millstream.session.learned import LearnedPublisher
from millstream.session.parts import PATIENCE_S, DataPart, FramesPart, Part
from millstream.session.resuming import COULD_NOT_GO_ON
from millstream.session.setups import home_of
from millstream.session.sharing import frame_client, frame_server, learned_queue

__all__ = ["RobotsPart"]

_WISHES = "inproc://wishes"  # from the robots to the thread that waits for the disk
_SETUPS = "inproc://setups"  # from the control desk to the same


class RobotsPart:
    """The robots of one process: `start` it, look at it, `stop` it, `close` it.

    directory: the session's folder, the same for all parts; this one's journal is in NAME-1, or
    with the next number. Raises ConfigError, JournalError or StoreError.
    """

    def __init__(self, config: Config, process: str, directory: Path) -> None:
        self.name = name_of(process)
        self._config, self._process = config, process
        self._parts: tuple[Part, ...] = ()
        self._reason = COULD_NOT_GO_ON
        self._no_more_commands = threading.Event()
        self._ending = threading.Event()
        self._no_more_changes = threading.Event()
        mine = config_of(config, process)
        with ExitStack() as opened:
            self.bus = opened.enter_context(Bus(load_keys(config.bus.keys)))
            self.record = record = open_record(config, directory)
            opened.callback(record.close)
            ours = [one for one in record.saved_robots() if home_of(one, config) == process]
            # before any endpoint: it is ours alone
            self._seated = seated = seat(mine, directory, self.name, process, ours, record.revision)
            self.directory, self.robots, self.journal = (
                seated.place, seated.robots, seated.journal,
            )  # fmt: skip
            opened.callback(self._close_journal)
            self._signs = SignsOfLife(self.robots, self.journal)
            self._introduce(mine, directory, seated, opened)
            self._opened = opened.pop_all()

    def _introduce(self, mine: Config, directory: Path, seated: Seated, opened: ExitStack) -> None:
        """Hand everybody what they need of each other."""
        bus, record = bus_of(mine, self._process), self.record
        robo = self.bus.receiver(bus.robo)
        own = self.bus.receiver(bus.own)  # no market burst delays these
        control = self.bus.receiver(bus.control)
        answers = self.bus.receiver(bus.answers)
        wishes = self.bus.receiver(_WISHES)
        setups = self.bus.receiver(_SETUPS)
        self._to_robots = self.bus.sender(robo.endpoint)
        self._to_control = self.bus.sender(control.endpoint)
        client = frame_client(mine, self._learn)
        self._learned = LearnedPublisher(
            self.bus.sender(robo.endpoint), time_ns, learned_queue(client)
        )
        server = frame_server(mine)
        frames = self.bus.receiver(bus.frames) if server else None
        desk = self._control_desk(directory, control, answers, own.endpoint, opened)
        self.post = WishPost(
            self.name,
            self.bus.sender(bus.wishes),
            self.journal.sync,
            time_ns,
            self._signs,
            record.prompt,
            as_unsent(
                seated.left,
                seated.manifest.run_id,
                lambda robot: record.orders(robot, open_only=True),
            ),
            self._setups.stored,
            seated.cursor.remember,
            lambda: desk.idle and self._setups.idle,
        )
        self._loop = Part(
            "robots", robo_loop,
            FirstThen(own, robo), self.robots, self.journal,
            self._signs.watching(self.bus.sender(_WISHES)), self._signs.clock_ns,
            self.bus.sender(frames.endpoint) if frames else None,
            self.bus.sender(answers.endpoint),
        )  # fmt: skip
        self._wishes = Part(
            "wishes", self.post.run,
            Inbox({
                "wishes": wishes,
                "setups": setups,
                "heard": self.bus.listener(bus.changes),
            }),
            self._ending.is_set,
        )  # fmt: skip
        first, after = self._own_orders(self.robots.revision if seated.resumed else None)
        self._trades = Part(
            "trades", tell_changes,
            follow_own(record, first, after, self._is_seated, self._no_more_changes.is_set),
            self.bus.sender(own.endpoint), self._no_more_changes.is_set,
        )  # fmt: skip
        self._control = Part("control", desk.run, self._no_more_commands.is_set)
        self._data = DataPart([], [self._learned], client)
        self._parts = (self._loop, self._wishes, self._trades, self._control, self._data)
        if server is not None and frames is not None:
            self._parts = (FramesPart(server, frames), *self._parts)

    def _control_desk(
        self, directory: Path, commands: Receiver, answers: Receiver, own: str, opened: ExitStack
    ) -> ControlDesk:
        """Who takes commands: by the bus, and by every door there is."""
        everyone = processes(self._config)
        alone, first = len(everyone) == 1, everyone[0] == self._process
        door = FolderDoor(directory) if alone else FolderDoor(directory, self.name)
        opened.callback(door.close)
        doors: list[Door] = [door]
        seats = None if alone else self._is_seated
        box = open_command_box(self._config, opened, self.name, seats, first)
        if box is not None:
            doors.append(box)
        # only looked at here, whether they can be: the stream process carries them
        carrier = Carrier(self._config.streams, make_stream, lambda stream: None)
        self._setups = SetUpPost(
            self.bus.sender(_SETUPS), self.record, lambda: bool(self.post.state)
        )
        desk = ControlDesk(
            commands, doors, answers, self.bus.sender(own), self._setups, carrier.carry,
            self._refuse_taken, self._process, None if box is None else box.note,
        )  # fmt: skip
        for entry in self._seated.entries:
            desk.know(entry.name, entry.class_path, entry.markets)
        return desk

    def _own_orders(self, revision: int | None) -> tuple[Sequence[Event], int]:
        """What robots hear first, and after which revision they hear every change.

        In a new journal, or one that died before they had heard anything: their open orders.
        revision: the last that the journal has; None: it is new.
        """
        if revision:
            return (), max(revision, self._seated.began_at)
        after = self.record.revision
        opened = self.record.orders(open_only=True)
        return [order for order in opened if self._is_seated(order.robot)], after

    def start(self) -> None:
        """Start every thread."""
        self._reason = "the robots ended"
        for part in self._parts:
            part.start()
        if self._seated.resumed:
            self.command("continue", who="millstream", why="the session goes on")

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
            ends = Control(time_ns(), "", "stop", {SESSION_ENDS: True}, "millstream", reason)
            self._to_control.send(encode_events([ends]))
            self._wait(lambda: all(s.standing in ("stopped", "failed") for s in self.robots.seats))
            self._wait(lambda: bool(self.post.state) or not self._open_orders())
        self._signs.stop()
        self._no_more_commands.set()
        self._control.finish()  # before the post: it may wait for it
        self._ending.set()
        self._wishes.finish()
        self._seated.cursor.write()
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

    def _is_seated(self, robot: str) -> bool:
        """Whether a robot is in this process now: commands add and remove some."""
        return self.robots.seat(robot) is not None

    def _refuse_taken(self, robot: str) -> None:
        """Raises ConfigError when another process has a robot by this name."""
        homes = {section.name: section.process for section in self._config.robots}
        homes |= {one.name: home_of(one, self._config) for one in self._setups.saved_robots()}
        home = homes.get(robot, self._process)
        if home != self._process:
            raise ConfigError(
                f'there is a robot "{robot}" already, in the process "{name_of(home)}"; '
                "give this one another name"
            )

    def _open_orders(self) -> int:
        return sum(self._is_seated(order.robot) for order in self.record.orders(open_only=True))

    def _wait(self, until: Callable[[], bool]) -> None:
        deadline = monotonic() + PATIENCE_S
        while not until() and not self.failure() and monotonic() < deadline:
            sleep(0.005)

    def _close_journal(self) -> None:
        """In good order only if every answer of the robots is in it, and every thread did well.

        Else the next start goes on with it: to begin anew is for who ended in good order.
        """
        loop = [part for part in self._parts if part.name == "robots"]
        if not any(part.error or part.is_alive() for part in loop):
            self.journal.close(COULD_NOT_GO_ON if self.failure() else self._reason)

    def _learn(self, events: Sequence[Event]) -> None:
        for event in events:
            self._learned.learn(event)
