"""Binance's U/u rule, diff by diff."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.exchange.binance.frames import diff, snapshot

from millstream.exchange.binance import book as rule
from millstream.exchange.binance.decode import BinanceDecoder
from millstream.model import Book, Channel, CurrencyPair, Gap, Resynced, Stale

BTC, ETH = CurrencyPair.BTC_USDT, CurrencyPair.ETH_USDT


def made(pairs=(BTC,), **settings):
    return BinanceDecoder(pairs, [Channel.BOOK], **settings)


def kinds(events):
    return [type(event) for event in events]


def test_a_first_diff_is_held_and_asks_for_a_snapshot_once():
    decoder = made()
    assert decoder.snapshot_requests() == []
    assert decoder.feed(diff(1, 5), 1) == []
    (request,) = decoder.snapshot_requests()
    assert (request.pair, request.path) == (BTC, "/api/v3/depth?symbol=BTCUSDT&limit=5000")
    decoder.feed(diff(6, 7), 1)
    assert decoder.snapshot_requests() == []
    assert decoder.counts.buffered == 2


def test_held_diffs_each_become_a_book_at_the_snapshots_time():
    decoder = made()
    for first in (1, 6, 8):
        decoder.feed(diff(first, first + (4 if first == 1 else 1), [(90, first)]), first)
    events = decoder.feed_snapshot(BTC, snapshot(5), 100)
    assert kinds(events) == [Resynced, Book, Book]
    assert [event.received_ns for event in events] == [100, 100, 100]
    assert [event.update_id for event in events] == [5, 7, 9]
    assert decoder.counts.ignored == 1
    assert decoder.counts.buffered == 0
    assert decoder.counts.accounted == decoder.counts.frames == 4


def test_the_first_diff_after_a_snapshot_may_reach_back_over_it():
    decoder = made()
    decoder.feed_snapshot(BTC, snapshot(5), 1)
    (event,) = decoder.feed(diff(3, 8, [(98, 2)]), 2)
    assert event.bids == ((99.0, 1.0), (98.0, 2.0))


def test_volumes_are_absolute_and_zero_removes():
    decoder = made()
    decoder.feed_snapshot(BTC, snapshot(5), 1)
    decoder.feed(diff(6, 6, [(99, 3), (98, 2)], [(101, 0), (102, 4)]), 2)
    (event,) = decoder.feed(diff(7, 7, [(98, 0), (50, 0)]), 3)
    assert (event.bids, event.asks) == (((99.0, 3.0),), ((102.0, 4.0),))


def test_an_older_diff_is_ignored():
    decoder = made()
    decoder.feed_snapshot(BTC, snapshot(5), 1)
    assert decoder.feed(diff(3, 5), 2) == []
    assert decoder.counts.ignored == 1


def test_a_hole_invalidates_one_pair_and_a_snapshot_heals_it():
    decoder = made([BTC, ETH])
    for pair in (BTC, ETH):
        decoder.feed_snapshot(pair, snapshot(5), 1)
    (gap,) = decoder.feed(diff(9, 9), 2)
    assert (gap.symbol, gap.expected, gap.got, gap.missing) == (BTC, "6", "9", 3)
    assert decoder.feed(diff(10, 10), 3) == []
    assert kinds(decoder.feed(diff(6, 6, symbol="ethusdt"), 3)) == [Book]
    assert [request.pair for request in decoder.snapshot_requests()] == [BTC]
    assert kinds(decoder.feed_snapshot(BTC, snapshot(9), 4)) == [Resynced, Book]
    assert kinds(decoder.feed(diff(11, 11), 5)) == [Book]


def test_a_hole_among_held_diffs_is_a_gap_and_asks_again():
    decoder = made()
    decoder.feed(diff(1, 5), 1)
    decoder.feed(diff(9, 9), 1)
    decoder.snapshot_requests()
    assert kinds(decoder.feed_snapshot(BTC, snapshot(3), 2)) == [Resynced, Book, Gap]
    assert len(decoder.snapshot_requests()) == 1
    assert decoder.counts.buffered == 1
    assert kinds(decoder.feed_snapshot(BTC, snapshot(8), 3)) == [Resynced, Book]


def test_a_snapshot_older_than_what_is_held_is_asked_for_again():
    decoder = made()
    decoder.feed(diff(10, 12), 1)
    decoder.snapshot_requests()
    assert decoder.feed_snapshot(BTC, snapshot(8), 2) == []
    assert len(decoder.snapshot_requests()) == 1
    assert kinds(decoder.feed_snapshot(BTC, snapshot(9), 3)) == [Resynced, Book]


def test_a_crossed_book_is_never_served_and_heals_by_a_snapshot():
    decoder = made()
    decoder.feed_snapshot(BTC, snapshot(5), 1)
    (gap,) = decoder.feed(diff(6, 6, [(101, 1)]), 2)
    assert (type(gap), gap.reason) == (Gap, "the book is crossed")
    assert len(decoder.snapshot_requests()) == 1
    assert decoder.feed(diff(7, 7, [(101, 0)]), 3) == []
    assert kinds(decoder.feed_snapshot(BTC, snapshot(6), 4)) == [Resynced, Book]
    assert decoder.counts.accounted == decoder.counts.frames


def test_a_crossed_snapshot_is_not_taken():
    decoder = made()
    decoder.feed(diff(1, 2), 1)
    decoder.snapshot_requests()
    assert decoder.feed_snapshot(BTC, snapshot(2, [(101, 1)], [(100, 1)]), 2) == []
    assert len(decoder.snapshot_requests()) == 1


@pytest.mark.parametrize("raw", [b"", b"<html>", b'{"lastUpdateId":1}', b"[" * 100_000])
def test_an_unreadable_snapshot_is_malformed_and_asked_for_again(raw):
    decoder = made()
    decoder.feed(diff(1, 2), 1)
    decoder.snapshot_requests()
    assert decoder.feed_snapshot(BTC, raw, 2) == []
    assert decoder.counts.malformed == 1
    assert len(decoder.snapshot_requests()) == 1


def test_a_new_connection_starts_the_book_anew():
    decoder = made()
    decoder.feed_snapshot(BTC, snapshot(5), 1)
    decoder.restart()
    assert decoder.feed(diff(6, 6), 2) == []
    assert len(decoder.snapshot_requests()) == 1
    decoder.restart()
    assert decoder.counts.buffered == 0
    assert decoder.counts.accounted == decoder.counts.frames


def test_the_buffer_is_bounded_and_lets_the_oldest_go(monkeypatch):
    monkeypatch.setattr(rule, "MAX_BUFFERED", 3)
    decoder = made()
    for number in range(1, 11):
        decoder.feed(diff(number, number), number)
    assert (decoder.counts.buffered, decoder.counts.ignored) == (3, 7)
    assert kinds(decoder.feed_snapshot(BTC, snapshot(8), 2)) == [Resynced, Book, Book]


def test_a_served_book_has_the_depth_that_was_asked_for():
    decoder = made(book_depth=3)
    levels = [(number, 1) for number in range(1, 50)]
    asks = [(number + 100, 1) for number in range(1, 50)]
    decoder.feed_snapshot(BTC, snapshot(5, levels, asks), 1)
    (event,) = decoder.feed(diff(6, 6, [(49, 7)]), 2)
    assert event.bids == ((49.0, 7.0), (48.0, 1.0), (47.0, 1.0))
    assert event.asks == ((101.0, 1.0), (102.0, 1.0), (103.0, 1.0))


def near_its_end(decoder):
    """A book of a snapshot cut at 40 levels a side, whose best 21 bids then go."""
    bids = [(200 - number, 1) for number in range(40)]
    asks = [(201 + number, 1) for number in range(40)]
    decoder.feed_snapshot(BTC, snapshot(5, bids, asks), 1)
    return decoder.feed(diff(6, 6, [(200 - number, 0) for number in range(21)] + [(150, 1)]), 2)


def test_a_book_at_the_end_of_its_snapshot_says_so_and_asks_for_a_new_one():
    decoder = made(snapshot_limit=40)
    assert kinds(near_its_end(decoder)) == [Stale, Book]
    assert len(decoder.snapshot_requests()) == 1
    assert kinds(decoder.feed(diff(7, 7, [(151, 1)]), 3)) == [Book]
    assert decoder.counts.gaps == 0


@pytest.mark.parametrize(("last", "bids"), [(6, 179), (7, 180), (9, 182)])
def test_a_wider_snapshot_joins_without_a_gap(last, bids):
    decoder = made(snapshot_limit=40)
    near_its_end(decoder)
    decoder.feed(diff(7, 7, [(180, 5)]), 3)
    wide = [(bids - number, 2) for number in range(40)]
    events = decoder.feed_snapshot(BTC, snapshot(last, wide, [(201, 1)]), 4)
    assert kinds(events) == [Resynced]
    following = max(last, 7) + 1
    (event,) = decoder.feed(diff(following, following), 5)
    assert (180.0, 2.0 if last >= 7 else 5.0) in event.bids
    assert decoder.counts.accounted == decoder.counts.frames


PRICE = st.integers(1, 30)
VOLUME = st.integers(0, 3)
DIFF = st.tuples(
    st.integers(1, 3),
    st.lists(st.tuples(PRICE, VOLUME), max_size=4),
    st.lists(st.tuples(PRICE.map(lambda price: price + 30), VOLUME), max_size=4),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(DIFF, min_size=1, max_size=25), st.integers(0, 25), st.data())
def test_whenever_the_snapshot_comes_the_book_equals_a_dictionary(diffs, arrives, data):
    """The snapshot is taken at any moment before it arrives; books match a model of the venue."""
    decoder, bids, asks, last = made(), {5: 1}, {40: 1}, 100
    states = [(last, dict(bids), dict(asks))]
    pending = []
    for width, bid_changes, ask_changes in diffs:
        first, last = last + 1, last + width
        for book, changes in ((bids, bid_changes), (asks, ask_changes)):
            for price, volume in changes:
                book[price] = volume
                if not volume:
                    del book[price]
        states.append((last, dict(bids), dict(asks)))
        pending.append((diff(first, last, bid_changes, ask_changes), last))
    arrives = min(arrives, len(pending))
    taken = states[data.draw(st.integers(0, arrives))]
    by_id = {state[0]: state for state in states}
    served = []
    for number, (raw, _) in enumerate(pending):
        if number == arrives:
            body = snapshot(taken[0], taken[1].items(), taken[2].items())
            served += decoder.feed_snapshot(BTC, body, 1)
        served += decoder.feed(raw, 1)
    for event in served:
        if type(event) is Book:
            _, model_bids, model_asks = by_id[event.update_id]
            assert dict(event.bids) == {float(p): float(v) for p, v in bids_top(model_bids, True)}
            assert dict(event.asks) == {float(p): float(v) for p, v in bids_top(model_asks, False)}
    assert decoder.counts.gaps == 0
    assert decoder.counts.accounted == decoder.counts.frames
    if arrives < len(pending):
        assert decoder.counts.books == sum(after > taken[0] for _, after in pending)


def bids_top(book, best_is_high):
    return sorted(book.items(), reverse=best_is_high)[:20]
