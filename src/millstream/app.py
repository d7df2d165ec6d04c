"""Introductions: the rooms of a live session, and who is handed to whom.

exchange streams ─> publisher ─┬─> robo endpoint ───> robo_loop ─> journal, robots
 (data thread)                 │                        │    (robots thread)
                               └─> orders endpoint <─ wishes
                                      │
                        desk, risk, gateway, order store
                              (orders thread)
                                      │
robo endpoint <── trade_stream <── changes
                (trades thread)
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep, time_ns

from millstream.bus import Bus, EventPublisher, Inbox
from millstream.config import Config, StreamSection
from millstream.errors import ConfigError, MillstreamError
from millstream.exchange import get_exchange_stream
from millstream.exchange.live import VenueStream
from millstream.journal import JournalWriter
from millstream.model import Control, SessionEnd
from millstream.model.codec import encode_events
from millstream.orders.desk import OrderDesk
from millstream.orders.gateway import Gateway
from millstream.orders.paper import PaperSettings, PaperVenue
from millstream.orders.risk import RiskBook, RiskLimits
from millstream.orders.service import orders_loop
from millstream.orders.sqlite import SqliteStore
from millstream.orders.store import OrderStore, watch
from millstream.proof import JOURNAL
from millstream.robot import control_stream, data_stream, robo_loop, trade_stream
from millstream.roster import describe, seat_robots

log = logging.getLogger(__name__)

PATIENCE_S = 10.0  # how long each part may take to end in good order


class Session:
    """A live session: `start` it, look at it, `stop` it.

    directory: a new folder for the journal and the order store.
    paced: a local feed is paused when the robots are behind, instead of being conflated.
    Raises ConfigError, JournalError or StoreError: one sentence, and nothing is left running.
    """

    def __init__(self, config: Config, directory: Path, *, paced: bool = False) -> None:
        self.directory = directory
        self.manifest = describe(config)
        self.robots = seat_robots(self.manifest)
        self.streams = [make_stream(section) for section in config.streams]
        self.journal = JournalWriter(
            directory / JOURNAL,
            self.manifest,
            config.journal.segment_mib * 2**20,
            config.journal.compress,
        )
        self.store = open_store(config.order_store, directory)
        self.bus = Bus()

        robo = self.bus.receiver(config.bus.robo)
        market = self.bus.receiver(config.bus.market)
        wishes = self.bus.receiver(config.bus.wishes)
        control = self.bus.receiver(config.bus.control)
        self._control_endpoint, self._robo_endpoint = control.endpoint, robo.endpoint
        self.publisher = EventPublisher(
            [self.bus.sender(robo.endpoint), self.bus.sender(market.endpoint)],
            time_ns,
            self._pause_reading if paced else None,
            self._resume_reading if paced else None,
        )
        for stream in self.streams:
            stream.bind_observer(self.publisher)
        venue = PaperVenue(
            PaperSettings(
                maker_fee_bps=config.paper.maker_fee_bps,
                taker_fee_bps=config.paper.taker_fee_bps,
                latency_ns=config.paper.latency_ms * 1_000_000,
            )
        )
        limits = RiskLimits(
            max_orders_per_second=config.risk.max_orders_per_second,
            max_open_orders=config.risk.max_open_orders,
            max_order_notional=config.risk.max_order_notional,
            max_position_notional=config.risk.max_position_notional,
        )
        changes = watch(self.store, self.store.revision, None, self._trades_told)

        self._ended = threading.Event()  # no more wishes come, so the orders thread may end
        self._all_told = threading.Event()
        self._data = _DataThread(self.streams, self.publisher)
        self._robots = _Part(
            "robots", robo_loop, robo, self.robots, self.journal,
            self.bus.sender(wishes.endpoint), time_ns,
        )  # fmt: skip
        self._orders = _Part(
            "orders", orders_loop, Inbox({"events": market, "wishes": wishes}), self.store,
            OrderDesk(self.store, RiskBook(limits)), Gateway(self.store, venue), self.journal.sync,
            time_ns, self._ended.is_set,
        )  # fmt: skip
        self._trades = _Part("trades", trade_stream, changes, self.bus.sender(robo.endpoint))
        self._control = _Part(
            "control", control_stream, control, self.bus.sender(robo.endpoint), self._ended.is_set
        )
        self._parts = (self._robots, self._orders, self._trades, self._control, self._data)

    # ---- life -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Start every thread: first who listens, then who speaks."""
        for part in self._parts:
            part.start()

    def failure(self) -> str:
        """What made a part end before its time; "" while all is well."""
        return next((f"{part.name}: {part.error}" for part in self._parts if part.error), "")

    def command(self, command: str, robot: str = "", *, who: str, why: str) -> None:
        """Give a robot a command, or all of them: pause, resume, stop, start, or its own word."""
        sender = self.bus.sender(self._control_endpoint)
        sender.send(encode_events([Control(time_ns(), robot, command, {}, who, why)]))
        sender.close()

    def stop(self, reason: str) -> None:
        """End in good order: the feed, the robots, the orders, the journal.

        Each is given ten seconds. The order store stays readable until `close`.
        """
        self._data.stop()
        self.command("stop", who="millstream", why=reason)
        self._wait_for(lambda: all(s.standing in ("stopped", "failed") for s in self.robots.seats))
        self._ended.set()
        self._orders.join(PATIENCE_S)
        self._control.join(PATIENCE_S)
        self._all_told.set()
        self._trades.join(PATIENCE_S)
        self.bus.sender(self._robo_endpoint).send(encode_events([SessionEnd(time_ns(), reason)]))
        self._robots.join(PATIENCE_S)
        if not self._robots.is_alive():
            self.journal.close(reason)

    def close(self) -> None:
        """Close the order store and the bus."""
        self.store.close()
        self.bus.close()

    # ---- wiring ---------------------------------------------------------------------------------

    def _trades_told(self) -> bool:
        return self._all_told.is_set()

    def _pause_reading(self) -> None:
        for stream in self.streams:
            stream.pause_reading()

    def _resume_reading(self) -> None:
        for stream in self.streams:
            stream.resume_reading()

    def _wait_for(self, condition: Callable[[], bool]) -> None:
        deadline = monotonic() + PATIENCE_S
        while not condition() and monotonic() < deadline and not self.failure():
            sleep(0.005)


def make_stream(section: StreamSection) -> VenueStream:
    """The live stream that a section of the configuration asks for. Raises ConfigError."""
    return get_exchange_stream(
        section.exchange,
        section.currency_pairs,
        section.subscribe_channels,
        section.api_key,
        section.api_secret,
        api_host=section.api_host,
        reconnect_times=section.reconnect_times,
        subscribe_args=section.subscribe_args,
    )


def open_store(address: str, directory: Path) -> OrderStore:
    """The order store at an address; a relative file lies in the session's folder."""
    kind, _, place = address.partition(":")
    if kind != "sqlite" or not place:
        raise ConfigError(f'order_store: "{address}" is not "sqlite:FILE"')
    return SqliteStore(directory / place)


class _Part(threading.Thread):
    """A part of the session with a thread of its own; it keeps what made it fail."""

    def __init__(self, name: str, work: Callable[..., object], *given: object) -> None:
        super().__init__(name=name, daemon=True)
        self.error = ""
        self._work = work
        self._given = given

    def run(self) -> None:
        try:
            self._work(*self._given)
        except MillstreamError as error:
            self.error = str(error)
        except Exception as error:
            self.error = f"{type(error).__name__}: {error}"
            log.exception("the %s thread failed", self.name)


class _DataThread(_Part):
    """The thread of all sockets: an event loop that runs the streams until told to stop."""

    def __init__(self, streams: list[VenueStream], publisher: EventPublisher) -> None:
        super().__init__("data", asyncio.run)
        self._streams = streams
        self._publisher = publisher
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None
        self._up = threading.Event()

    def run(self) -> None:
        self._given = (self._serve(),)
        super().run()
        self._up.set()

    def stop(self) -> None:
        """Close every connection and wait for the thread to end."""
        self._up.wait(PATIENCE_S)
        if self._loop is not None and self._end is not None and self.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
        self.join(PATIENCE_S)

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self._up.set()
        try:
            await data_stream(self._streams, self._end)
        finally:
            deadline = monotonic() + PATIENCE_S
            while self._publisher.waiting and monotonic() < deadline:
                await asyncio.sleep(0.005)
