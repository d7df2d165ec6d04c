"""A first snapshot that cannot be read, or never comes: told, and asked for again."""

import pytest
from tests.exchange.coinbase import frames as coinbase
from tests.exchange.kraken import frames as kraken
from tests.exchange.kraken_future import frames as kraken_future
from tests.exchange.okx import frames as okx

from millstream.exchange import decoder
from millstream.exchange.awaited import NO_SNAPSHOT, PATIENCE_NS
from millstream.model import CurrencyPair, Gap

BTC = CurrencyPair.BTC_USD
LEVELS = [("99", "1")], [("101", "2")]
# venue: a snapshot and a change
VENUES = {
    "kraken": (kraken.book("snapshot", *LEVELS, 1), kraken.book("update", *LEVELS, 1)),
    "kraken_future": (
        kraken_future.book_snapshot(1, *LEVELS),
        kraken_future.level(2, "buy", 98, 1),
    ),
    "okx": (okx.whole(1, "BTC-USD"), okx.book(1, 2, [("98", "1")], pair="BTC-USD")),
    "coinbase": (coinbase.book(0, "snapshot", *LEVELS), coinbase.book(0, "update", *LEVELS)),
}


@pytest.fixture(params=VENUES)
def venue(request):
    return decoder(request.param, [BTC], ["book"]), *VENUES[request.param]


def test_one_that_cannot_be_read_is_a_gap_and_asked_for_again(venue):
    made, snapshot, _ = venue
    (gap,) = made.feed(snapshot[:-20], 1)
    assert (type(gap), gap.symbol, gap.reason) == (Gap, BTC, "a frame could not be read")
    assert (made.resubscriptions(), made.resubscriptions()) == ([BTC], [])
    assert made.feed(snapshot[:-20], 2)[0].symbol == BTC
    assert made.resubscriptions() == [BTC]


def test_one_that_never_comes_is_a_gap_when_changes_have_come_for_long(venue):
    made, _, change = venue
    changes = [change.replace(b'"sequence_num":0', b'"sequence_num":%d' % at) for at in range(3)]
    assert made.feed(changes[0], 10) == []
    assert made.feed(changes[1], 10 + PATIENCE_NS - 1) == []
    assert made.resubscriptions() == []
    (gap,) = made.feed(changes[2], 10 + PATIENCE_NS)
    assert (type(gap), gap.symbol, gap.reason) == (Gap, BTC, NO_SNAPSHOT)
    assert made.resubscriptions() == [BTC]
    assert made.counts.accounted == made.counts.frames
