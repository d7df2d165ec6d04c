"""What a killed robots process may not have sent: all of it, but what was refused on the way."""

from __future__ import annotations

from tests.separate.test_resume import NS, killed, seated, turn

from millstream.model import CurrencyPair, Exchange, PlaceOrder, Ticker
from millstream.model.codec import encode_outputs
from millstream.robot.outgoing import Outgoing


class Stuck:
    """Has no room."""

    def send(self, body, timeout_ms=10_000):
        return False


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
