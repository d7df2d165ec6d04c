"""The simulated exchange itself: two ports on loopback, websocket and REST, in one asyncio loop.

A frame goes only to the connections that are subscribed to its stream. Nothing is dropped: when a
client reads too slowly, playing waits for it, so that memory stays bounded at any speed. Sockets
hold megabytes, so a client with one connection a channel would see its channels minutes of market
time apart at full speed; pings, which a client answers in turn, keep them within a few hundred
frames of each other.
"""

from __future__ import annotations

import asyncio
import math
import socket
import time
from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec
import picows
import uvicorn

from millstream.errors import ConfigError
from millstream.model import CurrencyPair
from millstream.simulator.binance import streams as binance
from millstream.simulator.player import Schedule
from millstream.simulator.rest import QuietServer, rest_application
from millstream.simulator.websocket import MAX_REQUEST, SMALL_HEADERS, Connection, text_header
from millstream.stream.tape import TapeFrame

_BATCH = 256  # frames between two looks at the loop
_PROGRESS_NS = 200_000_000
_PING_S = 20


class Source(Protocol):
    """What can be played: a recording, or a generated market."""

    @property
    def first_ns(self) -> int:
        """When the first frame was received."""
        ...

    @property
    def last_ns(self) -> int:
        """When the last one was."""
        ...

    @property
    def streams(self) -> tuple[str, ...]:
        """Every stream there is, by the venue's names."""
        ...

    @property
    def pairs(self) -> tuple[CurrencyPair, ...]:
        """What is traded."""
        ...

    def frames(self) -> Iterator[TapeFrame]:
        """The frames in order, each with the name of its stream around it."""
        ...

    def snapshot(self, symbol: str, limit: int) -> bytes | None:
        """The book that fits the frames being played now; None: there is none."""
        ...


class Progress(msgspec.Struct, frozen=True):
    """How far playing has come."""

    progress: float  # 0 to 1, of market time
    frames: int  # played so far
    market_ns: int


class Played(msgspec.Struct, frozen=True):
    """What was played, when all of it is in the clients' sockets."""

    frames: dict[str, int]  # by stream: sent to at least one connection
    unsent: int  # frames of streams that nobody was subscribed to
    snapshots_served: int


class _Lane:
    """Where the frames of one stream go."""

    __slots__ = ("bare", "combined", "count")

    def __init__(self) -> None:
        self.count = 0
        self.combined: list[list[bytes]] = []  # the outboxes of connections
        self.bare: list[list[bytes]] = []


class ExchangeServer:
    """A simulated exchange; `start`, then `play` once, then `stop`.

    expect: playing begins when each of these streams is subscribed by some connection; when empty,
    at the first subscription. speed: 1.0 as recorded, math.inf as fast as the clients read.
    """

    def __init__(
        self,
        source: Source,
        *,
        speed: float = math.inf,
        expect: tuple[str, ...] = (),
        host: str = "127.0.0.1",
        port: int = 0,
        rest_port: int = 0,
    ) -> None:
        self.snapshots_served = 0
        self.market_ns = source.first_ns
        self._source = source
        self._speed = speed
        self._expect = expect
        self._host = host
        self._ports = (port, rest_port)
        self._connections: set[Connection] = set()
        self._lanes: dict[bytes, _Lane] = {}
        self._begin = asyncio.Event()
        self._unsent = 0
        self._ws: asyncio.Server | None = None
        self._rest: uvicorn.Server | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.ws_url = self.rest_url = ""

    async def start(self) -> None:
        """Open both ports; raises ConfigError when one is taken."""
        ws_socket = listen(self._host, self._ports[0], "--port")
        try:
            rest_socket = listen(self._host, self._ports[1], "--rest-port")
        except ConfigError:
            ws_socket.close()
            raise
        self._ws = await picows.ws_create_server(
            self._accept,
            sock=ws_socket,
            max_frame_size=MAX_REQUEST,
        )
        config = uvicorn.Config(
            rest_application(self), log_config=None, access_log=False, lifespan="off", ws="none"
        )
        self._rest = QuietServer(config)
        self._tasks = [
            asyncio.create_task(self._rest.serve(sockets=[rest_socket])),
            asyncio.create_task(self._keep_alive()),
        ]
        self.ws_url = f"ws://{self._host}:{ws_socket.getsockname()[1]}"
        self.rest_url = f"http://{self._host}:{rest_socket.getsockname()[1]}"

    async def play(self, on_progress: Callable[[Progress], None] | None = None) -> Played:
        """Wait for the subscriptions, then play everything; ends when it is in the sockets."""
        await self._begin.wait()
        clock = time.monotonic_ns
        now_ns = told_ns = clock()
        schedule = Schedule(self._speed, self._source.first_ns, now_ns)
        due_ns = schedule.due_ns
        waiting = played = 0
        frame_ns = self.market_ns
        for frame in self._source.frames():
            frame_ns = frame.ns
            due = due_ns(frame_ns)
            if due > now_ns:
                self.market_ns = frame_ns
                await self._flush()
                waiting = 0
                now_ns = clock()
                if due > now_ns:
                    await asyncio.sleep((due - now_ns) / 1e9)
                    now_ns = clock()
            self._route(frame.raw)
            played += 1
            waiting += 1
            if waiting >= _BATCH:
                self.market_ns = frame_ns
                await self._flush()
                for connection in list(self._connections):
                    await connection.keep_in_step()
                waiting = 0
                now_ns = clock()
            if on_progress and now_ns - told_ns >= _PROGRESS_NS:
                told_ns = now_ns
                on_progress(self._progress(played, frame_ns))
        self.market_ns = frame_ns
        await self._flush()
        while any(connection.unsent_bytes for connection in self._connections):
            await asyncio.sleep(0.005)
        if on_progress:
            on_progress(self._progress(played, frame_ns))
        counts = {name.decode(): lane.count for name, lane in self._lanes.items() if lane.count}
        return Played(counts, self._unsent, self.snapshots_served)

    async def stop(self) -> None:
        """Close both ports and every connection."""
        for connection in list(self._connections):
            connection.leave()
        if self._ws is not None:
            self._ws.close()
        if self._rest is not None:
            self._rest.should_exit = self._rest.force_exit = True
            serving, pinging = self._tasks
            pinging.cancel()
            await serving

    # ---- playing --------------------------------------------------------------------------------

    def _route(self, raw: bytes) -> None:
        stream = raw[11 : raw.index(b'"', 11)]
        lane = self._lanes.get(stream)
        if lane is None or not (lane.combined or lane.bare):
            self._unsent += 1
            return
        lane.count += 1
        if lane.combined:
            size = len(raw)
            small = size < len(SMALL_HEADERS)
            header = SMALL_HEADERS[size] if small else text_header(size)
            for outbox in lane.combined:
                outbox += (header, raw)
        if lane.bare:
            bare = binance.unwrapped(raw, stream)
            header = text_header(len(bare))
            for outbox in lane.bare:
                outbox += (header, bare)

    async def _flush(self) -> None:
        """Hand over what is waiting, let others have a turn, wait for those who lag."""
        for connection in list(self._connections):
            connection.flush()
        await asyncio.sleep(0)
        for connection in list(self._connections):
            await connection.writable.wait()

    def _progress(self, played: int, market_ns: int) -> Progress:
        first_ns = self._source.first_ns
        length = max(1, self._source.last_ns - first_ns)
        share = min(1.0, max(0.0, (market_ns - first_ns) / length))
        return Progress(round(share, 4), played, market_ns)

    # ---- connections ----------------------------------------------------------------------------

    async def _keep_alive(self) -> None:
        """Ping everybody, and end the connections that leave their pings unanswered."""
        while True:
            await asyncio.sleep(_PING_S)
            for connection in list(self._connections):
                connection.ping(time.monotonic_ns())

    def _accept(self, request: picows.WSUpgradeRequest) -> Connection | None:
        try:
            session = binance.Session(request.path.decode("utf-8", "replace"))
        except ValueError:
            return None  # answered with 404
        return Connection(session, self)

    def joined(self, connection: Connection) -> None:
        """A connection is open."""
        self._connections.add(connection)
        self.subscriptions_changed()

    def left(self, connection: Connection) -> None:
        """A connection is closed."""
        self._connections.discard(connection)
        self.subscriptions_changed()

    def subscriptions_changed(self) -> None:
        """Somebody subscribed or unsubscribed: find anew where each stream goes."""
        for lane in self._lanes.values():
            lane.combined, lane.bare = [], []
        for connection in self._connections:
            session = connection.session
            for name in session.streams:
                lane = self._lanes.setdefault(name.encode("utf-8", "replace"), _Lane())
                (lane.combined if session.combined else lane.bare).append(connection.outbox)
        live = {name for name, lane in self._lanes.items() if lane.combined or lane.bare}
        if live and live.issuperset(name.encode() for name in self._expect):
            self._begin.set()

    # ---- REST -----------------------------------------------------------------------------------

    def depth(self, symbol: str, limit: int) -> tuple[int, bytes]:
        """(HTTP status, body) of a request for a book."""
        known = {pair.base + pair.quote for pair in self._source.pairs}
        if symbol not in known:
            return 400, b'{"code":-1121,"msg":"Invalid symbol."}'
        book = self._source.snapshot(symbol, limit)
        if book is None:
            return 404, b'{"code":-1000,"msg":"The tape holds no book of this symbol."}'
        self.snapshots_served += 1
        return 200, book

    def exchange_info(self) -> bytes:
        """What is traded."""
        return binance.exchange_info(self._source.pairs, self.market_ns // 1_000_000)


def listen(host: str, port: int, option: str) -> socket.socket:
    """A listening socket; raises ConfigError, which names the option, when there can be none."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"port {port} on {host} cannot be opened ({reason}); "
            f"choose another with {option}, or 0 for a free one"
        ) from error
    listener.setblocking(False)
    return listener
