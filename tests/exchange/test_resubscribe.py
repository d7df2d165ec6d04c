"""New subscriptions: at once, then ever later, and over the connection that serves."""

import asyncio

from tests.stream.loopback import until

from millstream.exchange.resubscribe import MOST_TRIES, Resubscriber
from millstream.model import CurrencyPair
from millstream.stream.settings import StreamSettings

BTC, ETH = CurrencyPair.BTC_USD, CurrencyPair.ETH_USD
QUICK = StreamSettings(first_delay_s=0.001, longest_delay_s=0.002)


class Line:
    """What a talk is to whoever sends."""

    def __init__(self):
        self.sent, self.is_over = [], False

    def send(self, message):
        self.sent.append(message)


def made(settings=QUICK):
    given_up = []
    return Resubscriber(settings, lambda pair: [f"anew {pair}"], given_up.append), given_up


def test_what_is_never_healed_is_given_up_after_some_tries():
    async def main():
        one, given_up = made()
        line = Line()
        one.connected(line)
        for tries in range(1, MOST_TRIES + 1):
            one.ask([BTC, BTC])
            await until(lambda tries=tries: len(line.sent) == tries)
        assert given_up == []
        one.ask([BTC])
        assert given_up == [BTC]
        assert len(line.sent) == MOST_TRIES

    asyncio.run(main())


def test_what_was_healed_is_asked_at_once_the_next_time():
    async def main():
        one, _ = made(StreamSettings(first_delay_s=1_000.0, longest_delay_s=1_000.0))
        line = Line()
        one.connected(line)
        one.ask([BTC])
        await until(lambda: line.sent)
        one.ask([BTC])  # waits, and is not needed any more
        one.healed(BTC)
        one.ask([BTC])
        await until(lambda: len(line.sent) == 2)

    asyncio.run(main())


def test_a_connection_that_serves_is_asked_until_it_ends():
    async def main():
        one, _ = made()
        old, new = Line(), Line()
        one.connected(old)
        one.connected(new)  # beside it, to replace it
        one.ask([BTC])
        await until(lambda: old.sent)
        old.is_over = True
        one.ask([ETH])
        await until(lambda: new.sent)
        assert (old.sent, new.sent) == (["anew BTC/USD"], ["anew ETH/USD"])

    asyncio.run(main())


def test_a_replacement_that_failed_is_not_asked():
    async def main():
        one, _ = made()
        old, new = Line(), Line()
        one.connected(old)
        one.connected(new)
        new.is_over = True
        one.ask([BTC])
        await until(lambda: old.sent)
        assert new.sent == []

    asyncio.run(main())


def test_a_connection_after_another_forgets_what_was_asked_before():
    async def main():
        one, _ = made(StreamSettings(first_delay_s=1_000.0, longest_delay_s=1_000.0))
        old, new = Line(), Line()
        one.connected(old)
        one.ask([BTC])
        await until(lambda: old.sent)
        one.ask([BTC])
        old.is_over = True
        one.connected(new)
        one.ask([BTC])
        await until(lambda: new.sent)

    asyncio.run(main())


def test_replacements_that_fail_for_months_leave_nothing_behind():
    one, _ = made()
    one.connected(Line())
    for _ in range(50):
        failed = Line()
        one.connected(failed)
        failed.is_over = True
    assert len(one._talks) <= 2
