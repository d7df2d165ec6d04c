"""`self.ipc_publisher`: every publisher of a process, opened when it is first needed."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

import zmq

from millstream.bus.addresses import default_root, prepare_root
from millstream.bus.pubsub import Publisher
from millstream.errors import ConfigError
from millstream.model import (
    Book,
    Candle,
    Channel,
    CurrencyPair,
    Event,
    Exchange,
    MyOrder,
    MyOrderBatch,
    MyTrade,
    Side,
    StreamEvent,
    Ticker,
    Trade,
)

_CHANNELS: dict[type[Event], Channel] = {
    Ticker: Channel.TICKER,
    Trade: Channel.TRADE,
    Book: Channel.BOOK,
    Candle: Channel.CANDLE,
    MyOrder: Channel.MY_ORDER,
    MyTrade: Channel.MY_TRADE,
    MyOrderBatch: Channel.MY_ORDER_BATCH,
}


class IPCPublisher:
    """Publishes events to other processes: one address for each exchange and channel.

    Raises ConfigError when another process publishes there already. Belongs to one event loop.
    context, root: left out, the process's own context and the user's own folder.
    """

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]] | None = None, root: Path | None = None
    ) -> None:
        self._context = context if context is not None else zmq.Context.instance()
        self._root = root if root is not None else prepare_root(default_root())
        self._publishers: dict[tuple[Exchange, Channel], Publisher] = {}

    @property
    def published(self) -> int:
        """How many events."""
        return sum(publisher.published for publisher in self._publishers.values())

    def open(self, exchange: Exchange, channel: Channel) -> Publisher:
        """Take the address now, rather than with the first event."""
        publisher = self._publishers.get((exchange, channel))
        if publisher is None:
            publisher = Publisher(self._context, self._root, exchange, channel)
            self._publishers[exchange, channel] = publisher
        return publisher

    def publish(self, event: Event) -> None:
        """Publish an event where it belongs."""
        channel = event.channel if isinstance(event, StreamEvent) else _CHANNELS.get(type(event))
        exchange = getattr(event, "exchange", None)
        if channel is None or exchange is None:
            raise ConfigError(
                f"a {type(event).__name__} is of no exchange's channel: not published"
            )
        self.open(exchange, channel).publish(event)

    async def send_ticker(
        self,
        exchange: Exchange,
        symbol: CurrencyPair,
        ask_price: float,
        ask_volume: float,
        bid_price: float,
        bid_volume: float,
    ) -> None:
        """Publish a ticker of one's own making; its time is now."""
        now_ns = time.time_ns()
        self.publish(
            Ticker(now_ns, exchange, symbol, 0, bid_price, bid_volume, ask_price, ask_volume)
        )

    async def send_trade(
        self,
        exchange: Exchange,
        symbol: CurrencyPair,
        price: float,
        volume: float,
        side: Side,
        trade_id: str = "",
    ) -> None:
        """Publish a trade of one's own making; its time is now."""
        self.publish(Trade(time.time_ns(), exchange, symbol, 0, price, volume, side, trade_id))

    async def send_my_order(self, my_order: MyOrder) -> None:
        """Publish an own order."""
        self.publish(my_order)

    async def send_my_trade(self, my_trade: MyTrade) -> None:
        """Publish an own fill."""
        self.publish(my_trade)

    async def send_my_order_batch(self, batch: MyOrderBatch) -> None:
        """Publish all open orders of an account."""
        self.publish(batch)

    def close(self) -> None:
        """Say goodbye everywhere."""
        for publisher in self._publishers.values():
            publisher.close()
        self._publishers.clear()


class Republisher:
    """An observer of a stream that publishes some of its channels, with their health."""

    def __init__(self, publisher: IPCPublisher, channels: Iterable[Channel]) -> None:
        self._publisher = publisher
        self._channels = frozenset(channels)
        for channel in self._channels:
            setattr(self, f"{channel}_queue", self)
        self.health_queue = self

    def put_nowait(self, event: Event) -> None:
        """Publish the event; the health of other channels is left out."""
        if not isinstance(event, StreamEvent) or event.channel in self._channels:
            self._publisher.publish(event)
