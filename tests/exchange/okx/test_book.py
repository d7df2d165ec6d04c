"""The book by prevSeqId and seqId: what follows, what does not, and what heals it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.exchange.okx import frames

from millstream.exchange import decoder
from millstream.model import Book, CurrencyPair, Gap, Resynced

BTC, ETH = CurrencyPair.BTC_USDT, CurrencyPair.ETH_USDT


def made(**settings):
    return decoder("okx", [BTC, ETH], ["book"], **settings)


def kinds(events):
    return [type(event) for event in events]


def test_a_whole_book_and_the_changes_that_follow():
    books = made()
    assert kinds(books.feed(frames.whole(3), 1)) == [Resynced, Book]
    [book] = books.feed(frames.book(3, 4, [("99", "0"), ("98.5", "3")], [("101", "2")]), 2)
    assert book.bids == ((98.5, 3.0), (98.0, 2.0))
    assert book.asks == ((101.0, 2.0),)
    assert (book.update_id, book.exchange_ns) == (4, 1597026383085000000)


def test_a_keepalive_changes_nothing_and_is_heard():
    books = made()
    books.feed(frames.whole(3), 1)
    assert books.feed(frames.book(3, 3), 9) == []
    assert books.topics()[0].last_ns == 9
    assert kinds(books.feed(frames.book(3, 4, [("99", "5")]), 10)) == [Book]


def test_numbers_that_begin_lower_after_maintenance_go_on():
    books = made()
    books.feed(frames.whole(10), 1)
    assert kinds(books.feed(frames.book(10, 3, [("99", "5")]), 2)) == [Book]
    assert kinds(books.feed(frames.book(3, 5, [("99", "6")]), 3)) == [Book]


def test_a_missing_frame_is_a_gap_of_its_pair_alone_until_a_whole_book_comes():
    books = made()
    books.feed(frames.whole(3), 1)
    books.feed(frames.whole(3, "ETH-USDT"), 1)
    [gap] = books.feed(frames.book(5, 6, [("99", "5")]), 2)
    assert isinstance(gap, Gap)
    assert (gap.symbol, gap.expected, gap.got) == (BTC, "3", "5")
    assert books.resubscriptions() == [BTC]
    assert books.resubscriptions() == []
    assert books.feed(frames.book(6, 7, [("99", "5")]), 3) == []
    assert kinds(books.feed(frames.book(3, 4, [("99", "5")], pair="ETH-USDT"), 3)) == [Book]
    assert kinds(books.feed(frames.whole(9), 4)) == [Resynced, Book]


def test_the_last_frame_again_is_ignored():
    books = made()
    books.feed(frames.whole(3), 1)
    books.feed(frames.book(3, 4, [("99", "5")]), 2)
    assert books.feed(frames.book(3, 4, [("99", "5")]), 3) == []
    assert books.counts.gaps == 0


def test_a_crossed_book_is_never_served():
    books = made()
    books.feed(frames.whole(3), 1)
    [gap] = books.feed(frames.book(3, 4, [("102", "5")]), 2)
    assert gap.reason == "the book is crossed"


def test_a_new_connection_begins_with_a_whole_book():
    books = made()
    books.feed(frames.whole(3), 1)
    books.restart()
    assert books.feed(frames.book(3, 4, [("99", "5")]), 2) == []
    assert books.counts.accounted == books.counts.frames


def test_a_small_book_is_whole_in_every_frame():
    books = made(book_channel="books5")
    raw = frames.whole(3).replace(b'"books"', b'"books5"').replace(b'"action":"snapshot",', b"")
    assert kinds(books.feed(raw, 1)) == [Resynced, Book]
    assert kinds(books.feed(raw, 2)) == [Book]


def test_changes_without_number_and_checksum_are_malformed():
    books = made()
    books.feed(frames.whole(3), 1)
    raw = frames.book(3, 4, [("99", "5")]).replace(b',"prevSeqId":3,"seqId":4', b"")
    assert books.feed(raw, 2) == []
    assert books.counts.malformed == 1


@pytest.mark.skipif(not frames.RECORDING.exists(), reason="the recordings are not here")
def test_a_checksum_that_is_not_the_books_is_a_gap():
    recorded = frames.recorded("books", "BTC-USDT")
    books = made()
    for raw in recorded[:5]:
        books.feed(raw, 1)
    wrong = recorded[6]  # the fifth is left out: nothing but the checksum can tell
    [gap] = books.feed(wrong, 2)
    assert gap.reason == "the checksum is not the book's"


@given(st.lists(st.sampled_from(["next", "again", "lost", "whole"]), max_size=30))
def test_a_book_is_served_only_while_every_frame_followed(steps):
    books, number, good = made(), 10, False
    for step in steps:
        if step == "whole":
            raw, number, good = frames.whole(number + 1), number + 1, True
            assert kinds(books.feed(raw, 1))[-1] is Book
            continue
        if step == "lost":
            number, good = number + 2, False
            books.feed(frames.book(number - 1, number, [("97", "1")]), 1)
            continue
        if step == "again":
            books.feed(frames.book(number, number), 1)
            continue
        events = books.feed(frames.book(number, number + 1, [("97", "1")]), 1)
        number += 1
        assert (Book in kinds(events)) == good


def test_a_book_does_not_go_back_in_time_when_another_connection_takes_over():
    books = made()
    books.feed(at(frames.whole(3), 1_000), 1)
    (newest,) = books.feed(at(frames.book(3, 4, [("99", "5")]), 2_000), 2)
    books.replaced()
    assert books.feed(at(frames.whole(2), 500), 3) == []
    assert books.feed(at(frames.book(2, 3, [("98", "2")]), 1_000), 4) == []
    (same,) = books.feed(at(frames.book(3, 4, [("99", "5")]), 2_000), 5)
    assert (same.bids, same.exchange_ns) == (newest.bids, newest.exchange_ns)
    assert books.counts.accounted == books.counts.frames


def test_a_connection_that_takes_over_later_than_the_old_one_told_begins_anew():
    books = made()
    books.feed(at(frames.whole(3), 1_000), 1)
    books.replaced()
    assert kinds(books.feed(at(frames.whole(9), 2_000), 2)) == [Resynced, Book]
    assert kinds(books.feed(at(frames.book(9, 10, [("99", "5")]), 3_000), 3)) == [Book]
    assert kinds(books.feed(at(frames.whole(11), 4_000), 4)) == [Book]


def at(frame, time_ms):
    return frame.replace(b'"ts":"1597026383085"', b'"ts":"%d"' % time_ms)
