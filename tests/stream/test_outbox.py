"""Messages leave in order, and none before its leave."""

import asyncio
import time

from tests.stream.loopback import until, venue

from millstream.model import Exchange
from millstream.stream.base import StreamBase
from millstream.stream.limits import HostLimits, Limits, Rate
from millstream.stream.outbox import Outbox

TWO = HostLimits(messages_in_all=Rate(2, 0.3))


class Sent(list):
    """Remembers what was sent, and when."""

    def send(self, message):
        self.append((message, time.monotonic()))


def test_what_has_to_wait_lets_nothing_overtake_it():
    waits = [0.0, 0.05, 0.05, 0.1]

    async def main():
        sent, later = Sent(), asyncio.get_running_loop().call_later
        outbox, began = Outbox(sent, lambda: waits.pop(0), later), time.monotonic()
        assert [outbox.put(b"%d" % number) for number in range(4)] == [0.0, 0.05, 0.05, 0.1]
        assert [message for message, _ in sent] == [b"0"]
        await until(lambda: len(sent) == 4)
        assert [message for message, _ in sent] == [b"0", b"1", b"2", b"3"]
        assert sent[1][1] - began >= 0.04

    asyncio.run(main())


class Asking(StreamBase):
    """Says a word in its talk, and two more as its subscription."""

    allowed = TWO

    async def ticker_channel(self):
        async def prepare(talk):
            talk.send("hello")

        async def subscribe():
            return ["one", "two"]

        await self.run_channel(
            self.api_host, "ticker", subscribe, lambda packet: None, prepare=prepare
        )


def test_all_messages_of_all_streams_to_one_address_share_its_limit():
    async def main():
        came = []

        def on_message(client, message):
            came.append((message, time.monotonic()))

        async with venue(on_message) as server:
            limits, began = Limits(), time.monotonic()
            streams = [
                Asking(Exchange.OKX, [], ["ticker"], api_host=server.url, limits=limits)
                for _ in range(2)
            ]
            running = [asyncio.create_task(stream.start()) for stream in streams]
            await until(lambda: len(came) == 6)
            for stream in streams:
                await stream.stop()
            await asyncio.gather(*running)
        # None comes before its leave; how long after, the machine says.
        waited = [moment - began for _, moment in came]
        assert all(one >= number // 2 * 0.3 for number, one in enumerate(waited))
        assert sorted(message for message, _ in came) == sorted(2 * ["hello", "one", "two"])

    asyncio.run(main())
