"""A small venue on 127.0.0.1 for tests: a real websocket server, and a real REST server."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import picows

TEXT = picows.WSMsgType.TEXT


class Client(picows.WSListener):
    """One connection, seen from the venue."""

    def __init__(self, venue: Venue, path: str) -> None:
        self.venue, self.path = venue, path
        self.received: list[Any] = []
        self.transport: Any = None
        self.close_code: int | None = None

    def on_ws_connected(self, transport):
        self.transport = transport
        self.venue.clients.append(self)

    def on_ws_frame(self, transport, frame):
        if frame.msg_type == picows.WSMsgType.CLOSE:
            self.close_code = int(frame.get_close_code())
            if not transport.is_close_frame_sent:
                transport.send_close(frame.get_close_code())
            transport.disconnect()
        elif frame.msg_type == TEXT:
            text = frame.get_payload_as_bytes()
            try:
                message = json.loads(text)
            except ValueError:
                message = text.decode()
            self.received.append(message)
            self.venue.on_message(self, message)

    def on_ws_disconnected(self, transport):
        self.venue.gone.append(self)

    def send(self, *frames: bytes) -> None:
        for frame in frames:
            self.transport.send(TEXT, frame)


class Venue:
    """What the server saw, and what it does with each message."""

    def __init__(self, on_message: Callable[[Client, Any], None] | None = None) -> None:
        self.clients: list[Client] = []
        self.gone: list[Client] = []
        self.on_message = on_message or (lambda client, message: None)
        self.url = ""


@asynccontextmanager
async def venue(on_message: Callable[[Client, Any], None] | None = None) -> AsyncIterator[Venue]:
    """A websocket server on a free port; `on_message(client, message)` answers."""
    made = Venue(on_message)
    server = await picows.ws_create_server(
        lambda request: Client(made, request.path.decode()), "127.0.0.1", 0, max_frame_size=1 << 27
    )
    made.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
        for client in made.clients:
            client.transport.disconnect(False)
        await server.wait_closed()


@contextmanager
def rest(answers: Callable[[str], tuple[int, bytes]]) -> Iterator[str]:
    """A REST server on a free port: `answers(path)` gives status and body."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, body = answers(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def until(condition: Callable[[], object], timeout_s: float = 60.0) -> None:
    """Wait until the condition holds; a test that waits in vain fails here."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)


def drain(queue: asyncio.Queue[Any]) -> list[Any]:
    """Everything in a queue, at once."""
    return [queue.get_nowait() for _ in range(queue.qsize())]
