"""Events and commands between processes, for programs of one's own: no service needed.

subscriber = IPCSubscriber([(Exchange.BINANCE, Channel.TICKER, ["btc/usdt"])])
subscriber.bind_observer(anything_with_a_ticker_queue)
await subscriber.start()
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import zmq

from millstream.bus import (
    CommandRefused,
    CommandTimedOut,
    IPCCommand,
    IPCCommandSystem,
    IPCPublisher,
    Subscriber,
    default_root,
    prepare_root,
)
from millstream.model import Channel, CurrencyPair, Event, Exchange
from millstream.stream.outlet import Outlets

__all__ = [
    "CommandRefused",
    "CommandTimedOut",
    "IPCCommand",
    "IPCCommandSystem",
    "IPCPublisher",
    "IPCSubscriber",
]

Subscription: TypeAlias = tuple[
    Exchange | str, Channel | str, Sequence[CurrencyPair | str] | CurrencyPair | str
]  # (exchange, channel, pairs); no pairs, or "": all of them


class IPCSubscriber:
    """Follows what other processes publish; its observers cannot tell it from a stream.

    context, root: left out, the process's own context and the user's own folder.
    Raises UnknownName for a name we have not.
    """

    def __init__(
        self,
        subscriptions: Iterable[Subscription],
        context: zmq.Context[zmq.Socket[bytes]] | None = None,
        root: Path | None = None,
    ) -> None:
        context = context if context is not None else zmq.Context.instance()
        root = root if root is not None else prepare_root(default_root())
        self._outlets: dict[Exchange, Outlets] = {}
        self._subscribers: list[Subscriber] = []
        for exchange, channel, pairs in subscriptions:
            venue = exchange if isinstance(exchange, Exchange) else Exchange.parse(exchange)
            carried = Channel.parse(channel)
            outlets = self._outlets.setdefault(venue, Outlets(venue))
            self._subscribers.append(
                Subscriber(context, root, venue, carried, _pairs(pairs), _to(outlets, carried))
            )

    def bind_observer(self, observer: Any) -> None:
        """Give this observer the events it has `<channel>_queue`s for."""
        for outlets in self._outlets.values():
            outlets.bind(observer)

    async def start(self) -> None:
        """Follow until `stop`. Publishers may come, go and come again."""
        await asyncio.gather(*(subscriber.start() for subscriber in self._subscribers))

    async def stop(self) -> None:
        """Let `start` return."""
        for subscriber in self._subscribers:
            await subscriber.stop()


def _pairs(pairs: Sequence[CurrencyPair | str] | CurrencyPair | str) -> list[CurrencyPair]:
    if isinstance(pairs, (str, CurrencyPair)):
        pairs = [pairs] if pairs else []
    return [CurrencyPair.parse(pair) if isinstance(pair, str) else pair for pair in pairs]


def _to(outlets: Outlets, channel: Channel) -> Callable[[Sequence[Event]], None]:
    return lambda events: outlets.publish(channel, events)
