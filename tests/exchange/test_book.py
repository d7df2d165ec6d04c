"""The book equals a plain dictionary, whatever is done to it."""

from hypothesis import given
from hypothesis import strategies as st

from millstream.exchange.book import BookSide, CheckedSide, OrderBook

PRICES = st.integers(1, 40).map(lambda tick: float(f"{tick * 0.01:.2f}"))
VOLUMES = st.one_of(st.just(0.0), st.floats(0.001, 1000.0))
LEVELS = st.lists(st.tuples(PRICES, VOLUMES), max_size=12)


@given(st.sampled_from([1, -1]), LEVELS, st.lists(LEVELS, max_size=12), st.integers(1, 50))
def test_a_side_equals_a_dictionary(sign, loaded, updates, count):
    side, model = BookSide(sign), {}
    side.load(loaded)
    model = {price: volume for price, volume in loaded if volume}
    for update in updates:
        side.apply(update)
        for price, volume in update:
            model[price] = volume
            if not volume:
                del model[price]
        expected = sorted(model.items(), reverse=sign > 0)
        assert side.top(count) == tuple(expected[:count])
        assert side.best_price == (expected[0][0] if expected else None)
        assert len(side) == len(model)


@given(st.sampled_from([1, -1]), st.lists(LEVELS, max_size=12), st.integers(1, 20))
def test_a_checked_side_keeps_each_levels_last_text(sign, updates, depth):
    side, model = CheckedSide(sign), {}
    for number, update in enumerate(updates):
        side.apply([(price, volume, b"%d" % number) for price, volume in update])
        side.cut(depth)
        model |= {price: (volume, b"%d" % number) for price, volume in update}
        kept = [price for price in sorted(model, reverse=sign > 0) if model[price][0]][:depth]
        model = {price: model[price] for price in kept}
        assert side.top(50) == tuple((price, model[price][0]) for price in kept)
        assert side.texts(50) == [model[price][1] for price in kept]
    side.clear()
    assert (len(side), side.texts(50), side.best_price) == (0, [], None)


def test_a_book_is_crossed_when_its_best_bid_reaches_its_best_ask():
    book = OrderBook()
    book.load([(99.0, 1.0)], [(101.0, 1.0)])
    assert not book.crossed
    book.apply([(101.0, 1.0)], [])
    assert book.crossed


def test_an_empty_side_crosses_nothing():
    book = OrderBook()
    book.load([(99.0, 1.0)], [])
    assert not book.crossed
