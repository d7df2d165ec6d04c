"""HTTP/1.1 on loopback for a venue's REST: h11 reads it, a venue's front answers it.

A server of our own, since a simulated fault must be able to drop a connection without an answer,
after the request was carried out: a web framework answers always.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import h11

from millstream.simulator.front import HttpAnswer, HttpRequest

MOST_BODY = 1_000_000  # bytes

# None: drop the connection
Answering: TypeAlias = Callable[[HttpRequest], Awaitable[HttpAnswer | None]]


class HttpServer:
    """Serves one listening socket; `start`, then `stop`."""

    def __init__(self, listener: socket.socket, answer: Answering) -> None:
        self._listener, self._answer = listener, answer
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Accept clients."""
        self._server = await asyncio.start_server(self._client, sock=self._listener)

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            # The client went away, or spoke no HTTP; or we are stopping. Nothing is left to do.
            with contextlib.suppress(OSError, h11.RemoteProtocolError, asyncio.CancelledError):
                await self._serve(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        while True:
            request = await _read(connection, reader, writer)
            if request is None:
                return
            answer = await self._answer(request)
            if answer is None:
                writer.transport.abort()
                return
            headers = {"content-type": "application/json", **answer.headers}
            headers["content-length"] = str(len(answer.body))
            data = connection.send(
                h11.Response(status_code=answer.status, headers=list(headers.items()))
            )
            data = (data or b"") + (connection.send(h11.Data(data=answer.body)) or b"")
            writer.write(data + (connection.send(h11.EndOfMessage()) or b""))
            await writer.drain()
            if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                return
            connection.start_next_cycle()


async def _read(
    connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> HttpRequest | None:
    """The next request; None when the client is done."""
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            if connection.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                writer.write(connection.send(go_on) or b"")
            connection.receive_data(await reader.read(65_536))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MOST_BODY:
                return None
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            path, _, query = head.target.decode("ascii", "replace").partition("?")
            headers = {
                name.decode("ascii"): value.decode("latin-1") for name, value in head.headers
            }
            return HttpRequest(head.method.decode("ascii"), path, query, headers, bytes(body))
        else:
            return None
