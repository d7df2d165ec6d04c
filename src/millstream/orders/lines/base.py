"""What lines have in common: answers that wait to be fetched, and a thread with an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

from millstream.model import MyOrder, OrderType, TimeInForce
from millstream.orders.lines.answers import Amended, Answer, Rejected
from millstream.orders.lines.instrument import Instrument

__all__ = ["AnsweringLine", "LoopLine", "may_rest"]

_CLOSING_S: Final = 5.0
_T = TypeVar("_T")


def may_rest(order: MyOrder) -> bool:
    """Whether an order of this kind stays in the book when nobody takes it at once."""
    return order.type is not OrderType.MARKET and order.time_in_force is TimeInForce.GTC


class AnsweringLine:
    """Answers come in any thread, and are fetched by the gateway's."""

    def __init__(self) -> None:
        self._answers: SimpleQueue[Answer] = SimpleQueue()

    def answers(self) -> list[Answer]:
        """What came back since this was called last."""
        found: list[Answer] = []
        with suppress(Empty):
            while True:
                found.append(self._answers.get_nowait())
        return found

    def _say(self, answer: Answer) -> None:
        self._answers.put(answer)

    def _fit(
        self, order: MyOrder, instrument: Instrument | None, refusal: str = ""
    ) -> MyOrder | None:
        """The order as it is sent, told of if that is another; None, and told, when it is not."""
        if instrument is None:
            refusal = refusal or f"{order.symbol} is not traded on {order.exchange}"
        fitted = refusal if refusal or instrument is None else instrument.fit(order)
        if isinstance(fitted, str):
            self._say(Rejected(order.order_id, fitted))
            return None
        if (fitted.price, fitted.volume) != (order.price, order.volume):
            self._say(Amended(order.order_id, fitted.price, fitted.volume))
        return fitted


class LoopLine(AnsweringLine):
    """A line that talks in an event loop, in a thread of its own: nobody waits for it."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._placing: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def close(self) -> None:
        """End what is under way, and the thread."""
        if not self._thread.is_alive():
            return
        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(_CLOSING_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSING_S)

    def _start(self, work: Coroutine[Any, Any, _T], timeout_s: float | None = None) -> _T:
        """Start the thread, and wait for the first thing that is done there."""
        self._thread.start()
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout_s)

    def _begin(self, work: Coroutine[Any, Any, None], places: str = "") -> None:
        """Have something done. places: the id of the order that it sends."""

        def begin() -> None:
            task = self._loop.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            if places:
                self._placing[places] = task
                task.add_done_callback(lambda _: self._placing.pop(places, None))

        self._loop.call_soon_threadsafe(begin)

    async def _placed(self, order_id: str) -> None:
        """Wait until an order is sent and answered, if that is under way."""
        if (placing := self._placing.get(order_id)) is not None:
            await asyncio.wait({placing})

    async def _disconnect(self) -> None:
        """End the connections."""

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    async def _end(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._disconnect()
