"""When an order in doubt is asked for."""

from millstream.orders.live.doubts import Doubts

SECOND = 1_000_000_000


def times(doubts, until_s):
    """When it was time to ask, in seconds, looked at each half second."""
    found = []
    for half in range(2 * until_s):
        if doubts.due(half * SECOND // 2):
            doubts.asked(half * SECOND // 2)
            found.append(half / 2)
    return found


def test_a_doubt_is_asked_for_soon_and_then_twice_as_late_each_time():
    doubts = Doubts()
    doubts.begin("a1", 0)
    assert times(doubts, 100) == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5, 61.5, 91.5]


def test_a_doubt_keeps_its_beginning():
    doubts = Doubts()
    assert doubts.begin("a1", 1) == 1
    assert doubts.begin("a1", 9) == 1


def test_a_sign_of_life_asks_soon_whatever_was_asked_before():
    doubts = Doubts()
    doubts.begin("a1", 0)
    times(doubts, 20)
    assert not doubts.due(20 * SECOND)
    doubts.hurry("a1", 20 * SECOND)
    assert doubts.due(20 * SECOND + SECOND // 2)


def test_what_is_settled_or_ended_is_asked_for_no_more():
    doubts = Doubts()
    doubts.begin("a1", 0)
    doubts.begin("a2", 0)
    doubts.settle("a1")
    assert doubts.keep({"a1", "a2"}) == ["a2"]
    assert doubts.keep({"a1"}) == []
    assert not doubts.due(99 * SECOND)
