"""The threads of a session: each does one thing, and keeps what made it fail."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from time import monotonic

from millstream.bus import EventPublisher
from millstream.errors import MillstreamError
from millstream.robot import data_stream
from millstream.robot.loop import Stream

log = logging.getLogger(__name__)

PATIENCE_S = 10.0  # how long a part may take to end in good order


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
        except Exception as error:
            self.error = f"{type(error).__name__}: {error}"
            log.exception("the %s thread failed", self.name)

    def finish(self) -> None:
        """Wait for it to end, for as long as is patient."""
        if self.ident is not None:
            self.join(PATIENCE_S)


class DataPart(Part):
    """The thread of all sockets: an event loop that runs the streams until told to end."""

    def __init__(self, streams: Sequence[Stream], publisher: EventPublisher) -> None:
        super().__init__("data", lambda: asyncio.run(self._serve()))
        self._streams = streams
        self._publisher = publisher
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None
        self._up = threading.Event()

    def finish(self) -> None:
        """Close every connection, hand over what has come, and wait for the thread to end."""
        if self.ident is None:
            return
        self._up.wait(PATIENCE_S)
        if self._loop is not None and self._end is not None and self.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
        super().finish()

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self._up.set()
        try:
            await data_stream(self._streams, self._end)
        finally:
            deadline = monotonic() + PATIENCE_S
            while self._publisher.waiting and monotonic() < deadline:
                await asyncio.sleep(0.005)
            self._publisher.close()
