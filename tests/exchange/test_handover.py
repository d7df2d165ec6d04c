"""A book that is handed from one connection to the next: never back in time, nothing skipped."""

from hypothesis import given
from hypothesis import strategies as st

from millstream.exchange.handover import Handover


def served(moments, handover):
    """Those that a book would serve, in order."""
    kept = []
    for moment in moments:
        if not (handover.not_before_ns and handover.is_old(*moment)):
            handover.served_ns, handover.served_number = moment
            kept.append(moment)
    return kept


def test_only_what_is_older_than_the_last_one_is_held_back():
    handover = Handover()
    served([(5, 1), (7, 2)], handover)
    handover.begin(synced=True)
    assert served([(5, 1), (7, 1), (7, 2), (8, 3)], handover) == [(7, 2), (8, 3)]


def test_a_first_snapshot_is_resumed_from_once():
    handover = Handover()
    handover.begin(synced=True)
    assert (handover.resume(), handover.resume()) == (True, False)


def test_a_book_that_was_invalid_begins_anew():
    handover = Handover()
    served([(7, 2)], handover)
    handover.begin(synced=False)
    assert not handover.resume()
    assert served([(5, 1)], handover) == [(5, 1)]


def test_a_venue_whose_clock_goes_back_later_is_believed():
    handover = Handover()
    served([(7, 2)], handover)
    handover.begin(synced=True)
    assert served([(8, 3), (6, 4)], handover) == [(8, 3), (6, 4)]


@given(st.integers(1, 30), st.data())
def test_a_stream_of_two_connections_is_the_stream_of_one(count, data):
    moments = [(1 + number // 3, number) for number in range(count)]  # three in one moment
    end = data.draw(st.integers(1, count))
    begin = data.draw(st.integers(0, end - 1))  # the new connection was opened before the old end
    handover = Handover()
    told = served(moments[:end], handover)
    handover.begin(synced=True)
    told += served(moments[begin:], handover)
    assert sorted(set(told)) == moments
    assert told == sorted(told)
