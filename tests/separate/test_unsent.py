"""What a killed robots process may not have sent: all of it, but what was refused on the way."""

from __future__ import annotations

from tests.separate.test_resume import NS, killed, seated, told, turn

from millstream.model import CurrencyPair, Exchange, PlaceOrder, SessionEnd, Ticker
from millstream.model.codec import encode_events, encode_outputs
from millstream.robot import robo_loop
from millstream.robot.outgoing import Outgoing
from millstream.separate.signs import SignsOfLife


class Stuck:
    """Has no room until a moment comes."""

    room = False

    def send(self, body, timeout_ms=10_000):
        return self.room


def quoted(now_ns):
    return Ticker(now_ns, Exchange.BINANCE, CurrencyPair.BTC_USDT, 0, 100.0, 1.0, 101.0, 1.0)


def orders_left(seated_again):
    wishes = [output.body for one in seated_again.left for output in one.wishes]
    return [wish.order_id for wish in wishes if isinstance(wish, PlaceOrder)]


def test_an_order_that_its_robot_heard_is_not_placed_is_not_placed_by_a_later_life(tmp_path):
    first = seated(tmp_path)
    wished = [one for one in turn(first, quoted(NS)) if isinstance(one.body, PlaceOrder)]
    assert len(wished) == 2
    before = seated(killed(first, tmp_path, "again-before"))
    assert orders_left(before) == [one.body.order_id for one in wished]
    outgoing = Outgoing(Stuck(), first.robots)
    outgoing.send(encode_outputs(wished))
    turn(first, *outgoing.told(2 * NS))
    assert orders_left(seated(killed(first, tmp_path))) == []


def test_events_are_not_handled_for_good_while_a_wish_of_theirs_found_no_room(tmp_path):
    """What the orders are known to have is not looked for again after a kill."""
    found, post = seated(tmp_path), Stuck()
    signs = SignsOfLife(found.robots, found.journal)
    cancel = encode_events([told("stop")])

    class Receiver:
        turns = 0

        def receive(self, timeout_ms):
            self.turns += 1
            if self.turns == 1:
                return cancel
            if self.turns == 2:
                assert signs.turned() == 0
                post.room = True
                return None
            assert signs.turned() >= 1
            return encode_events([SessionEnd(3 * NS, "done")])

    way = signs.watching(post)
    robo_loop(Receiver(), found.robots, found.journal, way, signs.clock_ns)
