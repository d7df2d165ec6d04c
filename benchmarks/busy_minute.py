"""The busiest minute of the recorded USD-M market, and a server that plays it on loopback.

    python -m benchmarks.busy_minute pace|flood     # prints its port and the number of frames

Websocket: each connection subscribes to one channel's stream; when three have, each gets its frames
at the recorded pace or as fast as it reads. REST: the book as it was when the minute began.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import re
import sys
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable

import msgspec

from benchmarks.frame_server import message
from benchmarks.measure import ROOT

RECORDING = ROOT.parent / "shared/data/exchanges/binance_usdm/hftbacktest_usdm_btcusdt_20240808.gz"
MINUTE_NS, SECOND_NS = 60_000_000_000, 1_000_000_000
STREAMS = (b"@bookTicker", b"@trade", b"@depth")
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Minute(msgspec.Struct):
    """Frames with the times they were recorded at, and the book before them."""

    frames: list[tuple[int, bytes]]
    snapshot: bytes

    @property
    def peak(self) -> int:
        """The most frames in one second."""
        return max(Counter(at_ns // SECOND_NS for at_ns, _ in self.frames).values())


def busiest() -> Minute:
    """The minute with the busiest second in its middle, but not the recording's first seconds."""
    with gzip.open(RECORDING) as lines:
        tape = [(int(at), raw) for at, raw in (line.rstrip().split(b" ", 1) for line in lines)]
    seconds = Counter(at_ns // SECOND_NS for at_ns, _ in tape)
    peak_ns = max(seconds, key=seconds.__getitem__) * SECOND_NS
    times = [at_ns for at_ns, _ in tape]
    begin = bisect_left(times, max(peak_ns - MINUTE_NS // 2, times[0] + 5 * SECOND_NS))
    end = bisect_left(times, times[begin] + MINUTE_NS)
    return Minute(tape[begin:end], snapshot(raw for _, raw in tape[:begin]))


def snapshot(frames: Iterable[bytes]) -> bytes:
    """What REST would say after these frames."""
    sides: dict[str, dict[str, str]] = {"b": {}, "a": {}}
    last = 0
    for raw in frames:
        if b'"lastUpdateId"' in raw[:40]:
            told = msgspec.json.decode(raw)
            sides = {"b": dict(told["bids"]), "a": dict(told["asks"])}
            last = told["lastUpdateId"]
        elif b"@depth" in raw[:40]:
            told = msgspec.json.decode(raw)["data"]
            if last and told["u"] > last:
                last = told["u"]
                for name, side in sides.items():
                    side.update(told[name])
    whole = {
        name: [[price, volume] for price, volume in sides[name[0]].items() if float(volume)]
        for name in ("bids", "asks")
    }
    whole["bids"].sort(key=lambda level: -float(level[0]))
    whole["asks"].sort(key=lambda level: float(level[0]))
    at_ms = 1_723_161_255_000
    return msgspec.json.encode({"lastUpdateId": last, "E": at_ms, "T": at_ms} | whole)


class Server:
    """Plays the minute once."""

    def __init__(self, minute: Minute, paced: bool) -> None:
        self._minute, self._paced = minute, paced
        self._subscribed = 0
        self._all = asyncio.Event()

    async def serve(self) -> None:
        """Until standard input closes."""
        server = await asyncio.start_server(self.client, "127.0.0.1", 0)
        minute = self._minute
        print(server.sockets[0].getsockname()[1], len(minute.frames), minute.peak, flush=True)
        await asyncio.to_thread(sys.stdin.read)
        server.close()

    async def client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A question of REST, or one channel's connection."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            key = re.search(rb"(?i)sec-websocket-key: *(\S+)", head)
            if key is None:
                body = self._minute.snapshot
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                await writer.drain()
                return
            accept = base64.b64encode(hashlib.sha1(key[1] + _GUID).digest())
            writer.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
            )
            asked = unmasked(await reader.read(4096))
            name = next(name for name in STREAMS if name in asked)
            writer.write(message(b'{"result":null,"id":%d}' % msgspec.json.decode(asked)["id"]))
            self._subscribed += 1
            if self._subscribed == len(STREAMS):
                self._all.set()
            await self._all.wait()
            await self._play(name, writer)
            await reader.read(4096)  # the client's goodbye
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _play(self, name: bytes, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        first_ns, began = self._minute.frames[0][0], loop.time()
        for at_ns, raw in self._minute.frames:
            if name not in raw[:40]:
                continue
            if self._paced:
                early_s = (at_ns - first_ns) / 1e9 - (loop.time() - began)
                if early_s > 0.001:
                    await asyncio.sleep(early_s)
            writer.write(message(raw))
            if writer.transport.get_write_buffer_size() > 64 * 1024:
                await writer.drain()


def unmasked(frame: bytes) -> bytes:
    """The payload of a client's short frame."""
    size, at = frame[1] & 0x7F, 2
    if size == 126:
        size, at = int.from_bytes(frame[2:4]), 4
    mask, body = frame[at : at + 4], frame[at + 4 : at + 4 + size]
    return bytes(byte ^ mask[n % 4] for n, byte in enumerate(body))


if __name__ == "__main__":
    asyncio.run(Server(busiest(), sys.argv[1] == "pace").serve())
