"""Kraken's books: the checksum over the text, the depth, and what happens when it is wrong."""

import gzip
import json
from decimal import Decimal
from pathlib import Path
from zlib import crc32

import pytest
from tests.exchange.kraken import frames

from millstream.exchange.kraken.decode import KrakenDecoder
from millstream.model import Book, Channel, CurrencyPair, Gap, Resynced

DATA = Path(__file__).parents[4] / "shared/data/exchanges/kraken/krakensdk_orderbook-v2.json.gz"
BIDS = [("0.50930100", "10.00000000"), ("0.50930000", "2.50000000")]
ASKS = [("0.50940000", "1.00000000"), ("0.50950000", "3.00000000")]
ETH, BTC = CurrencyPair.ETH_USD, CurrencyPair.BTC_USD


def checksum(bids, asks):
    """By the documentation, from sorted text."""
    asks = sorted(asks, key=lambda one: Decimal(one[0]))[:10]
    bids = sorted(bids, key=lambda one: -Decimal(one[0]))[:10]
    text = "".join(part.replace(".", "").lstrip("0") for level in asks + bids for part in level)
    return crc32(text.encode())


def decoder(*pairs, **settings):
    return KrakenDecoder(pairs or [BTC], [Channel.BOOK], **settings)


def snapshot(**changes):
    return frames.book("snapshot", BIDS, ASKS, checksum(BIDS, ASKS), **changes)


def test_the_documented_checksum_is_of_the_text_as_it_was_sent():
    made = decoder()
    resynced, book = made.feed(snapshot(), 7)
    assert type(resynced) is Resynced
    assert book.bids == ((0.509301, 10.0), (0.5093, 2.5))
    assert book.asks == ((0.5094, 1.0), (0.5095, 3.0))
    assert made.resubscriptions() == []


def test_a_shortened_text_has_another_checksum():
    shortened = [("0.509301", "10.00000000"), BIDS[1]]
    (gap,) = decoder().feed(frames.book("snapshot", shortened, ASKS, checksum(BIDS, ASKS)), 7)
    assert type(gap) is Gap


@pytest.mark.skipif(not DATA.exists(), reason="the recorded book is not here")
def test_a_recorded_book_is_right_after_every_update():
    recorded = json.loads(
        gzip.decompress(DATA.read_bytes()), parse_float=Decimal, parse_int=Decimal
    )
    made, bids, asks, checked = decoder(), {}, {}, 0
    for frame in [recorded["init"], *recorded["updates"]]:
        (data,) = frame["data"]
        # The recorder dropped trailing zeros; this pair has prices of 1 and quantities of 8 places.
        text = [
            [(f"{one['price']:.1f}", f"{one['qty']:.8f}") for one in data[side]]
            for side in ("bids", "asks")
        ]
        events = made.feed(frames.book(frame["type"], *text, int(data["checksum"])), 7)
        for known, levels, sign in ((bids, text[0], -1), (asks, text[1], 1)):
            for price, volume in levels:
                known[Decimal(price)] = Decimal(volume)
            best = sorted((p for p, v in known.items() if v), key=lambda p, s=sign: s * p)[:10]
            for price in set(known) - set(best):
                del known[price]
        book = events[-1]
        assert type(book) is Book
        assert book.bids == tuple((float(p), float(bids[p])) for p in sorted(bids, reverse=True))
        assert book.asks == tuple((float(p), float(asks[p])) for p in sorted(asks))
        checked += 1
    assert checked == made.counts.books == 510
    assert made.counts.gaps == 0


def test_an_update_that_does_not_fit_makes_one_pair_invalid_until_its_snapshot():
    made = decoder(BTC, ETH)
    for pair in ("BTC/USD", "ETH/USD"):
        made.feed(snapshot(symbol=pair), 1)
    bids = [("0.50930100", "11.00000000")]
    (gap,) = made.feed(frames.book("update", bids, [], 12345), 2)
    assert (type(gap), gap.symbol, gap.expected) == (Gap, BTC, "12345")
    assert made.resubscriptions() == [BTC]
    assert made.resubscriptions() == []
    right = checksum([*bids, BIDS[1]], ASKS)
    assert made.feed(frames.book("update", bids, [], right), 3) == []
    (other,) = made.feed(frames.book("update", bids, [], right, "ETH/USD"), 3)
    assert (type(other), other.symbol) == (Book, ETH)
    resynced, book = made.feed(snapshot(), 4)
    assert (type(resynced), resynced.symbol, book.bids[0]) == (Resynced, BTC, (0.509301, 10.0))
    assert made.counts.accounted == made.counts.frames


def test_what_is_deeper_than_the_subscription_is_cut_off():
    asks = [(f"1{n}.0", "1.0") for n in range(10)]
    made = decoder()
    made.feed(frames.book("snapshot", [], asks, checksum([], asks)), 1)
    better = [("9.0", "1.0")]
    made.feed(frames.book("update", [], better, checksum([], better + asks)), 2)
    # 19.0 was cut off; when 9.0 goes, the venue tells again what moves up.
    gone, back = ("9.0", "0.0"), ("20.0", "2.0")
    after = [*asks[:9], back]
    (book,) = made.feed(frames.book("update", [], [gone, back], checksum([], after)), 3)
    assert [price for price, _ in book.asks] == [*map(float, range(10, 19)), 20.0]


def test_a_thin_snapshot_without_a_checksum_waits_for_the_full_one():
    made = decoder()
    assert made.feed(frames.book("snapshot", BIDS[:1], [], None), 1) == []
    assert [type(event) for event in made.feed(snapshot(), 2)] == [Resynced, Book]


def test_a_frame_that_cannot_be_read_makes_the_book_it_names_invalid():
    made = decoder(BTC, ETH)
    for pair in ("BTC/USD", "ETH/USD"):
        made.feed(snapshot(symbol=pair), 1)
    (gap,) = made.feed(snapshot(symbol="ETH/USD")[:-20], 2)
    assert (type(gap), gap.symbol) == (Gap, ETH)
    assert made.counts.malformed == 1
    assert made.counts.accounted == made.counts.frames == 3


def test_after_a_restart_nothing_is_served_before_a_snapshot():
    made = decoder()
    made.feed(snapshot(), 1)
    made.restart()
    bids = [("0.50930100", "11.00000000")]
    right = checksum([*bids, BIDS[1]], ASKS)
    assert made.feed(frames.book("update", bids, [], right), 2) == []


def test_an_impossible_level_is_a_gap():
    for price in ("-1.0", "1e999", '"1.0"', "null"):
        made = decoder()
        made.feed(snapshot(), 1)
        (gap,) = made.feed(frames.book("update", [(price, "1.0")], [], 1), 2)
        assert type(gap) is Gap
