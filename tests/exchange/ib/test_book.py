"""TWS's depth rows to books."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.exchange.ib import frames

from millstream.exchange.ib import wire
from millstream.exchange.ib.book import MAX_CROSSED
from millstream.exchange.ib.decode import IBDecoder
from millstream.model import Book, Channel, CurrencyPair, Exchange, Gap, Resynced

EUR_USD, GBP_USD = CurrencyPair.parse("eur/usd"), CurrencyPair.parse("gbp/usd")
INSERT, UPDATE, DELETE = 0, 1, 2
ASK, BID = 0, 1


def request(number=0, generation=0):
    return wire.request_id(Channel.BOOK, number, generation)


def row(position, operation, side, price="0", size="0", to=None):
    return frames.row(to or request(), position, operation, side, price, size)


def fed(made, *raws):
    events = [event for n, raw in enumerate(raws) for event in made.feed(raw, n)]
    assert made.counts.accounted == made.counts.frames
    return events


def decoder():
    return IBDecoder([EUR_USD, GBP_USD], [Channel.BOOK])


BOTH = [row(0, INSERT, BID, "1.1", "5"), row(0, INSERT, ASK, "1.2", "6")]


def test_a_book_is_served_when_it_has_both_sides():
    events = fed(decoder(), *BOTH)
    assert events == [
        Resynced(1, Exchange.IB, Channel.BOOK, EUR_USD, 0),
        Book(1, Exchange.IB, EUR_USD, 0, ((1.1, 5.0),), ((1.2, 6.0),), 0),
    ]


def test_rows_are_inserted_changed_and_deleted_at_their_position():
    made = decoder()
    events = fed(
        made,
        *BOTH,
        row(1, INSERT, BID, "1.0", "7"),
        row(0, INSERT, BID, "1.15", "1"),
        row(1, UPDATE, BID, "1.1", "50"),
        row(0, DELETE, BID),
    )
    assert [book.bids for book in events[2:]] == [
        ((1.1, 5.0), (1.0, 7.0)),
        ((1.15, 1.0), (1.1, 5.0), (1.0, 7.0)),
        ((1.15, 1.0), (1.1, 50.0), (1.0, 7.0)),
        ((1.1, 50.0), (1.0, 7.0)),
    ]


def test_rows_of_several_market_makers_at_one_price_are_one_level():
    made = decoder()
    l2 = [
        frames.row_l2(request(), 0, "ARCA", INSERT, BID, "1.1", "5"),
        frames.row_l2(request(), 0, "NSDQ", INSERT, ASK, "1.2", "6"),
        frames.row_l2(request(), 1, "BATS", INSERT, BID, "1.1", "4"),
    ]
    assert fed(made, *l2)[-1].bids == ((1.1, 9.0),)


@pytest.mark.parametrize(
    "hole",
    [
        row(2, INSERT, BID, "1.0", "7"),
        row(1, UPDATE, BID, "1.0", "7"),
        row(1, DELETE, ASK),
    ],
)
def test_a_hole_is_a_gap_and_only_that_pair_is_asked_for_again(hole):
    made = decoder()
    other = request(1)
    fed(made, *BOTH)
    fed(made, row(0, INSERT, BID, "1.3", "1", other), row(0, INSERT, ASK, "1.4", "1", other))
    (gap,) = fed(made, hole)
    assert (type(gap), gap.symbol) == (Gap, EUR_USD)
    assert fed(made, row(0, UPDATE, BID, "1.1", "9")) == []  # nothing leaves an invalid book
    ((old, subscription),) = made.resubscriptions()
    assert (old, subscription.pair) == (request(), EUR_USD)
    assert subscription.request == request(0, 1)
    assert made.resubscriptions() == []
    assert [type(event) for event in fed(made, row(0, UPDATE, BID, "1.3", "2", other))] == [Book]
    assert fed(made, *BOTH) == []  # rows of the old request, still on their way
    again = [
        row(0, INSERT, BID, "1.0", "1", request(0, 1)),
        row(0, INSERT, ASK, "1.5", "1", request(0, 1)),
    ]
    assert [type(event) for event in fed(made, *again)] == [Resynced, Book]


@pytest.mark.parametrize("code", [316, 317])
def test_a_reset_or_halted_book_is_asked_for_again(code):
    made = decoder()
    fed(made, *BOTH)
    (gap,) = fed(made, frames.error(request(), code, "Market depth data has been RESET"))
    assert f"code {code}" in gap.reason
    assert len(made.resubscriptions()) == 1


def test_a_crossed_moment_is_not_served_and_a_crossed_book_is_an_error():
    made = decoder()
    fed(made, *BOTH)
    assert fed(made, row(0, INSERT, BID, "1.3", "1")) == []
    (book,) = fed(made, row(0, DELETE, ASK), row(0, INSERT, ASK, "1.4", "1"))
    assert (book.bids[0][0], book.asks[0][0]) == (1.3, 1.4)
    fed(made, row(0, INSERT, BID, "1.5", "1"))
    crossed = [row(0, UPDATE, BID, "1.5", str(n)) for n in range(1, MAX_CROSSED + 1)]
    (gap,) = fed(made, *crossed)
    assert "stays crossed" in gap.reason


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 2), st.integers(0, 1), st.integers(1, 9)),
        max_size=60,
    )
)
def test_whatever_comes_a_served_book_is_in_order_and_not_crossed(rows):
    made = decoder()
    raws = [row(position, what, side, price, 1) for position, what, side, price in rows]
    for event in fed(made, *raws):
        if type(event) is Book:
            bids, asks = [p for p, _ in event.bids], [p for p, _ in event.asks]
            assert bids == sorted(set(bids), reverse=True)
            assert asks == sorted(set(asks))
            assert bids[0] < asks[0]
