"""One end of our shared frames, in a process of its own: the same words as rivals/freqtrade_frames.

python -m benchmarks.frames_end producer PORT PAIRS COLUMNS
python -m benchmarks.frames_end consumer PORT PAIRS fast|text [CONSUMERS]
python -m benchmarks.frames_end sink PORT PAIRS [CONSUMERS]    # reads text frames, holds nothing
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import picows

from benchmarks.rivals.frames_made import HISTORY, frame, pairs
from millstream.frames.client import FrameClient
from millstream.frames.fast_wire import SUBPROTOCOL, Follow, encode
from millstream.frames.freqtrade_wire import PATH
from millstream.frames.held import HeldFrames
from millstream.frames.server import FrameServer
from millstream.frames.settings import ApiServerSection, ConsumerSection, ProducerEntry
from millstream.model.codec import batch
from millstream.model.events import Event
from millstream.model.frames import FrameUpdate, PublishWhitelist
from millstream.strategy.published import Published

TOKEN = "token-of-the-benchmark"
Clock: TypeAlias = Callable[[], Any]  # the time of each row that is seen


class Producer:
    """A bot that has analyzed one more candle whenever it is told so: the whole table is compared
    with what was told before, as a strategy's robot does.
    """

    def __init__(self, port: str, count: str, columns: str) -> None:
        section = ApiServerSection(enabled=True, listen_port=int(port), ws_token=TOKEN)
        self._server = FrameServer(section)
        self._pairs, self._columns, self._end = pairs(int(count)), int(columns), HISTORY
        self._published = Published("5m", "spot", HISTORY)

    async def start(self) -> None:
        await self._server.start()
        self._server.publish(PublishWhitelist(tuple(self._pairs)))
        held = frame(self._columns, 0, HISTORY)
        for name in self._pairs:
            self._server.publish(self._published.update(name, held, time.time_ns()))

    def _next(self) -> Any:
        self._end += 1
        return frame(self._columns, self._end - HISTORY, self._end)

    async def burst(self) -> int:
        table = self._next()
        began_ns = time.time_ns()
        for name in self._pairs:
            self._server.publish(self._published.update(name, table, time.time_ns()))
        return began_ns

    async def figures(self) -> dict[str, float]:
        """What the slowest follower has waiting, and MiB of memory."""
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        every = self._server.figures()
        return {
            "followers": len(every),
            "queued": max((one.queued for one in every), default=0),
            "conflated": sum(one.conflated for one in every),
            "mib": pages * 4 / 1024,
        }

    async def pulse(self, count: int) -> list[int]:
        sent_ns = []
        for _ in range(count):
            table = self._next()
            await asyncio.sleep(0.05 + random.random() * 0.1)
            sent_ns.append(time.time_ns())
            self._server.publish(self._published.update(self._pairs[0], table, time.time_ns()))
        return sent_ns


class Consumer:
    """Bots that follow; each update is held a second time, as a robot holds it."""

    def __init__(
        self, port: str, count: str, wire: str, consumers: str = "1", clock: Clock = time.time_ns
    ) -> None:
        self._clock = clock
        entry = ProducerEntry(
            name="default", host="127.0.0.1", port=int(port), ws_token=TOKEN, fast=wire == "fast"
        )
        section = ConsumerSection(enabled=True, producers=[entry], initial_candle_limit=HISTORY)
        self._count, self._seen_ns = int(count) * int(consumers), list[Any]()
        self._clients = [self._client(section) for _ in range(int(consumers))]

    def _client(self, section: ConsumerSection) -> FrameClient:
        held = HeldFrames()

        def take(events: Sequence[Event]) -> None:
            for event in events:
                if type(event) is FrameUpdate:
                    assert held.apply(event).ok
                    self._seen_ns.append(self._clock())

        return FrameClient(section, take)

    async def start(self) -> None:
        for client in self._clients:
            await client.start()

    async def seen(self, count: int) -> list[Any]:
        async with asyncio.timeout(120):
            while len(self._seen_ns) < count:
                await asyncio.sleep(0.02)
        seen = [*self._seen_ns]
        self._seen_ns.clear()  # whoever reads goes on writing in it
        return seen

    async def ready(self) -> None:
        await self.seen(self._count)


class Sink:
    """Connections that read a producer's text frames and hold nothing: what the producer costs."""

    def __init__(
        self, port: str, count: str, consumers: str = "1", clock: Clock = time.time_ns
    ) -> None:
        self._clock = clock
        self._url = f"ws://127.0.0.1:{port}{PATH}?token={TOKEN}"
        self._consumers, self._seen_ns = int(consumers), list[Any]()
        self._transports: list[Any] = []

    async def start(self) -> None:
        for _ in range(self._consumers):
            transport, _ = await picows.ws_connect(
                lambda: _Reads(self._seen_ns, self._clock), self._url
            )
            for said in (b'{"type":"subscribe","data":["analyzed_df"]}', b'{"type":"whitelist"}'):
                transport.send(picows.WSMsgType.TEXT, said)
            self._transports.append(transport)

    seen = Consumer.seen

    async def ready(self) -> None:
        await self.seen(self._consumers)  # a subscription has no answer; the pairs are one


class Stopped:
    """Connects, subscribes, and reads nothing from then on, whenever it is told so."""

    def __init__(self, port: str, wire: str) -> None:
        self._port, self._wire = int(port), wire
        self._line: socket.socket | None = None

    def stop(self) -> None:
        self._line = line = socket.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # full soon
        line.settimeout(10)
        line.connect(("127.0.0.1", self._port))
        agreed = f"Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n" if self._wire == "fast" else ""
        line.sendall(
            f"GET {PATH}?token={TOKEN} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {'A' * 22}==\r\n{agreed}\r\n".encode()
        )
        while b"\r\n\r\n" not in line.recv(4096):
            pass
        # Whole frames are asked for, so that every buffer on the way is full soon.
        said = [b'{"type":"subscribe","data":["analyzed_df"]}', b'{"type":"analyzed_df"}']
        if self._wire == "fast":
            said = [batch([encode(Follow("", (), 0, 1 << 23, ()))])]
        for each in said:
            kind = 0x82 if self._wire == "fast" else 0x81
            line.sendall(bytes([kind, 0x80 | len(each), 0, 0, 0, 0]) + each)  # masked with zeros

    def leave(self) -> None:
        if self._line is not None:
            self._line.close()


class _Reads(picows.WSListener):
    def __init__(self, seen_ns: list[Any], clock: Clock) -> None:
        self._seen_ns, self._clock = seen_ns, clock

    def on_ws_frame(self, transport: Any, frame: Any) -> None:
        if frame.msg_type == picows.WSMsgType.TEXT:
            self._seen_ns.append(self._clock())


async def main() -> None:
    role, *arguments = sys.argv[1:]
    end: Any = {"producer": Producer, "consumer": Consumer, "sink": Sink}[role](*arguments)
    await end.start()
    print(json.dumps({"name": "millstream"}), flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        do, *words = json.loads(line)
        answer = time.process_time() * 1e3 if do == "cpu" else await getattr(end, do)(*words)
        print(json.dumps({"answer": answer}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
