"""What every venue's stream does with a connection, shown with Binance's words on loopback."""

import asyncio
import json
from decimal import Decimal
from typing import ClassVar

import pytest
from tests.exchange.binance import frames
from tests.stream.loopback import drain, rest, until, venue

from millstream.errors import ConfigError, StreamError
from millstream.exchange.binance.decode import BinanceDecoder
from millstream.exchange.decoding import FrameCounts, Topic
from millstream.exchange.live import VenueStream
from millstream.model import (
    Channel,
    Connected,
    CurrencyPair,
    Disconnected,
    Exchange,
    Gap,
    MyTrade,
    Refused,
    Resynced,
    Stale,
)
from millstream.stream.limits import HostLimits, Limits, Rate

QUICK = {"first_delay_s": 0.01, "longest_delay_s": 0.02, "overlap_s": 0.1}
SHUTDOWN = b'{"e":"serverShutdown","E":1723161255343}'


class Venue(VenueStream):
    """Binance's decoder behind the plainest connection."""

    allowed = HostLimits(connects=Rate(100, 1.0), subscriptions=3)
    channels: ClassVar = {
        Channel.TICKER: "the best bid and ask",
        Channel.TRADE: "each trade",
        Channel.BOOK: "the best levels",
    }

    def decoder(self, channel):
        return BinanceDecoder(self.currency_pairs, [channel], snapshot_limit=100)

    async def carry(self, channel):
        async def subscribe():
            return {"method": "SUBSCRIBE", "id": 1}

        await self.run_decoded(self.api_host, channel, subscribe)


class Everything:
    def __init__(self):
        for name in ("trade", "book", "ticker", "my_trade", "health"):
            setattr(self, f"{name}_queue", asyncio.Queue())


def run(body, on_message=None, channel="trade", cls=Venue, **args):
    async def main():
        async with venue(on_message) as server:
            stream = cls(
                *("binance", ["btc/usdt"], [channel]),
                api_host=server.url,
                subscribe_args=QUICK | args,
            )
            observer = Everything()
            stream.bind_observer(observer)
            running = asyncio.create_task(stream.start())
            try:
                await asyncio.wait_for(body(stream, observer, server), 20)
            finally:
                await stream.stop()
                await asyncio.wait_for(running, 10)

    asyncio.run(main())


class Market:
    """Sends numbered frames to every connection that subscribed, the newer ones a bit behind."""

    def __init__(self, frame):
        self._frame = frame
        self.number = 0
        self._late = []

    def on_message(self, client, message):
        client.send(frames.ACK)

    def tick(self, server):
        self.number += 1
        clients = [one for one in server.clients if one.received and one not in server.gone]
        for client, number in self._late:
            if client not in server.gone:
                client.send(self._frame(number))
        self._late = []
        for place, client in enumerate(clients):
            if place == 0 and self.number % 3:  # the old one is sometimes ahead, sometimes behind
                client.send(self._frame(self.number))
            else:
                self._late.append((client, self.number))

    async def run(self, server, until_s):
        async with asyncio.timeout(until_s):
            while True:
                self.tick(server)
                await asyncio.sleep(0.002)


@pytest.mark.parametrize("ends_at_once", [False, True])
def test_a_connection_that_will_end_is_replaced_without_a_trade_lost_or_doubled(ends_at_once):
    market = Market(frames.trade)

    async def body(stream, observer, server):
        playing = asyncio.create_task(market.run(server, 15))
        await until(lambda: observer.trade_queue.qsize() > 50)
        server.clients[0].send(SHUTDOWN)
        if ends_at_once:  # as soon as the new one has begun to send
            await until(lambda: len(server.clients) == 2 and market.number > 0)
            await asyncio.sleep(0.05)
            server.clients[0].transport.send_close(1000)
        await until(lambda: server.clients[0] in server.gone)
        count = observer.trade_queue.qsize()
        await until(lambda: observer.trade_queue.qsize() > count + 100)
        playing.cancel()
        ids = [int(trade.trade_id) for trade in drain(observer.trade_queue)]
        assert ids == list(range(ids[0], ids[0] + len(ids)))
        kinds = [type(event) for event in drain(observer.health_queue)]
        assert kinds == [Connected, Disconnected, Connected]
        assert len(server.clients) == 2
        assert stream.statistics()[0].gaps == 0

    run(body, market.on_message)


def test_a_book_goes_on_over_a_replacement_without_a_new_snapshot():
    market = Market(lambda number: frames.diff(number, number))
    asked = []

    def answers(path):
        asked.append(path)
        return 200, frames.snapshot(market.number)

    async def body(stream, observer, server):
        playing = asyncio.create_task(market.run(server, 15))
        await until(lambda: observer.book_queue.qsize() > 50)
        server.clients[0].send(SHUTDOWN)
        await until(lambda: server.clients[0] in server.gone)
        count = observer.book_queue.qsize()
        await until(lambda: observer.book_queue.qsize() > count + 100)
        playing.cancel()
        ids = [book.update_id for book in drain(observer.book_queue)]
        assert ids == list(range(ids[0], ids[0] + len(ids)))
        health = [type(event) for event in drain(observer.health_queue)]
        assert health.count(Resynced) == 1
        assert Gap not in health
        assert len(asked) < 20

    with rest(answers) as host:
        run(body, market.on_message, channel="book", rest_host=host)


def test_a_connection_is_replaced_before_its_life_ends():
    market = Market(frames.trade)

    async def body(stream, observer, server):
        playing = asyncio.create_task(market.run(server, 15))
        await until(lambda: len(server.gone) >= 2)
        playing.cancel()
        ids = [int(trade.trade_id) for trade in drain(observer.trade_queue)]
        assert ids == list(range(ids[0], ids[0] + len(ids)))

    run(body, market.on_message, lifetime_s=0.5)


def test_a_replacement_that_cannot_be_opened_is_tried_again_and_the_old_one_goes_on():
    market = Market(frames.trade)
    failures = []

    def on_message(client, message):
        if len(client.venue.clients) in (2, 3):
            failures.append(1)
            client.transport.disconnect(False)
        else:
            market.on_message(client, message)

    async def body(stream, observer, server):
        playing = asyncio.create_task(market.run(server, 15))
        await until(lambda: observer.trade_queue.qsize() > 20)
        server.clients[0].send(SHUTDOWN)
        await until(lambda: server.clients[0] in server.gone)
        playing.cancel()
        ids = [int(trade.trade_id) for trade in drain(observer.trade_queue)]
        assert ids == list(range(ids[0], ids[0] + len(ids)))
        assert len(failures) == 2

    run(body, on_message)


def test_stop_in_the_middle_of_a_replacement_leaves_no_connection():
    async def body(stream, observer, server):
        await until(lambda: stream.topics() and stream.topics()[0].last_ns)
        server.clients[0].send(SHUTDOWN)
        await until(lambda: len(server.clients) == 2)
        await stream.stop()
        await until(lambda: len(server.gone) == 2)

    def on_message(client, message):
        client.send(frames.ACK, *([frames.trade(1)] if len(client.venue.clients) == 1 else []))

    run(body, on_message)


def test_a_subscription_is_followed_from_asked_to_live_to_stale():
    async def body(stream, observer, server):
        await until(lambda: server.clients and server.clients[0].received)
        (topic,) = stream.topics()
        assert topic.state == "asked"
        server.clients[0].send(frames.TRADE)
        await until(lambda: topic.state == "live")
        await until(lambda: topic.state == "stale")
        stale = [event for event in drain(observer.health_queue) if type(event) is Stale]
        assert [event.symbol for event in stale] == [CurrencyPair.BTC_USDT]

    run(body, stale_s={"trade": 0.1})


class Account:
    """A private decoder that acknowledges at the first frame."""

    def __init__(self):
        self.counts = FrameCounts()
        self._topic = Topic(None, Channel.MY_TRADE)

    def topics(self):
        return [self._topic]

    def restart(self):
        self._topic.restart()

    def feed(self, raw, received_ns):
        self._topic.acknowledged = True
        return []

    def feed_snapshot(self, pair, raw, received_ns):
        return []

    def snapshot_requests(self):
        return []


class Private(Venue):
    channels: ClassVar = {Channel.MY_TRADE: "own fills"}
    answers: list

    def decoder(self, channel):
        return Account()

    async def reconcile(self, channel):
        (topic,) = self.topics()
        assert (channel, topic.acknowledged) == (Channel.MY_TRADE, True)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return [answer]


def fill(number):
    pair = CurrencyPair.BTC_USDT
    one = Decimal(1)
    return MyTrade(
        *(1, Exchange.BINANCE, pair, "", "o", str(number), 1, one, one, one, "USDT", 1, 0, 0)
    )


def test_each_private_connect_is_followed_by_a_reconciliation():
    Private.answers = [fill(1), fill(2)]

    async def body(stream, observer, server):
        assert await observer.my_trade_queue.get() == fill(1)
        server.clients[0].transport.disconnect(False)
        assert await observer.my_trade_queue.get() == fill(2)

    run(body, lambda client, message: client.send(frames.ACK), "my_trade", Private)


@pytest.mark.parametrize("error", [StreamError("503"), KeyError("orders")])
def test_a_reconciliation_that_fails_is_told_and_tried_again(error):
    Private.answers = [error, error, fill(1)]

    async def body(stream, observer, server):
        assert await observer.my_trade_queue.get() == fill(1)
        gaps = [event for event in drain(observer.health_queue) if type(event) is Gap]
        assert len(gaps) == 1
        assert "could not be reconciled" in gaps[0].reason
        assert len(server.clients) == 1

    run(body, lambda client, message: client.send(frames.ACK), "my_trade", Private)


def test_more_pairs_than_a_connection_takes_are_refused_in_words():
    with pytest.raises(ConfigError, match="at most 3 pairs on a connection, these are 4"):
        Venue("binance", ["a/b", "c/d", "e/f", "g/h"], ["trade"])


def test_streams_wait_for_the_connects_they_share():
    async def main():
        async with venue(lambda client, message: client.send(frames.ACK)) as server:
            limits = Limits()
            streams = [Venue("binance", ["btc/usdt"], ["trade"]) for _ in range(3)]
            for stream in streams:
                stream.api_host, stream.limits = server.url, limits
                stream.allowed = HostLimits(connects=Rate(2, 60.0))
            running = [asyncio.create_task(stream.start()) for stream in streams]
            await until(lambda: len(server.clients) == 2)
            await asyncio.sleep(0.1)
            states = sorted(stream.statistics()[0].state for stream in streams)
            assert states == ["connected", "connected", "connecting"]
            await asyncio.gather(*(stream.stop() for stream in streams))
            await asyncio.gather(*running)

    asyncio.run(main())


def test_a_refusal_by_silence_names_its_pair():
    def on_message(client, message):
        client.send(json.dumps({"result": None, "id": 1}).encode())

    async def body(stream, observer, server):
        await until(lambda: observer.health_queue.qsize() == 2)
        refused = drain(observer.health_queue)[1]
        assert (type(refused), refused.symbol) == (Refused, CurrencyPair.BTC_USDT)

    run(body, on_message, first_data_s=0.1, ack_s=0.1)
