"""The contract of a stream of market data, kept by every venue under every fault.

The venue is scripted (`scripted/`): it speaks the venue's language on loopback and knows its true
book. A `Witness` compares everything that is told with it: an invalid book is never served, and
what is missing is explained by an event. IB's is in `test_contract_ib.py`, own orders' in
`test_contract_own.py`.
"""

from __future__ import annotations

import asyncio

import pytest
from tests.exchange.scripted.tongues import EVERY_TONGUE
from tests.exchange.scripted.venue import scripted
from tests.exchange.scripted.witness import Witness
from tests.stream.loopback import until

from millstream.exchange import get_exchange_stream
from millstream.model import (
    Channel,
    Connected,
    CurrencyPair,
    Disconnected,
    Gap,
    Refused,
    Resynced,
    Stale,
)

QUICK = {
    "first_delay_s": 0.01,
    "longest_delay_s": 0.05,
    "message_pause_s": 0.001,
    "overlap_s": 0.05,
    "book_depth": 10,
}
NOT_OFFERED = {
    ("kraken", "megabytes"): "the venue sends 1,000 levels at most",
    ("kraken", "goodbye"): "the venue gives no notice",
    ("kraken_future", "goodbye"): "the venue gives no notice",
    ("coinbase", "goodbye"): "the venue gives no notice",
    ("coinbase", "other pairs go on"): "frames are numbered by connection: all pairs are in doubt",
}


FEED = "coinbase exchange feed"
NOT_OFFERED |= {
    (FEED, "goodbye"): "the venue gives no notice",
    (FEED, "misspelt"): "what the venue answers is not known",
    (FEED, "hole"): "frames of a book have no number",
    (FEED, "other pairs go on"): "frames of a book have no number",
}


@pytest.fixture(params=EVERY_TONGUE, ids=[one.label or one.exchange for one in EVERY_TONGUE])
def tongue(request):
    return request.param()


def offered(tongue, what):
    if reason := NOT_OFFERED.get((tongue.label or tongue.exchange, what)):
        pytest.skip(reason)


def run(tongue, body, channels=("book",), *, misspelt=False, prepare=None, every_s=0.005, **more):
    async def main():
        async with scripted(tongue, 1, every_s, more.pop("deep", 0)) as venue:
            if prepare is not None:
                prepare(venue)
            witness = Witness(venue, 1_000)
            settings = QUICK | {"rest_host": venue.rest_url} | tongue.settings | more
            if "candle" in channels:
                settings["candle_interval"] = tongue.candle_interval
            stream = get_exchange_stream(
                tongue.exchange,
                [*venue.pairs, *([f"XYZ/{tongue.quote}"] if misspelt else [])],
                channels,
                api_host=venue.url,
                subscribe_args=settings,
            )
            stream.bind_observer(witness)
            running = asyncio.create_task(stream.start())
            try:
                await asyncio.wait_for(body(stream, witness, venue), 20)
            finally:
                await stream.stop()
                await asyncio.wait_for(running, 10)
            assert witness.problems == []
            assert witness.told["unexplained"] == 0

    asyncio.run(main())


def pair_of(venue, place):
    return CurrencyPair.parse(list(venue.pairs)[place])


def told_of(witness, kind, pair=None):
    return [one for one in witness.health if type(one) is kind and pair in (None, one.symbol)]


async def books_of_both(witness, more=5):
    """Some more frames' books of both pairs."""
    marks = {pair: witness.books.get(pair, 0) + more for pair in witness.pairs}
    await until(lambda: all(witness.books.get(pair, 0) >= mark for pair, mark in marks.items()))


async def the_line(venue, witness):
    """The one line, when both books are served over it."""
    await books_of_both(witness)
    (line,) = venue.lines.values()
    return line


def test_every_channel_is_acknowledged_and_has_data_of_every_pair(tongue):
    channels = ["ticker", "trade", "book", *(["candle"] if tongue.candles else [])]

    async def body(stream, witness, venue):
        await until(lambda: stream.topics() and all(one.state == "live" for one in stream.topics()))
        assert len(stream.topics()) == len(channels) * len(venue.pairs)
        await until(lambda: min(witness.told[name.title()] for name in channels) > 10)
        assert {type(event) for event in witness.health} == {Connected, Resynced}

    run(tongue, body, channels)


def test_a_refused_subscription_is_told_by_name_and_serves_nothing(tongue):
    async def body(stream, witness, venue):
        await until(lambda: told_of(witness, Refused))
        assert not witness.books

    run(tongue, body, prepare=lambda venue: setattr(venue, "refuses", True), ack_s=0.3)


def test_a_misspelt_pair_is_told_by_name_while_the_others_go_on(tongue):
    offered(tongue, "misspelt")

    async def body(stream, witness, venue):
        await until(lambda: told_of(witness, Refused, CurrencyPair("XYZ", tongue.quote)))
        await books_of_both(witness)
        assert {str(one.symbol.base) for one in told_of(witness, Refused)} == {"XYZ"}

    run(tongue, body, misspelt=True, first_data_s=0.4, ack_s=0.4)


def test_silence_after_the_acknowledgement_is_told_of_each_pair(tongue):
    async def body(stream, witness, venue):
        await until(lambda: len(told_of(witness, Refused)) == 2)
        assert {one.symbol for one in told_of(witness, Refused)} == set(witness.pairs)
        assert all("no data within 0.3 s" in one.reason for one in told_of(witness, Refused))
        assert not witness.books

    run(tongue, body, prepare=lambda venue: setattr(venue, "mute", True), first_data_s=0.3)


@pytest.mark.parametrize("fault", ["drop", "reorder"])
def test_a_hole_in_a_book_is_told_and_the_book_is_equal_again(tongue, fault):
    offered(tongue, "hole")

    async def body(stream, witness, venue):
        line, btc = await the_line(venue, witness), pair_of(venue, 0)
        synced = len(told_of(witness, Resynced, btc))
        while not told_of(witness, Gap):  # of Kraken's frames the next one may heal the loss
            line.fault, line.fault_on = fault, ("book", str(btc))
            await until(lambda: not line.fault)
            await asyncio.sleep(0.05)
        assert told_of(witness, Gap)[0].symbol in (btc, None)
        await until(lambda: len(told_of(witness, Resynced, btc)) > synced)
        await books_of_both(witness)
        assert not witness.invalid

    run(tongue, body)


def test_one_pair_resyncs_while_the_others_go_on(tongue):
    offered(tongue, "other pairs go on")

    async def body(stream, witness, venue):
        line, btc, eth = await the_line(venue, witness), pair_of(venue, 0), pair_of(venue, 1)
        while not told_of(witness, Gap, btc):
            line.fault, line.fault_on = "drop", ("book", str(btc))
            await until(lambda: not line.fault)
            await asyncio.sleep(0.05)
        await until(lambda: len(told_of(witness, Resynced, btc)) > 1)
        await books_of_both(witness)
        assert told_of(witness, Gap, eth) == []
        assert len(told_of(witness, Resynced, eth)) == 1
        assert venue.opened == 1

    run(tongue, body)


@pytest.mark.parametrize("fault", ["drop", "duplicate", "reorder"])
def test_each_trade_is_told_once_and_a_missing_one_is_explained(tongue, fault):
    async def body(stream, witness, venue):
        await until(lambda: witness.told["Trade"] > 5)
        (line,) = venue.lines.values()
        line.fault = fault
        await until(lambda: not line.fault)
        count = witness.told["Trade"]
        await until(lambda: witness.told["Trade"] > count + 20)
        assert bool(told_of(witness, Gap)) == (fault != "duplicate")

    run(tongue, body, ["trade"])


def test_a_book_frame_that_comes_twice_changes_nothing(tongue):
    async def body(stream, witness, venue):
        line = await the_line(venue, witness)
        for _ in range(3):
            line.fault = "duplicate"
            await until(lambda: not line.fault)
        await books_of_both(witness)
        assert told_of(witness, Gap) == []
        assert venue.opened == 1

    run(tongue, body)


def test_a_stall_is_told_once_of_each_pair_and_what_it_lost_is_told_after_it(tongue):
    offered(tongue, "hole")

    async def body(stream, witness, venue):
        line = await the_line(venue, witness)
        line.fault, line.stall_s = "stall", 0.6
        await until(lambda: len(told_of(witness, Stale)) == 2)
        assert {one.symbol for one in told_of(witness, Stale)} == set(witness.pairs)
        await books_of_both(witness)
        if tongue.numbered_books:
            assert told_of(witness, Gap)

    run(tongue, body, stale_s=0.25)


def test_a_venue_without_a_sign_of_life_is_left_and_connected_anew(tongue):
    async def body(stream, witness, venue):
        line = await the_line(venue, witness)
        line.silent_until = float("inf")
        line.client.transport.underlying_transport.pause_reading()  # answers no ping
        await until(lambda: venue.opened == 2)
        await until(lambda: len(told_of(witness, Connected)) == 2)
        await books_of_both(witness)
        kinds = [type(one) for one in witness.health if one.symbol is None]
        assert kinds[:4] == [Connected, Stale, Disconnected, Connected]

    if tongue.exchange.startswith("okx"):
        run(tongue, body, ping_every_s=0.1, ping_idle_s=0.2, ping_reply_s=0.2)
    else:
        run(tongue, body, ping_idle_s=0.2, ping_reply_s=0.2)


@pytest.mark.parametrize("fault", ["close", "close_in_a_frame"])
def test_a_connection_that_ends_is_told_and_every_book_is_exact_again(tongue, fault):
    async def body(stream, witness, venue):
        line = await the_line(venue, witness)
        line.fault = fault
        await until(lambda: len(told_of(witness, Connected)) == 2)
        await until(lambda: len(told_of(witness, Resynced)) == 4)
        await books_of_both(witness)
        codes = [one.code for one in told_of(witness, Disconnected)]
        assert codes == [1001 if fault == "close" else 1006]

    run(tongue, body)


def test_a_connection_that_ends_inside_a_snapshot_serves_nothing_of_it(tongue):
    async def body(stream, witness, venue):
        await books_of_both(witness)
        cut = venue.said["close_in_a_frame"] or venue.said["cut answers"]
        assert cut == 1

    def prepare(venue):
        if tongue.exchange.startswith("binance"):
            venue.cut_answers = 1  # the snapshot comes by REST
        else:
            venue.opening = "close_in_a_frame", ("book", next(iter(venue.pairs)))

    run(tongue, body, prepare=prepare)


def test_a_first_snapshot_that_cannot_be_read_is_asked_for_again(tongue):
    async def body(stream, witness, venue):
        await books_of_both(witness)
        assert (venue.said["garble"] or venue.said["garbled answers"]) == 1
        assert {one.symbol for one in told_of(witness, Gap)} <= {pair_of(venue, 0), None}
        assert stream.statistics()[0].malformed == 1
        assert venue.opened == 1
        if not tongue.exchange.startswith("binance"):
            assert told_of(witness, Gap)

    def prepare(venue):
        if tongue.exchange.startswith("binance"):
            venue.garbled_answers = 1  # the snapshot comes by REST
        else:
            venue.opening = "garble", ("book", next(iter(venue.pairs)))

    run(tongue, body, prepare=prepare)


def test_a_snapshot_of_several_megabytes_is_served_as_it_is(tongue):
    offered(tongue, "megabytes")

    async def body(stream, witness, venue):
        await books_of_both(witness, 2)
        assert min(len(pair.bids) for pair in venue.pairs.values()) > 30_000
        assert stream.statistics()[0].malformed == 0

    run(tongue, body, deep=30_000, every_s=0.2)


@pytest.mark.parametrize("why", ["goodbye", "lifetime"])
def test_a_connection_that_will_end_is_replaced_before_it_closes(tongue, why):
    if why == "goodbye":
        offered(tongue, "goodbye")

    async def body(stream, witness, venue):
        line = await the_line(venue, witness)
        if why == "goodbye":
            line.answer(tongue.goodbye())
        await until(lambda: venue.opened >= 2)
        assert line.client not in venue.server.gone
        await until(lambda: line.client in venue.server.gone)
        await books_of_both(witness)
        assert told_of(witness, Gap) == []
        kinds = [type(one) for one in witness.health if type(one) is not Resynced]
        assert kinds[:3] == [Connected, Disconnected, Connected]
        assert told_of(witness, Disconnected)[0].reason == "replaced by a new connection"
        assert witness.told["books that went back"] == 0
        if tongue.numbered_books:
            assert len(told_of(witness, Resynced)) == len(venue.pairs)

    run(tongue, body, **({"lifetime_s": 0.5} if why == "lifetime" else {}))


def test_no_trade_is_lost_or_doubled_when_a_connection_is_replaced(tongue):
    async def body(stream, witness, venue):
        await until(lambda: len(told_of(witness, Connected)) >= 2)
        count = witness.told["Trade"]
        await until(lambda: witness.told["Trade"] > count + 20)
        assert told_of(witness, Gap) == []
        assert {one.channel for one in witness.health} == {Channel.TRADE}

    run(tongue, body, ["trade"], lifetime_s=0.3)
