"""`ServiceBase`: an observer with callbacks, timers, and an order in which it starts and stops.

A service has a queue for every channel, and one coroutine for each queue whose callback it writes.
What reaches a queue may come from an exchange's stream or from another process: it cannot tell.

    start   on_setup ─> commands ─> subscribers ─> streams ─> timers
    stop    timers ─> streams ─> subscribers ─> what is queued ─> on_stop ─> commands
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar

import msgspec

from millstream.errors import ConfigError
from millstream.model import Book, Candle, Event, MyOrder, MyOrderBatch, MyTrade, Ticker, Trade
from millstream.service.api import ExchangeAPI
from millstream.service.commands import NoCommands
from millstream.service.failures import Failures
from millstream.service.queues import EventQueue
from millstream.service.sources import GOODBYE_S, Source, cancel, stop_source
from millstream.service.timers import next_due_ns, timers_of

CONSUMERS = {  # the coroutine of each queue, and the callback it calls
    "process_tickers": "on_ticker",
    "process_trades": "on_trade",
    "process_books": "on_book",
    "process_candles": "on_candle",
    "process_my_orders": "on_my_order",
    "process_my_trades": "on_my_trade",
    "process_my_order_batches": "on_my_order_batch",
    "process_health": "on_health",
}
MOST_AT_ONCE = 64  # events of one queue, before others of the loop have their turn

_log = logging.getLogger(__name__)


class ServiceBase:
    """Subclass it and write the callbacks you want, sync or async.

    Settings: a msgspec struct with the keys of your own in `setting`; read as `self.setting`.
    What follows below is there from `on_setup` on, not in `__init__`.
    """

    Settings: ClassVar[type[msgspec.Struct] | None] = None

    name: str = ""
    setting: Any = None  # an instance of Settings
    on_error: str = "continue"  # what a failing callback means: "continue", "restart", "stop"
    ipc_publisher: Any = None  # a bus.IPCPublisher, if whoever runs the service gives it one
    ipc_command: Any = NoCommands()  # a `Commands`, likewise; false while it is none

    def __init__(self) -> None:
        wanted = {callback: _is_written(self, callback) for callback in CONSUMERS.values()}
        self.ticker_queue = EventQueue(wanted["on_ticker"])
        self.trade_queue = EventQueue(wanted["on_trade"])
        self.book_queue = EventQueue(wanted["on_book"])
        self.candle_queue = EventQueue(wanted["on_candle"])
        self.my_order_queue = EventQueue(wanted["on_my_order"])
        self.my_trade_queue = EventQueue(wanted["on_my_trade"])
        self.my_order_batch_queue = EventQueue(wanted["on_my_order_batch"])
        self.health_queue = EventQueue(wanted["on_health"])
        self.failures = Failures()
        self.handled: dict[str, int] = {}  # events by the callback that took them
        self.state = "new"  # "starting", "running", "stopping", "stopped"
        self._subscribers: Sequence[Source] = ()
        self._streams: Sequence[Source] = ()
        self._sources: list[tuple[Source, asyncio.Task[None]]] = []
        self._consumers: list[asyncio.Task[None]] = []
        self._timers: list[asyncio.Task[None]] = []
        self._once: set[asyncio.Task[Any]] = set()
        self._ended: asyncio.Future[str] | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._under_way = 0  # callbacks of events that wait for something
        self.finished = False  # it said itself that it is done

    def __getattr__(self, name: str) -> Any:  # not NoReturn: what follows a use is checked too
        exchange = name.removesuffix("_api")
        hint = f'; add {{"exchange": "{exchange}", ...}} to apis in its setting'
        raise AttributeError(
            f"{type(self).__name__} has no {name}{hint if exchange != name else ''}"
        )

    # ---- what a subclass writes, sync or async --------------------------------------------------

    def on_setup(self) -> bool | Awaitable[bool]:
        """Called before anything else. False: the service refuses to start."""
        return True

    def on_stop(self) -> Any:
        """Called when no event comes any more, if `on_setup` had said True.

        Commands that it sends still leave.
        """

    def on_ticker(self, ticker: Ticker) -> Any:
        """The best bid and ask of a pair changed."""

    def on_trade(self, trade: Trade) -> Any:
        """A public trade."""

    def on_book(self, book: Book) -> Any:
        """The best levels of a pair's book changed."""

    def on_candle(self, candle: Candle) -> Any:
        """A candle changed or closed."""

    def on_my_order(self, my_order: MyOrder) -> Any:
        """An own order changed."""

    def on_my_trade(self, my_trade: MyTrade) -> Any:
        """An own fill."""

    def on_my_order_batch(self, batch: MyOrderBatch) -> Any:
        """All open orders of the account: overwrite what you knew."""

    def on_health(self, event: Event) -> Any:
        """Connected, Disconnected, Gap, Stale, Resynced or Refused."""

    def on_command_failure(self, failure: Any) -> Any:
        """A command of ours timed out, or nobody handles its type where it arrived."""

    # ---- what a subclass calls ------------------------------------------------------------------

    def run_once(self, function: Callable[..., Any], *arguments: Any) -> asyncio.Task[Any]:
        """Start a coroutine from sync code; it is cancelled when the service stops."""
        where = getattr(function, "__name__", "run_once")
        task = asyncio.create_task(self._guarded(where, function, arguments))
        self._once.add(task)
        task.add_done_callback(self._once.discard)
        return task

    def end(self, reason: str) -> None:
        """Say that the service is done: whoever runs it stops it, and does not start it anew."""
        self.finished = True
        self._end(reason)

    # ---- its queues -----------------------------------------------------------------------------

    async def process_tickers(self) -> None:
        """Give the tickers to `on_ticker`, for ever."""
        await self._consume(self.ticker_queue, "on_ticker")

    async def process_trades(self) -> None:
        """Give the trades to `on_trade`, for ever."""
        await self._consume(self.trade_queue, "on_trade")

    async def process_books(self) -> None:
        """Give the books to `on_book`, for ever."""
        await self._consume(self.book_queue, "on_book")

    async def process_candles(self) -> None:
        """Give the candles to `on_candle`, for ever."""
        await self._consume(self.candle_queue, "on_candle")

    async def process_my_orders(self) -> None:
        """Give own orders to `on_my_order`, for ever."""
        await self._consume(self.my_order_queue, "on_my_order")

    async def process_my_trades(self) -> None:
        """Give own fills to `on_my_trade`, for ever."""
        await self._consume(self.my_trade_queue, "on_my_trade")

    async def process_my_order_batches(self) -> None:
        """Give the batches of own orders to `on_my_order_batch`, for ever."""
        await self._consume(self.my_order_batch_queue, "on_my_order_batch")

    async def process_health(self) -> None:
        """Give the health of the streams to `on_health`, for ever."""
        await self._consume(self.health_queue, "on_health")

    async def _consume(self, queue: EventQueue, callback: str) -> None:
        function = getattr(self, callback)
        handled = self.handled
        handled.setdefault(callback, 0)
        while True:
            await queue.wait()
            for _ in range(min(MOST_AT_ONCE, queue.qsize())):
                event = queue.get_nowait()
                handled[callback] += 1
                try:
                    answer = function(event)
                    if answer is not None and inspect.isawaitable(answer):
                        self._under_way += 1
                        try:
                            await answer
                        finally:
                            self._under_way -= 1
                except Exception as error:  # a user's own code: it may raise anything
                    self._failed(callback, error, event)
            await asyncio.sleep(0)

    # ---- its life -------------------------------------------------------------------------------

    def connect(self, subscribers: Sequence[Source], streams: Sequence[Source]) -> None:
        """Name where its events will come from. Call before `start`."""
        self._subscribers, self._streams = subscribers, streams
        for source in (*subscribers, *streams):
            source.bind_observer(self)

    async def start(self) -> None:
        """Set up and begin; returns when all is begun. Raises ConfigError when it refuses."""
        timers = timers_of(self)
        self._ended = asyncio.get_running_loop().create_future()
        self._stopping, self.finished = None, False
        self.state = "starting"
        await self._set_up()
        self._consumers = [
            asyncio.create_task(getattr(self, coroutine)(), name=f"{self.name}.{coroutine}")
            for coroutine, callback in CONSUMERS.items()
            if _is_written(self, callback) or _is_written(self, coroutine)
        ]
        if self.ipc_command:
            await self.ipc_command.start()
        for source in (*self._subscribers, *self._streams):
            self._sources.append((source, asyncio.create_task(self._run(source))))
        self._timers = [
            asyncio.create_task(self._tick(name, interval_ns), name=f"{self.name}.{name}")
            for name, interval_ns in timers.items()
        ]
        self.state = "running"

    async def ended(self) -> str:
        """Wait until the service wants to end by itself; returns why."""
        assert self._ended is not None, "start it first"
        return await asyncio.shield(self._ended)

    async def stop(self) -> None:
        """End in the reverse order. What is queued already is still handled.

        For whoever runs the service; its own callbacks call `end`.
        """
        if self._stopping is None:
            if self.state == "new":
                return
            self._stopping = asyncio.create_task(self._stop())
        await asyncio.shield(self._stopping)

    async def _stop(self) -> None:
        was_running = self.state == "running"
        self.state = "stopping"
        await cancel(self._timers)
        for source, task in reversed(self._sources):
            await stop_source(source, task)
        self._sources.clear()
        if was_running:
            await self._finish_queues()
            await self._guarded("on_stop", self.on_stop, ())
        await cancel([*self._once])
        if self.ipc_command:
            await self.ipc_command.stop()
            await asyncio.sleep(0)  # on_command_failure hears of what was still open
        await cancel([*self._consumers, *self._once])
        for api in [one for one in vars(self).values() if isinstance(one, ExchangeAPI)]:
            await api.close()
        self.state = "stopped"

    def command_failed(self, failure: Any) -> None:
        """Told by the command system; `on_command_failure` hears of it."""
        self.run_once(self.on_command_failure, failure)

    def handler_failed(self, command: Any, error: Exception) -> None:
        """Told by the command system of a handler that raised."""
        self._failed(f'the handler of "{command.command_type}"', error, command)

    async def _set_up(self) -> None:
        try:
            answer = self.on_setup()
            if inspect.isawaitable(answer):
                answer = await answer
        except Exception as error:  # a user's own code: it may raise anything
            _log.exception("service %s: on_setup failed", self.name)
            raise ConfigError(
                f"service {self.name}: on_setup failed: {type(error).__name__}: {error}"
            ) from error
        if answer is False:
            raise ConfigError(f"service {self.name}: on_setup said no: it does not start")
        if answer is not True:
            raise ConfigError(
                f"service {self.name}: on_setup returned {answer!r}; "
                "return True to start, False to refuse"
            )

    async def _run(self, source: Source) -> None:
        try:
            await source.start()
        except Exception as error:  # a stream that gave up, or a subclass's own fault
            self._failed(type(source).__name__, error)

    async def _tick(self, name: str, interval_ns: int) -> None:
        due_ns = time.monotonic_ns() + interval_ns
        while True:
            await asyncio.sleep(max(0.0, (due_ns - time.monotonic_ns()) / 1e9))
            await self._guarded(name, getattr(self, name), ())
            due_ns = next_due_ns(due_ns, interval_ns, time.monotonic_ns())

    async def _guarded(
        self, where: str, function: Callable[..., Any], arguments: tuple[Any, ...]
    ) -> Any:
        self.handled[where] = self.handled.get(where, 0) + 1
        try:
            answer = function(*arguments)
            return await answer if inspect.isawaitable(answer) else answer
        except Exception as error:  # a user's own code: it may raise anything
            self._failed(where, error)

    def _failed(self, where: str, error: Exception, event: object = None) -> None:
        """One place decides what a failure means: log and count it, then the policy."""
        count = self.failures.count(where, error, time.monotonic_ns())
        if count:
            _log.error(
                "service %s: %s failed%s: %s: %s%s",
                self.name, where, f" ({count} times)" if count > 1 else "",
                type(error).__name__, error,
                "" if event is None else f"; the event: {event!r:.500}", exc_info=error,
            )  # fmt: skip
        if self.on_error != "continue":
            self._end(f"{where} failed: {type(error).__name__}: {error}")

    def _end(self, reason: str) -> None:
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(reason)

    @property
    def queues(self) -> list[EventQueue]:
        """Every queue that it has, those of a subclass's own too."""
        return [queue for queue in vars(self).values() if isinstance(queue, EventQueue)]

    async def _finish_queues(self) -> None:
        queues = self.queues
        give_up = time.monotonic() + GOODBYE_S
        while (
            self._under_way or any(queue.qsize() for queue in queues)
        ) and time.monotonic() < give_up:
            if all(task.done() for task in self._consumers):
                return
            await asyncio.sleep(0.001)


def _is_written(service: ServiceBase, method: str) -> bool:
    """Whether a subclass writes this method itself."""
    return getattr(type(service), method) is not getattr(ServiceBase, method)
