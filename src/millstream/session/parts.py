"""The threads of a session: each does one thing, and keeps what made it fail."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Protocol

from millstream.bus import Receiver
from millstream.errors import MillstreamError
from millstream.model import FrameAction, PublishFrame, PublishWhitelist
from millstream.model.codec import decode_outputs
from millstream.robot import data_stream
from millstream.robot.loop import Stream

log = logging.getLogger(__name__)

PATIENCE_S = 10.0  # how long a part may take to end in good order
_TURN_S = 0.0005


@contextmanager
def short_turns() -> Iterator[None]:
    """Who waits for the interpreter gets it after half a millisecond, not Python's five.

    Each wait of the orders' thread for a disk is followed by one for the interpreter, when robots
    compute without a pause or hang: a kill would take ten times as long.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(_TURN_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


class Part(threading.Thread):
    """A part of the session with a thread of its own."""

    def __init__(self, name: str, work: Callable[..., object], *given: object) -> None:
        super().__init__(name=name, daemon=True)
        self.error = ""  # what made it end before its time
        self._work = work
        self._given = given

    def run(self) -> None:
        """Do the work; the thread ends with it."""
        try:
            self._work(*self._given)
        except MillstreamError as error:
            self.error = str(error)
        except BaseException as error:  # a thread that ends without a word is worst
            self.error = f"{type(error).__name__}: {error}"
            log.exception("the %s thread failed", self.name)

    def finish(self) -> None:
        """Wait for it to end, for as long as is patient."""
        if self.ident is not None:
            self.join(PATIENCE_S)


class LoopPart(Part):
    """A part that is an event loop, and runs until it is told to end."""

    def __init__(self, name: str) -> None:
        super().__init__(name, lambda: asyncio.run(self._run_loop()))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None
        self._up = threading.Event()

    def finish(self) -> None:
        """Tell it to end, and wait for the thread."""
        if self.ident is None:
            return
        self._up.wait(PATIENCE_S)
        if self._loop is not None and self._end is not None and self.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
        super().finish()

    async def _run_loop(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self._up.set()
        await self._serve(self._end)

    async def _serve(self, end: asyncio.Event) -> None:
        """Do the work until `end`, then let go of everything."""
        raise NotImplementedError


class FrameClient(Protocol):
    """Who follows other bots' frames: `frames.client.FrameClient`."""

    async def start(self) -> None:
        """Begin to follow; returns at once."""

    async def stop(self) -> None:
        """Say goodbye to every producer."""


class Publisher(Protocol):
    """Who hands events over: `bus.EventPublisher`."""

    @property
    def waiting(self) -> int:
        """How much is not handed over yet."""

    def close(self) -> None:
        """Hand over nothing more."""


class DataPart(LoopPart):
    """The thread of all sockets: it runs the streams, and hands over what has come at the end."""

    def __init__(
        self,
        streams: Sequence[Stream],
        publishers: Sequence[Publisher],
        frames: FrameClient | None = None,
    ) -> None:
        super().__init__("data")
        self._streams = streams
        self._publishers = publishers
        self._frames = frames
        self._more: list[tuple[Stream, asyncio.Future[None]]] = []

    def add(self, stream: Stream) -> None:
        """Run one stream more from now on. From any thread; this one has to run."""
        self._up.wait(PATIENCE_S)
        if self._loop is not None and self.is_alive():
            self._loop.call_soon_threadsafe(self._begin, stream)

    def _begin(self, stream: Stream) -> None:
        running = asyncio.ensure_future(stream.start())
        running.add_done_callback(lambda _: self._end.set() if self._end is not None else None)
        self._more.append((stream, running))

    async def _stop_more(self) -> None:
        for stream, running in self._more:
            await stream.stop()
            await running

    async def _serve(self, end: asyncio.Event) -> None:
        if self._frames is not None:
            await self._frames.start()
        try:
            await data_stream(self._streams, end)
            await self._stop_more()
        finally:
            if self._frames is not None:
                await self._frames.stop()
            deadline = monotonic() + PATIENCE_S
            while any(p.waiting for p in self._publishers) and monotonic() < deadline:
                await asyncio.sleep(0.005)
            for publisher in self._publishers:
                publisher.close()


class FrameServer(Protocol):
    """Who serves our frames: `frames.server.FrameServer`."""

    async def start(self) -> None:
        """Listen."""

    async def stop(self) -> None:
        """Say goodbye to everyone."""

    def publish(self, message: PublishFrame | PublishWhitelist) -> None:
        """Give it to every follower."""


class FramesPart(LoopPart):
    """The thread of those who follow our frames: none of them may delay the market's data."""

    def __init__(self, server: FrameServer, frames: Receiver) -> None:
        super().__init__("frames")
        self._server = server
        self._frames = frames

    async def _serve(self, end: asyncio.Event) -> None:
        await self._server.start()
        following = self._frames.follow(self._publish)
        try:
            await end.wait()
        finally:
            following.drain()
            await self._server.stop()

    def _publish(self, body: bytes) -> None:
        for output in decode_outputs(body):
            if isinstance(output.body, FrameAction):
                self._server.publish(output.body)
