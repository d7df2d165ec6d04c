"""Where a service's events come from, and how that ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Protocol

GOODBYE_S = 5.0  # how long a part may take to stop before it is cancelled

_log = logging.getLogger(__name__)


class Source(Protocol):
    """Where events come from: a stream, or a subscriber of another process's."""

    def bind_observer(self, observer: Any) -> None:
        """Give this observer the events from now on."""

    async def start(self) -> None:
        """Run until `stop`."""

    async def stop(self) -> None:
        """Let `start` return."""


async def stop_source(source: Source, task: asyncio.Task[None]) -> None:
    """Ask a source to stop, and cancel what runs it when it does not in time."""
    try:
        await asyncio.wait_for(source.stop(), GOODBYE_S)
        await asyncio.wait_for(asyncio.shield(task), GOODBYE_S)
    except TimeoutError:
        _log.warning("%s did not stop in time: cancelled", type(source).__name__)
    await cancel([task])


async def cancel(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait for their end."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
