"""Introductions: the rooms of a live session, and who is handed to whom.

exchange streams ─> publisher ─┬─> robo endpoint ────> robo_loop ─> journal, robots
 (data thread)                 │                         │ │  (robots thread)
                               │                         │ └─> frames endpoint ─> frame server
                               └─> market endpoint       └─> wishes endpoint   (frames thread)
                                          └────────┬─────────────┘
                                   desk, risk, gateway, order store
                                           (orders thread)
                                                   │
robo endpoint <── trade_stream <── changes ────────┘
robo endpoint <── control desk <── control endpoint, the session's door (`millstream control`)
robo endpoint <── other bots' frames <── frame client (data thread)
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from time import monotonic, sleep, time_ns

from millstream.bus import Bus, EventPublisher, FirstThen, Inbox, load_keys
from millstream.bus.door_zmq import Door
from millstream.config import Config, StreamSection
from millstream.exchange import get_exchange_stream
from millstream.exchange.live import VenueStream
from millstream.journal import Journal, JournalWriter
from millstream.journal.directory import held
from millstream.model import Control, Event, SessionEnd
from millstream.model.codec import encode_events, encode_outputs
from millstream.orders.best_file import BestFile
from millstream.orders.desk import OrderDesk
from millstream.orders.gateway import Gateway
from millstream.orders.kill_switch import Heartbeat
from millstream.orders.service import orders_loop
from millstream.orders.store import RobotRecord, watch
from millstream.robot import Market, robo_loop, trade_stream
from millstream.robot.control import SESSION_ENDS
from millstream.session.carrier import Carrier
from millstream.session.control import ControlDesk
from millstream.session.gateways import (
    open_command_box,
    open_kill_switch,
    open_mailbox,
    open_store,
    open_venue,
    risk_book,
    store_file,
)
from millstream.session.in_step import StepPublisher, Traffic
from millstream.session.learned import LearnedPublisher
from millstream.session.parts import PATIENCE_S, DataPart, FramesPart, Part, short_turns
from millstream.session.proof import JOURNAL
from millstream.session.resuming import Resumed, check_same, resume_robots
from millstream.session.returning import refuse_used, returning
from millstream.session.roster import describe, seat_robots
from millstream.session.sharing import frame_client, frame_server, learned_queue
from millstream.session.sources import Sources
from millstream.session.wished import cancels_of


class Session:
    """A live session: `start` it, look at it, `stop` it, `close` it.

    directory: a new folder for the journal and the order store.
    paced: a local feed is paused when the robots are behind, instead of being conflated.
    sources: where events come from; None: the streams of the configuration.
    resume: a session that is in the folder goes on, where there is one.
    Raises ConfigError, JournalError or StoreError: one sentence, and nothing is left open.
    """

    def __init__(
        self,
        config: Config,
        directory: Path,
        *,
        paced: bool = False,
        sources: Sources | None = None,
        resume: bool = False,
    ) -> None:
        self.directory = directory
        self._resumed: Resumed | None = None
        configured = describe(config)  # what is wrong in it is said before anything is made
        if sources is None:
            sources = Sources([make_stream(section) for section in config.streams])
        self.sources, self.streams = sources, sources.streams
        self._parts: tuple[Part, ...] = ()
        self._frames: FramesPart | None = None
        self._mailbox: Part | None = None
        self._reason = "the session did not start"
        with ExitStack() as opened:
            opened.enter_context(short_turns())
            self.bus = opened.enter_context(Bus(load_keys(config.bus.keys)))
            place = directory / JOURNAL
            limits = config.journal.segment_mib * 2**20, config.journal.compress
            goes_on = resume and bool(held(place))
            if not goes_on:
                refuse_used(place)
            self.store = open_store(config.order_store, directory, config.order_changes_days)
            opened.callback(self.store.close)
            if goes_on:
                check_same(Journal.open(place).manifest, configured)
                self._resumed = found = resume_robots(place, *limits)
                self.manifest, self.robots, self.journal = (
                    found.manifest, found.robots, found.journal,
                )  # fmt: skip
            else:
                self.manifest = describe(config, returning(self.store))
                self.robots = seat_robots(self.manifest)
                self.journal = JournalWriter(place, self.manifest, *limits)
            opened.callback(self._close_journal)
            self._heartbeat = Heartbeat(config.kill.heartbeat_s * 10**9)
            self.kill = open_kill_switch(config, directory, self._heartbeat, opened)
            self._introduce(config, paced, opened)
            self._opened = opened.pop_all()

    def _introduce(self, config: Config, paced: bool, opened: ExitStack) -> None:
        """Hand everybody what they need of each other."""
        robo = self.bus.receiver(config.bus.robo)
        own = self.bus.receiver(config.bus.own)  # no market burst delays these
        market = self.bus.receiver(config.bus.market)
        wishes = self.bus.receiver(config.bus.wishes)
        control = self.bus.receiver(config.bus.control)
        answers = self.bus.receiver(config.bus.answers)
        traffic = Traffic(self.store, watched=self.sources.in_step)
        self._to_robots = traffic.to_robots(self.bus.sender(robo.endpoint))
        self._to_control = self.bus.sender(control.endpoint)

        self.publisher = EventPublisher(
            # the limits know a price before a robot can wish by it
            [self.bus.sender(market.endpoint), self.bus.sender(robo.endpoint)],
            time_ns,
            self._pause_reading if paced else None,
            self._resume_reading if paced else None,
        )
        # the past, and what other bots tell, are for the robots alone
        self.past = EventPublisher([self.bus.sender(robo.endpoint)], time_ns)
        self.frame_client = frame_client(config, self._learn)
        learned = learned_queue(self.frame_client)
        self.learned = LearnedPublisher(self.bus.sender(robo.endpoint), time_ns, learned)
        self.steps = StepPublisher(
            traffic.to_orders(self.bus.sender(market.endpoint)),
            traffic.to_robots(self.bus.sender(robo.endpoint)),
            traffic.quiet,
            self._pause_reading,
            self._resume_reading,
            learned,
            self.sources.market_of,
        )
        for stream in self.streams:
            stream.bind_observer(self.steps if self.sources.in_step else self.publisher)
        for past in self.sources.past:
            past.bind_observer(self.past)
        self.frame_server = frame_server(config)
        frames = self.bus.receiver(config.bus.frames) if self.frame_server else None

        self._no_more_wishes = threading.Event()
        self._no_more_changes = threading.Event()
        self._data = DataPart(
            [*self.streams, *self.sources.past],
            [self.publisher, self.past, self.learned, self.steps],
            self.frame_client,
        )
        from_gateway = traffic.to_robots(self.bus.sender(own.endpoint))
        venue = open_venue(
            config, self.store, lambda events: from_gateway.send(encode_events(events)), opened
        )
        self._robots = Part(
            "robots", robo_loop,
            traffic.robots(FirstThen(own, robo)), self.robots, self.journal,
            traffic.to_orders(self.bus.sender(wishes.endpoint)),
            self._heartbeat.clock_ns, self.bus.sender(frames.endpoint) if frames else None,
            self.bus.sender(answers.endpoint),
        )  # fmt: skip
        beside = store_file(config.order_store, self.directory)
        orders_desk = OrderDesk(self.store, risk_book(config.risk), BestFile(beside))
        if self._resumed is not None:
            lost = "not sent: the session ended before it was stored"
            orders_desk.refuse_lost(self._resumed.wishes, lost, time_ns())
            cancels = cancels_of(
                self._resumed.wishes,
                lambda robot: self.store.orders(robot, open_only=True),
                self.manifest.run_id,
            )
            if cancels:
                self.bus.sender(wishes.endpoint).send(encode_outputs(cancels))
        self._orders = Part(
            "orders", orders_loop,
            traffic.orders(Inbox({"events": market, "wishes": wishes})), self.store,
            orders_desk,
            Gateway(self.store, venue, config.gateway.oldest_intent_s * 10**9),
            self.journal.sync, time_ns, self._no_more_wishes.is_set, self.kill.look,
        )  # fmt: skip
        self._trades = Part(
            "trades", trade_stream,
            traffic.changes(
                watch(self.store, self._heard(), None, self._no_more_changes.is_set)
            ),
            traffic.to_robots(self.bus.sender(own.endpoint)),
        )  # fmt: skip
        door = Door(self.directory)
        opened.callback(door.close)
        carrier = Carrier(config.streams, make_stream, self._carry)
        box = open_command_box(config, opened)
        desk = ControlDesk(
            control, [door] if box is None else [door, box], answers,
            traffic.to_robots(self.bus.sender(own.endpoint)),
            self.store if isinstance(self.store, RobotRecord) else None, carrier.carry,
            note=None if box is None else box.note,
        )  # fmt: skip
        for entry in self.manifest.robots:
            desk.know(entry.name, entry.class_path, entry.markets)
        carrier.carry(
            [Market.parse(market) for entry in self.manifest.robots for market in entry.markets]
        )()  # of robots that returned
        self._control = Part("control", desk.run, self._no_more_wishes.is_set)
        # who listens comes before who speaks
        self._parts = (self._robots, self._orders, self._trades, self._control, self._data)
        mailbox = open_mailbox(config, opened)
        if mailbox is not None:
            self._mailbox = Part(
                "mailbox", mailbox.run,
                self.bus.sender(wishes.endpoint).send, self._no_more_wishes.is_set,
            )  # fmt: skip
            self._parts = (*self._parts, self._mailbox)
        if self.frame_server is not None and frames is not None:
            self._frames = FramesPart(self.frame_server, frames)
            self._parts = (self._frames, *self._parts)

    def start(self) -> None:
        """Start every part."""
        for part in self._parts:
            part.start()
        if self._resumed is not None:
            self.command("continue", who="millstream", why="the session goes on")

    def failure(self) -> str:
        """What made a part end before its time; "" while all is well."""
        return next((f"{part.name}: {part.error}" for part in self._parts if part.error), "")

    def command(self, command: str, robot: str = "", *, who: str, why: str) -> None:
        """Give a robot a command, or all of them: pause, resume, stop, start, or its own word.

        Nobody waits for an answer; `millstream control` does.
        """
        batch = encode_events([Control(time_ns(), robot, command, {}, who, why)])
        self._to_control.send(batch)

    def _heard(self) -> int:
        """The revision of the order store up to which the robots have heard of it."""
        return self.store.revision if self._resumed is None else self._resumed.robots.revision

    def _carry(self, stream: VenueStream) -> None:
        """A stream for markets that nobody carried until now. From any thread."""
        stream.bind_observer(self.publisher)
        self.streams = [*self.streams, stream]
        self._data.add(stream)

    def stop(self, reason: str) -> None:
        """End in good order: the feed, the robots, the orders, the journal.

        Each is given ten seconds. The order store stays readable until `close`.
        """
        self._reason = reason
        self._data.finish()
        if self._robots.is_alive():
            ends = Control(time_ns(), "", "stop", {SESSION_ENDS: True}, "millstream", reason)
            self._to_control.send(encode_events([ends]))
            self._wait_until_robots_stand()
        self._heartbeat.stop()
        self._no_more_wishes.set()
        if self._mailbox is not None:
            self._mailbox.finish()
        self._orders.finish()
        self._control.finish()
        self._no_more_changes.set()
        self._trades.finish()
        self._to_robots.send(encode_events([SessionEnd(time_ns(), reason)]))
        self._robots.finish()
        if self._frames is not None:
            self._frames.finish()

    def close(self) -> None:
        """Close the order store, the journal and the bus."""
        self._opened.close()

    def _close_journal(self) -> None:
        """In good order only if every answer of the robots is in it."""
        robots = [part for part in self._parts if part is self._robots]
        if not any(part.error or part.is_alive() for part in robots):
            self.journal.close(self._reason)

    def _wait_until_robots_stand(self) -> None:
        deadline = monotonic() + PATIENCE_S
        while monotonic() < deadline and not self.failure():
            if all(seat.standing in ("stopped", "failed") for seat in self.robots.seats):
                return
            sleep(0.005)

    def _learn(self, events: Sequence[Event]) -> None:
        told = self.steps if self.sources.in_step else self.learned
        for event in events:
            told.learn(event)

    def _pause_reading(self) -> None:
        for stream in self.streams:
            stream.pause_reading()

    def _resume_reading(self) -> None:
        for stream in self.streams:
            stream.resume_reading()


def make_stream(section: StreamSection) -> VenueStream:
    """The live stream that a section of the configuration asks for. Raises ConfigError."""
    return get_exchange_stream(
        section.exchange,
        section.currency_pairs,
        section.subscribe_channels,
        section.api_key,
        section.api_secret,
        section.api_auth_data,
        api_host=section.api_host,
        reconnect_times=section.reconnect_times,
        subscribe_args=section.subscribe_args,
    )
