"""The contract of a stream, kept by IB against a scripted TWS.

IB numbers nothing and TWS speaks by TCP: a row that is dropped, doubled or out of order cannot
happen on the way, and could not be seen. What can be seen is a row that does not fit. Books are 10
rows: there is no snapshot of several MB. TWS gives no notice before it ends, and has no clock that
matters; a client id that is taken is its wrong key. It ends no session for its age: `lifetime_s` is
refused with a sentence (`ib/test_stream.py`).
"""

from __future__ import annotations

import asyncio

import pytest
from tests.exchange.ib import frames, tws
from tests.exchange.scripted.ib import ScriptedTws
from tests.stream.loopback import until

from millstream.exchange import get_exchange_stream
from millstream.exchange.ib import wire
from millstream.model import (
    Book,
    Candle,
    Channel,
    Connected,
    CurrencyPair,
    Disconnected,
    Gap,
    MyOrder,
    MyOrderBatch,
    MyTrade,
    OrderStatus,
    Refused,
    Resynced,
    Stale,
    Ticker,
    Trade,
)

EUR, BTC = CurrencyPair.parse("eur/usd"), CurrencyPair.BTC_USD
QUICK = {"first_delay_s": 0.01, "longest_delay_s": 0.02, "connect_timeout_s": 5.0}


class Told:
    """Every event, in order; each book compared with what TWS has told."""

    def __init__(self, true):
        self.events, self.wrong, self._true, self._invalid = [], [], true, set()
        for channel in Channel:
            setattr(self, f"{channel.value}_queue", self)
        self.health_queue = self

    def put_nowait(self, event):
        self.events.append(event)
        if isinstance(event, Book):
            known = (event.bids, event.asks) in self._true[str(event.symbol)]
            if not known or event.symbol in self._invalid:
                self.wrong.append(event)
        elif isinstance(event, Gap):
            self._invalid.add(event.symbol)
        elif isinstance(event, Resynced):
            self._invalid.discard(event.symbol)

    def of(self, kind, pair=None):
        return [
            one for one in self.events if type(one) is kind and (pair is None or one.symbol == pair)
        ]


def run(body, channels=("book",), pairs=("eur/usd", "btc/usd"), venue=None, hear=None, **args):
    venue = venue or ScriptedTws(1)

    async def main():
        async with tws.tws(hear or venue.hear) as server:
            stream = get_exchange_stream(
                "ib",
                pairs,
                channels,
                api_host=server.url,
                api_auth_data=7,
                subscribe_args=QUICK | args,
            )
            told = Told(venue.true)
            stream.bind_observer(told)
            running = asyncio.create_task(stream.start())
            moving = asyncio.create_task(venue.run())
            try:
                await asyncio.wait_for(body(told, server, venue), 20)
            finally:
                moving.cancel()
                await stream.stop()
                await asyncio.wait_for(running, 10)
            assert told.wrong == []

    asyncio.run(main())


async def more(told, kind=Book, count=10):
    counts = {pair: len(told.of(kind, pair)) + count for pair in (EUR, BTC)}
    await until(lambda: all(len(told.of(kind, pair)) >= n for pair, n in counts.items()))


def test_every_pair_has_data_and_every_book_is_what_tws_told():
    async def body(told, server, venue):
        await more(told, Book, 40)
        await more(told, Ticker, 1)
        assert len(told.of(Resynced)) == 2
        assert told.of(Gap) == []

    run(body, ["book", "ticker"])


def test_a_refused_pair_is_told_by_name_while_the_others_go_on():
    async def body(told, server, venue):
        await until(lambda: told.of(Refused) and len(told.of(Ticker, BTC)) > 0)
        assert {one.symbol for one in told.of(Refused)} == {EUR}

    venue = ScriptedTws(1)
    venue.refuses = {"EUR"}
    run(body, ["ticker"], venue=venue)


def test_silence_after_the_request_is_told_of_each_pair():
    async def body(told, server, venue):
        await until(lambda: len(told.of(Refused)) == 2)
        assert {one.symbol for one in told.of(Refused)} == {EUR, BTC}

    venue = ScriptedTws(1)
    venue.mute = True
    run(body, venue=venue, first_data_s=0.3, ack_s=0.3)


def test_a_row_that_cannot_follow_resyncs_its_pair_while_the_other_goes_on():
    async def body(told, server, venue):
        await more(told, Book, 30)
        (client,) = server.clients
        client.send_raw(frames.row(wire.request_id(Channel.BOOK, 0, 1), 15, 0, 1, "0.5", "5"))
        await until(lambda: len(told.of(Resynced, EUR)) == 2)
        await more(told)
        assert [one.symbol for one in told.of(Gap)] == [EUR]
        assert len(told.of(Resynced, BTC)) == 1
        assert len(server.clients) == 1

    run(body)


def test_a_stall_is_told_of_each_pair():
    async def body(told, server, venue):
        await more(told)
        venue.mute = True
        await until(lambda: {one.symbol for one in told.of(Stale)} == {EUR, BTC})
        venue.mute = False
        await more(told)

    run(body, stale_s=0.25)


def test_a_tws_without_a_sign_of_life_is_left_and_connected_anew():
    async def body(told, server, venue):
        await more(told)
        venue.mute, server.tells_time = True, False
        await until(lambda: len(server.clients) == 2)
        venue.mute, server.tells_time = False, True
        await more(told)
        assert told.of(Disconnected)

    run(body, ping_idle_s=0.2, ping_reply_s=0.2)


@pytest.mark.parametrize("in_a_frame", [False, True])
def test_a_connection_that_ends_is_told_and_every_book_is_begun_anew(in_a_frame):
    async def body(told, server, venue):
        await more(told)
        (client,) = server.clients
        venue.books.clear()
        venue.hang_up_in_a_frame(client) if in_a_frame else client.hang_up()
        await until(lambda: len(told.of(Resynced)) == 4)
        await more(told)
        kinds = [type(one) for one in told.events if isinstance(one, (Connected, Disconnected))]
        assert kinds == [Connected, Disconnected, Connected]

    run(body)


COINS = ("btc/usd", "eth/usd")


def told_trades(told):
    return [
        (str(one.symbol), one.exchange_ns // 10**9, one.price, one.volume) for one in told.of(Trade)
    ]


def test_each_trade_is_told_once_in_its_order_also_after_a_reconnect():
    async def body(told, server, venue):
        for connection in range(2):
            await until(lambda connection=connection: len(told.of(Trade)) > 40 * (connection + 1))
            venue.mute = True
            await until(lambda: len(told.of(Trade)) == len(venue.dealt))
            assert told_trades(told) == venue.dealt
            venue.forget()
            server.clients[connection].hang_up()
            venue.mute = False
        names = [(one.symbol, one.trade_id) for one in told.of(Trade)]
        assert len(set(names)) == len(names)
        assert {str(symbol) for symbol, _ in names} == {"BTC/USD", "ETH/USD"}

    run(body, ["trade"], COINS)


def test_each_bar_is_closed_once_also_one_that_was_closed_while_away():
    async def body(told, server, venue):
        await until(lambda: sum(one.closed for one in told.of(Candle)) > 6)
        (client,) = server.clients
        venue.forget()
        client.hang_up()
        for _ in range(20):
            venue.step()  # nobody hears of these
        await until(lambda: len(server.clients) == 2 and venue.charts)
        count = len(told.of(Candle))
        await until(lambda: sum(one.closed for one in told.of(Candle)[count:]) > 6)
        venue.mute = True
        await asyncio.sleep(0.05)
        for name in ("BTC/USD", "ETH/USD"):
            closed = [
                (one.open_ns // 10**9, int(one.volume))
                for one in told.of(Candle, CurrencyPair.parse(name))
                if one.closed
            ]
            first = venue.bars[name].all.index(closed[0])
            assert closed == venue.bars[name].all[first:-1]

    run(body, ["candle"], COINS)


def account(filled):
    """One order of 20,000; `filled()` says how much is filled."""

    def hear(client, fields):
        number = int(fields[0])
        if number == tws.ALL_OPEN_ORDERS:
            if filled() < 20_000:
                left = str(20_000 - filled())
                client.send_raw(frames.open_order(3, 9, reference="a1b2c3"))
                client.send_raw(frames.status(3, 9, "Submitted", str(filled()), left))
            client.send_raw(frames.ORDERS_END)
        elif number == tws.EXECUTIONS:
            for count in range(1, filled() // 5_000 + 1):
                client.send_raw(
                    frames.execution(
                        f"a.b.{count}.01", 9, request=fields[2], total=str(5_000 * count)
                    ),
                    frames.commission(f"a.b.{count}.01"),
                )
            client.send_raw(frames.executions_end(fields[2]))

    return hear


def test_fills_missed_while_away_are_found_and_each_is_told_once():
    filled = 5_000

    async def body(told, server, venue):
        nonlocal filled
        await until(lambda: told.of(MyTrade))
        filled = 20_000
        server.clients[0].hang_up()
        await until(lambda: len(told.of(MyTrade)) == 4)
        server.clients[1].hang_up()
        await until(lambda: len(server.clients) == 3 and server.clients[2].asked(tws.EXECUTIONS))
        await asyncio.sleep(0.1)
        assert len({one.trade_id for one in told.of(MyTrade)}) == len(told.of(MyTrade)) == 4

    run(body, ["my_trade"], hear=account(lambda: filled))


def test_a_batch_after_a_reconnect_overwrites_the_one_before():
    filled = 5_000

    async def body(told, server, venue):
        nonlocal filled
        await until(lambda: told.of(MyOrderBatch))
        (order,) = told.of(MyOrderBatch)[-1].orders
        assert (order.status, order.filled_volume) == (OrderStatus.PARTIAL, 5_000)
        filled = 20_000
        server.clients[0].hang_up()
        await until(lambda: told.of(MyOrderBatch)[-1].orders == ())

    run(body, ["my_order_batch"], hear=account(lambda: filled))


def test_an_order_that_ended_while_away_is_told_and_never_opens_again():
    filled = 5_000

    async def body(told, server, venue):
        nonlocal filled
        await until(lambda: told.of(MyOrder))
        filled = 20_000
        server.clients[0].hang_up()
        await until(lambda: told.of(MyOrder)[-1].status is OrderStatus.FILLED)
        server.clients[1].send_raw(frames.status(3, 9, "Submitted", "5000", "15000"))
        await asyncio.sleep(0.1)
        assert told.of(MyOrder)[-1].status is OrderStatus.FILLED

    run(body, ["my_order"], hear=account(lambda: filled))


def test_a_client_id_that_is_taken_is_told_and_nothing_is_served():
    async def body(told, server, venue):
        await more(told, Book, 1)
        server.taken.add(7)
        venue.books.clear()
        server.clients[0].hang_up()
        await until(lambda: told.of(Refused))
        assert "already in use" in told.of(Refused)[-1].reason
        served = len(told.of(Book))
        await asyncio.sleep(0.1)
        assert len(told.of(Book)) == served

    run(body)
