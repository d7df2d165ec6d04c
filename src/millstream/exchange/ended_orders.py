"""Asks how orders ended that a snapshot had no more, again and again until all is told."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

from millstream.errors import StreamError
from millstream.stream.backoff import delay_s
from millstream.stream.settings import StreamSettings

_log = logging.getLogger(__name__)


class EndedOrders:
    """One channel's questions, one at a time.

    ask: asks once, and publishes; True when nothing is left to ask. REST may lag behind the stream:
    an order that it still calls open is asked for again.
    failed: called with the reason of the first failure in a row.
    """

    def __init__(
        self,
        settings: StreamSettings,
        ask: Callable[[], Awaitable[bool]],
        failed: Callable[[str], None],
    ) -> None:
        self._settings, self._ask, self._failed = settings, ask, failed
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """There are orders to ask for."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    def cancel(self) -> None:
        """Ask nothing more; what is not told yet is asked for after the next snapshot."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        settings, tries, failures = self._settings, 0, 0
        while True:
            tries += 1
            try:
                if await self._ask():
                    return
            except Exception as error:  # whatever it is, the orders must be asked for again
                failures += 1
                reason = f"own orders could not be reconciled: {error}"
                if isinstance(error, StreamError):
                    _log.warning("%s", reason)
                else:
                    _log.exception("%s", reason)
                if failures == 1:
                    self._failed(reason)
            await asyncio.sleep(
                delay_s(tries, settings.first_delay_s, settings.longest_delay_s, random.random())
            )
