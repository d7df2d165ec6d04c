"""A producer's address: the websocket that followers connect to, and the REST calls beside it.

One event loop runs it. A connection is refused before it is accepted, as freqtrade does: HTTP 403.
Compression is never agreed upon: it costs 8 ms a frame, and a small message could become a big one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import secrets
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from millstream.errors import BadMessage, ConfigError, StreamError
from millstream.frames import fast_wire, freqtrade_wire
from millstream.frames.producer import Follower, FollowerFigures, Producer, TooSlow
from millstream.frames.rest import Rest
from millstream.frames.settings import MIB, ApiServerSection
from millstream.frames.tokens import REFUSED, WAIT, Gate
from millstream.frames.turns import Turns
from millstream.model.frames import PublishFrame, PublishWhitelist

STUCK_S: Final = 30.0  # a follower that takes nothing for as long is left
POLICY, TRY_AGAIN, RESTART = 1008, 1013, 1012  # websocket close codes
MOST_FOLLOWERS: Final = 1_000
_log = logging.getLogger(__name__)
_TOKEN: Final = re.compile(r"(token=)[^&\s\"']+")
_A_REFUSAL: Final = "ASGI callable returned without completing handshake"  # uvicorn, of each one
_LOGGERS: Final = ("uvicorn.error", "uvicorn.access", "uvicorn.asgi", "websockets.server")


class _HideTokens(logging.Filter):
    """No line of these loggers says a token, and none calls a refusal an error."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Lines pass without what is secret in them."""
        text = record.getMessage()
        if text.startswith(_A_REFUSAL):
            return False
        if "token=" in text or "uthorization" in text:
            hidden = _TOKEN.sub(r"\1…", text)
            record.msg = re.sub(r"(?i)(authorization:).*", r"\1 …", hidden)
            record.args = ()
        return True


class _Server(uvicorn.Server):
    """uvicorn inside a loop that is not its own: signals are its owner's business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing is captured."""
        yield


class FrameServer:
    """Serves a producer's frames at one address.

    strategy: its name, for REST. config: the bot's configuration without its secrets, for REST.
    """

    def __init__(
        self,
        section: ApiServerSection,
        *,
        strategy: str = "",
        timeframe: str = "5m",
        candle_type: str = "spot",
        version: str = "",
        config: Mapping[str, Any] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.producer = Producer(secrets.token_hex(8), default_key=(timeframe, candle_type))
        self._section, self._now = section, now
        gate = Gate(section, section.jwt_secret_key or secrets.token_urlsafe(48))
        self._gate, self._turns = gate, Turns()
        self._rest = Rest(self.producer, gate, strategy, timeframe, version, config or {}, now)
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._hide = _HideTokens()
        self.port = 0

    async def start(self) -> None:
        """Listen; raises StreamError when the address is taken, ConfigError for TLS files."""
        section = self._section
        self._loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in section.listen_ip_address else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((section.listen_ip_address, section.listen_port))
        except OSError as error:
            listener.close()
            raise StreamError(
                f"api_server: cannot listen on {section.listen_ip_address}:{section.listen_port}: "
                f"{error.strerror}."
            ) from None
        self.port = listener.getsockname()[1]
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(self._hide)
        config = uvicorn.Config(
            self._application(),
            log_config=None,
            access_log=section.verbosity == "info",
            ws="websockets-sansio",
            ws_max_size=section.message_size_limit * MIB,
            ws_per_message_deflate=False,
            ws_ping_interval=20.0,
            ws_ping_timeout=STUCK_S,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=1,
            h11_max_incomplete_event_size=65_536,
            ssl_certfile=section.certificate_file or None,
            ssl_keyfile=section.key_file or None,
        )
        try:
            config.load()
        except (OSError, ssl.SSLError) as error:
            listener.close()
            raise ConfigError(
                f"api_server: certificate_file and key_file cannot be used: {error}"
            ) from None
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]))
        while not self._server.started:
            if self._task.done():
                raise StreamError("api_server: it ended before it listened.")
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Say goodbye to everyone and listen no more."""
        if self._server is None or self._task is None:
            return
        self._server.should_exit = True
        await self._task
        self._server = self._task = None
        for name in _LOGGERS:
            logging.getLogger(name).removeFilter(self._hide)

    def publish(self, message: PublishFrame | PublishWhitelist) -> None:
        """Give a frame or the pairs to every follower. On the loop's thread."""
        try:
            self.producer.publish(message)
        except BadMessage as error:
            _log.error("a frame was not published: %s", error)

    def figures(self) -> list[FollowerFigures]:
        """Every connection as it stands."""
        return [follower.figures for follower in self.producer.followers]

    # ---- connections ----------------------------------------------------------------------------

    def _application(self) -> Starlette:
        return Starlette(
            routes=[*self._rest.routes(), WebSocketRoute(freqtrade_wire.PATH, self._connection)],
            middleware=[
                Middleware(
                    CORSMiddleware,
                    allow_origins=self._section.CORS_origins,
                    allow_credentials=True,
                    allow_methods=["*"],
                    allow_headers=["*"],
                )
            ],
        )

    def _may_enter(self, websocket: WebSocket) -> int:
        """The HTTP status of a visitor: 200, 403, or 429."""
        address = websocket.client.host if websocket.client else ""
        shown = websocket.query_params.get("token", "")
        authorization = websocket.headers.get("authorization", "")
        if not shown and authorization.lower().startswith("bearer "):
            shown = authorization[7:].strip()
        # Whatever logs this connection later shall have no token to log.
        websocket.scope["query_string"] = b""
        origin = websocket.headers.get("origin")
        if origin is not None and origin not in self._section.CORS_origins:
            _log.warning("a page of %r was refused: it is not in api_server.CORS_origins", origin)
            return 403
        admitted = self._gate.admit(shown, address, self._now())
        if admitted in (REFUSED, WAIT):
            return 403 if admitted == REFUSED else 429
        return 200 if len(self.producer.followers) < MOST_FOLLOWERS else 503

    async def _connection(self, websocket: WebSocket) -> None:
        status = self._may_enter(websocket)
        if status != 200:
            await websocket.send_denial_response(Response(status_code=status))
            return
        fast = fast_wire.SUBPROTOCOL in websocket.scope.get("subprotocols", [])
        await websocket.accept(subprotocol=fast_wire.SUBPROTOCOL if fast else None)
        address = websocket.client.host if websocket.client else ""
        port = websocket.client.port if websocket.client else 0
        ready = asyncio.Event()
        follower = self.producer.join(f"{address}:{port}", fast, ready.set)
        sender = asyncio.create_task(self._send(websocket, follower, ready))
        receiver = asyncio.create_task(self._receive(websocket, follower))
        try:
            await asyncio.wait([sender, receiver], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.producer.leave(follower)
            for task in (sender, receiver):
                task.cancel()
            await asyncio.gather(sender, receiver, return_exceptions=True)

    async def _receive(self, websocket: WebSocket, follower: Follower) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                message = await websocket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                text = message.get("text")
                try:
                    follower.receive(message["bytes"] if text is None else text)
                except BadMessage as error:
                    _log.info("%s was left: %s", follower.figures.name, error)
                    await websocket.close(1000)
                    return
                except TooSlow as error:
                    _log.warning("%s", error)
                    await websocket.close(TRY_AGAIN)
                    return

    async def _send(self, websocket: WebSocket, follower: Follower, ready: asyncio.Event) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                await ready.wait()
                ready.clear()
                while follower.has_more:
                    await self._turns.mine()
                    message = follower.take()
                    try:
                        async with asyncio.timeout(STUCK_S):
                            await _send_one(websocket, message)
                    except TimeoutError:
                        _log.warning("%s took nothing for %g s", follower.figures.name, STUCK_S)
                        return


async def _send_one(websocket: WebSocket, message: str | bytes) -> None:
    if isinstance(message, str):
        await websocket.send({"type": "websocket.send", "text": message})
    else:
        await websocket.send({"type": "websocket.send", "bytes": message})
