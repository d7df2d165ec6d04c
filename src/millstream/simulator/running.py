"""A trading exchange for tests and notebooks: a thread of its own for as long as it is needed.

with trading_exchange(exchange="binance", seed=3) as exchange:
    exchange.rest, exchange.ws, exchange.key, exchange.secret
    exchange.truth().fills
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

import msgspec

from millstream.simulator.faults import Faults
from millstream.simulator.simulation import SimulationSettings, keys_of, make_server
from millstream.simulator.trading import TradingServer
from millstream.simulator.truth import Truth, truth

_T = TypeVar("_T")


class RunningExchange:
    """Where it is, the keys of its first account, and the doors that no venue has."""

    def __init__(
        self, server: TradingServer, loop: asyncio.AbstractEventLoop, settings: SimulationSettings
    ) -> None:
        self.rest, self.ws = server.rest_url, server.ws_url
        self.keys = keys_of(settings.exchange, settings.accounts)
        self.key, self.secret = self.keys[0].key, self.keys[0].secret
        self.server = server
        self._loop = loop

    def truth(self) -> Truth:
        """Every order, fill and balance as they are."""

        async def ask() -> Truth:
            return truth(self.server.venue)

        return self._run(ask())

    def set_faults(self, faults: Faults) -> None:
        """From now on these."""

        async def change() -> None:
            self.server.plan.set(faults)

        self._run(change())

    def drop_clients(self) -> None:
        """Cut every websocket."""

        async def drop() -> None:
            self.server.drop_clients()

        self._run(drop())

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10.0)


@contextlib.contextmanager
def trading_exchange(**settings: Any) -> Iterator[RunningExchange]:
    """Start one; settings are those of SimulationSettings. Raises what `make_server` raises."""
    chosen = msgspec.convert(settings, SimulationSettings)
    ready: Future[tuple[TradingServer, asyncio.AbstractEventLoop, asyncio.Event]] = Future()
    thread = threading.Thread(target=_run, args=(chosen, ready), name="exchange", daemon=True)
    thread.start()
    server, loop, end = ready.result(30.0)
    try:
        yield RunningExchange(server, loop, chosen)
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(10.0)


def _run(settings: SimulationSettings, ready: Future[Any]) -> None:
    async def serve() -> None:
        end = asyncio.Event()
        try:
            server = make_server(settings)
            await server.start()
        except BaseException as error:
            ready.set_exception(error)
            return
        ready.set_result((server, asyncio.get_running_loop(), end))
        await end.wait()
        await server.stop()

    asyncio.run(serve())
