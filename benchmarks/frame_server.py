"""A websocket server on 127.0.0.1 that only sends: the same for us and for our rivals.

    python -m benchmarks.frame_server FILE     # frames, one a line; prints its port

`/flood/N/...`  N frames, as fast as the client reads, in one stream of bytes made beforehand.
`/pulse/N/...`  N ticker frames, one each 5 ms; its ask volume "A" is the time it was sent at, in
                microseconds since 1970.
Both begin at the client's first message, and acknowledge it as Binance does.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import sys
import time
from collections.abc import Iterable
from functools import lru_cache
from itertools import cycle, islice
from pathlib import Path

PULSE_S = 0.005
CHUNK_BYTES = 64 * 1024
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_VOLUME = re.compile(rb'"A":"[^"]*"')


def message(payload: bytes) -> bytes:
    """A whole text frame, unmasked."""
    size = len(payload)
    header = bytes((0x81, size)) if size < 126 else b"\x81\x7e" + size.to_bytes(2, "big")
    return header + payload


class FrameServer:
    """Sends frames to whoever connects."""

    def __init__(self, frames: list[bytes]) -> None:
        self._frames = frames
        self.flood = lru_cache(maxsize=4)(self._flood)

    def _flood(self, count: int) -> bytes:
        return b"".join(map(message, islice(cycle(self._frames), count)))

    async def serve(self) -> None:
        """Until standard input closes."""
        server = await asyncio.start_server(self.client, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.read)
        server.close()

    async def client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client, from its handshake to its goodbye."""
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            _, way, count, *_ = request.split(b" ")[1].decode().split("/")
            key = re.search(rb"(?i)sec-websocket-key: *(\S+)", request)
            accept = base64.b64encode(hashlib.sha1((key or [b""] * 2)[1] + _GUID).digest())
            writer.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
            )
            flood = self.flood(int(count)) if way == "flood" else b""
            await reader.read(4096)
            writer.write(message(b'{"result":null,"id":1000}'))
            if flood:
                for start in range(0, len(flood), CHUNK_BYTES):
                    writer.write(flood[start : start + CHUNK_BYTES])
                    await writer.drain()
            else:
                await self._pulse(islice(cycle(self._frames), int(count)), writer)
            await reader.read(4096)  # the client's goodbye
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _pulse(self, frames: Iterable[bytes], writer: asyncio.StreamWriter) -> None:
        for frame in frames:
            await asyncio.sleep(PULSE_S)
            head, _, tail = _VOLUME.sub(b'"A":"\0"', frame).partition(b"\0")
            sent_us = b"%.1f" % (time.time_ns() / 1e3)
            writer.write(message(head + sent_us + tail))


if __name__ == "__main__":
    asyncio.run(FrameServer(Path(sys.argv[1]).read_bytes().splitlines()).serve())
