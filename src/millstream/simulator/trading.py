"""A venue that trades, on loopback: a market comes in, clients' orders meet it, all are told of it.

Two ports: REST and websocket. On the REST port `/_truth` answers with every order, fill and
balance, whatever faults there are; a POST to `/_faults` sets new ones, one to `/_drop` cuts all
websockets.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import picows

from millstream.errors import ConfigError, TapeError
from millstream.simulator.client_socket import ClientSocket
from millstream.simulator.crowd import Crowd
from millstream.simulator.faults import FaultPlan, RequestFault, parse_faults
from millstream.simulator.front import Front, HttpAnswer, HttpRequest
from millstream.simulator.http_server import HttpServer
from millstream.simulator.server import Progress, Source, listen
from millstream.simulator.truth import truth
from millstream.simulator.venue import Venue
from millstream.simulator.websocket import MAX_REQUEST
from millstream.stream.tape import TapeFrame

_STEP_S = 0.02  # the market moves in steps of this
_PING_S = 20.0
_log = logging.getLogger(__name__)
_AT_ONCE = 500  # frames of the market in one step; more wait for the next


class TradingServer:
    """One venue; `start`, then `stop`. speed: of the market, times real time."""

    def __init__(
        self,
        venue: Venue,
        front: Front,
        source: Source,
        plan: FaultPlan,
        *,
        speed: float = 1.0,
        host: str = "127.0.0.1",
        rest_port: int = 0,
        ws_port: int = 0,
    ) -> None:
        self.venue, self.front, self.plan = venue, front, plan
        self.rest_url = self.ws_url = ""
        self.ended = asyncio.Event()  # the market has nothing more to say
        self.market_ns = source.first_ns  # how far the market has come, by its own dates
        self.frames = 0  # of the market so far
        self._source, self._speed = source, speed
        self._crowd = Crowd(venue, source.streams)
        self._host, self._ports = host, (rest_port, ws_port)
        self._clients: set[ClientSocket] = set()
        self._ws: asyncio.Server | None = None
        self._rest: HttpServer | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def progress(self) -> Progress:
        """How far the market has come."""
        first_ns, last_ns = self._source.first_ns, self._source.last_ns
        share = min(1.0, (self.market_ns - first_ns) / max(1, last_ns - first_ns))
        return Progress(round(share, 4), self.frames, self.market_ns)

    @property
    def now_ns(self) -> int:
        """The venue's clock."""
        return time.time_ns() + self.plan.faults.clock_skew_ms * 1_000_000

    async def start(self) -> None:
        """Open both ports and let the market begin; raises ConfigError when one is taken."""
        rest_socket = listen(self._host, self._ports[0], "--port")
        try:
            ws_socket = listen(self._host, self._ports[1], "--port")
        except ConfigError:
            rest_socket.close()
            raise
        self._open_books()
        self._rest = HttpServer(rest_socket, self._answer)
        await self._rest.start()
        self._ws = await picows.ws_create_server(
            self._accept, sock=ws_socket, max_frame_size=MAX_REQUEST, enable_auto_pong=False
        )
        self.rest_url, self.ws_url = _url("http", rest_socket), _url("ws", ws_socket)
        self._tasks = [
            asyncio.create_task(self._live(), name="market"),
            asyncio.create_task(self._keep_alive(), name="pings"),
        ]
        for task in self._tasks:
            task.add_done_callback(_tell_failure)

    async def stop(self) -> None:
        """Close both ports and every connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for client in list(self._clients):
            client.leave()
        if self._ws is not None:
            self._ws.close()
        if self._rest is not None:
            await self._rest.stop()
        await asyncio.sleep(0.01)  # sockets close in the loop's next turns

    def drop_clients(self) -> None:
        """Cut every websocket, as a venue's restart does."""
        for client in list(self._clients):
            client.drop()

    # ---- the market -----------------------------------------------------------------------------

    def _open_books(self) -> None:
        now_ns = self.now_ns
        for pair in self.venue.pairs:
            raw = self._source.snapshot(pair.base + pair.quote, 5_000)
            if raw is not None:
                self._crowd.snapshot(pair, raw, now_ns)
        self.front.tell(now_ns)

    async def _live(self) -> None:
        """Play the market in small steps; without end the books stay as they are."""
        frames = self._source.frames()
        first_ns, started_ns = self._source.first_ns, time.monotonic_ns()
        waiting: TapeFrame | None = None
        while True:
            until_ns = first_ns + int((time.monotonic_ns() - started_ns) * self._speed)
            now_ns = self.now_ns
            late = False
            if not self.ended.is_set():
                waiting = self._step(frames, waiting, until_ns, now_ns)
                late = waiting is None and not self.ended.is_set()
            self._tell(now_ns)
            await asyncio.sleep(0 if late else _STEP_S)

    def _step(
        self, frames: Iterator[TapeFrame], waiting: TapeFrame | None, until_ns: int, now_ns: int
    ) -> TapeFrame | None:
        """What is due; gives the first frame that is not, None when there is more to do."""
        for _ in range(_AT_ONCE):
            frame = waiting or next(frames, None)
            waiting = None
            if frame is None:
                self.ended.set()
                return None
            if frame.ns > until_ns:
                return frame
            self.market_ns = frame.ns
            self.frames += 1
            with contextlib.suppress(TapeError):  # one frame of a tape that cannot be read
                self._crowd.frame(frame.raw, now_ns)
        return None

    def _tell(self, now_ns: int) -> None:
        self.front.tell(now_ns)
        for client in list(self._clients):
            client.flush()

    # ---- REST -----------------------------------------------------------------------------------

    async def _answer(self, request: HttpRequest) -> HttpAnswer | None:
        if request.path.startswith("/_"):
            return self._control(request)
        front, now_ns = self.front, self.now_ns
        fault = self.plan.request() if front.changes_orders(request) else RequestFault.NONE
        if fault is RequestFault.REJECT:
            return front.fault(fault)
        answer = front.request(request, now_ns)
        self._tell(now_ns)
        if fault is RequestFault.SLOW:
            await asyncio.sleep(self.plan.faults.slow_s)
        if fault is RequestFault.LOST:
            return None
        return front.fault(fault) if fault is RequestFault.ERROR_AFTER else answer

    def _control(self, request: HttpRequest) -> HttpAnswer:
        if request.path == "/_truth":
            return HttpAnswer(200, msgspec.json.encode(truth(self.venue)))
        if request.path == "/_faults" and request.method == "POST":
            try:
                self.plan.set(parse_faults(request.body.decode("utf-8", "replace")))
            except ConfigError as error:
                return _json(400, {"error": str(error)})
            return _json(200, msgspec.structs.asdict(self.plan.faults))
        if request.path == "/_faults":
            return _json(200, msgspec.structs.asdict(self.plan.faults))
        if request.path == "/_drop" and request.method == "POST":
            self.drop_clients()
            return _json(200, {})
        return _json(404, {"error": "there is /_truth, /_faults and /_drop"})

    # ---- websockets -----------------------------------------------------------------------------

    def _accept(self, request: picows.WSUpgradeRequest) -> ClientSocket | None:
        try:
            session = self.front.open(request.path.decode("utf-8", "replace"), self.now_ns)
        except ValueError:
            return None  # answered with 404
        return ClientSocket(session, self)

    def joined(self, client: ClientSocket) -> None:
        """A client is in."""
        self._clients.add(client)
        client.flush()

    def left(self, client: ClientSocket) -> None:
        """It is gone."""
        self._clients.discard(client)
        self.front.close(client.session)

    def heard(self, client: ClientSocket, text: bytes) -> None:
        """It said something: answer, with a fault if there is one for it."""
        session, now_ns = client.session, self.now_ns
        fault = self.plan.request() if session.changes_orders(text) else RequestFault.NONE
        if fault is RequestFault.REJECT:
            session.answer_fault(text, fault)
            client.flush()
            return
        waiting, session.outbox = session.outbox, []
        session.receive(text, now_ns)
        answers, session.outbox = session.outbox, waiting
        if fault is RequestFault.LOST:
            self._tell(now_ns)
            client.drop()
        elif fault is RequestFault.SLOW:
            task = asyncio.create_task(self._answer_later(client, answers))
            client.tasks.add(task)
            task.add_done_callback(client.tasks.discard)
            self._tell(now_ns)
        elif fault is RequestFault.ERROR_AFTER:
            session.answer_fault(text, fault)
            self._tell(now_ns)
        else:
            session.outbox += answers
            self._tell(now_ns)

    async def _answer_later(self, client: ClientSocket, answers: list[bytes]) -> None:
        await asyncio.sleep(self.plan.faults.slow_s)
        client.session.outbox += answers
        client.flush()

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(_PING_S)
            for client in list(self._clients):
                client.ping()


def _tell_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("the simulator's %s stopped", task.get_name(), exc_info=error)


def _url(scheme: str, listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"{scheme}://{host}:{port}"


def _json(status: int, body: dict[str, Any]) -> HttpAnswer:
    return HttpAnswer(status, msgspec.json.encode(body))
