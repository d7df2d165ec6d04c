from decimal import Decimal

import pytest
from tests.orders.sample import BTC, VENUE, order

from millstream.model import CurrencyPair, OrderType, PlaceOrder, Side
from millstream.orders import RiskBook, RiskLimits, RiskState
from millstream.orders.risk import Approved, Refusal

SECOND = 1_000_000_000


def wished(side=Side.BUY, volume="1", price: str | None = "100", **more) -> PlaceOrder:
    kind = OrderType.MARKET if price is None else OrderType.LIMIT
    exact = None if price is None else Decimal(price)
    return PlaceOrder(VENUE, BTC, side, kind, Decimal(volume), exact, order_id="a1", **more)


def judge(book, wish, position="0", opened=(), price: str | None = "100", now_ns=0, robot="r"):
    reference = None if price is None else Decimal(price)
    return book.judge(wish, robot, Decimal(position), opened, reference, now_ns)


def reason(answer):
    assert isinstance(answer, Refusal)
    assert answer.reason.startswith("risk: ")
    return answer.reason


def test_without_limits_a_sound_order_is_approved_as_another_type():
    answer = judge(RiskBook(RiskLimits()), wished())
    assert isinstance(answer, Approved)
    assert (answer.wish, answer.robot) == (wished(), "r")


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (wished(volume="0"), "volume"),
        (wished(volume="-1"), "volume"),
        (wished(volume="NaN"), "volume"),
        (wished(volume="Infinity"), "volume"),
        (wished(price="0"), "price"),
        (wished(price="-5"), "price"),
        (wished(price="NaN"), "price"),
        (wished(price=None, post_only=True), "post-only"),
        (PlaceOrder(VENUE, BTC, Side.BUY, OrderType.LIMIT, Decimal(1), None), "price"),
        (PlaceOrder(VENUE, BTC, Side.BUY, OrderType.MARKET, Decimal(1), Decimal(5)), "no price"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(wish, words):
    assert words in reason(judge(RiskBook(RiskLimits()), wish))


def test_a_market_order_without_any_known_price_is_refused():
    book = RiskBook(RiskLimits())
    assert "no price of BTC/USDT is known" in reason(judge(book, wished(price=None), price=None))
    assert isinstance(judge(book, wished(price=None), price="100"), Approved)


def test_orders_within_any_one_second_are_limited():
    book = RiskBook(RiskLimits(max_orders_per_second=2))
    assert isinstance(judge(book, wished(), now_ns=0), Approved)
    assert isinstance(judge(book, wished(), now_ns=SECOND // 2), Approved)
    assert "2 orders within one second" in reason(judge(book, wished(), now_ns=SECOND - 1))
    assert isinstance(judge(book, wished(), now_ns=SECOND), Approved)
    assert "limit is 2" in reason(judge(book, wished(), now_ns=SECOND + 1))


def test_each_robot_has_its_own_rate():
    book = RiskBook(RiskLimits(max_orders_per_second=1))
    assert isinstance(judge(book, wished(), robot="a"), Approved)
    assert isinstance(judge(book, wished(), robot="b"), Approved)
    reason(judge(book, wished(), robot="a"))


def test_a_robot_may_have_limits_of_its_own():
    book = RiskBook(RiskLimits(max_open_orders=0), {"a": RiskLimits()})
    assert isinstance(judge(book, wished(), robot="a"), Approved)
    reason(judge(book, wished(), robot="b"))


def test_the_worth_of_an_order_is_limited():
    book = RiskBook(RiskLimits(max_order_notional=Decimal(100)))
    assert isinstance(judge(book, wished()), Approved)
    assert "worth 100.01 USDT" in reason(judge(book, wished(price="100.01")))


def test_a_market_order_is_worth_its_volume_at_the_known_price():
    book = RiskBook(RiskLimits(max_order_notional=Decimal(100)))
    assert isinstance(judge(book, wished(price=None), price="100"), Approved)
    reason(judge(book, wished(price=None), price="101"))


def test_a_sell_below_the_market_is_worth_the_market():
    book = RiskBook(RiskLimits(max_order_notional=Decimal(100)))
    reason(judge(book, wished(Side.SELL, price="1"), price="101"))


def test_open_orders_are_counted():
    book = RiskBook(RiskLimits(max_open_orders=2))
    assert isinstance(judge(book, wished(), opened=[order("x")]), Approved)
    reason(judge(book, wished(), opened=[order("x"), order("y")]))


def test_open_orders_count_towards_the_worst_position():
    book = RiskBook(RiskLimits(max_position_volume=Decimal(3)))
    assert isinstance(judge(book, wished(), "1", [order("x", volume="1")]), Approved)
    assert "could reach 4 BTC long" in reason(judge(book, wished(), "1", [order("x", volume="2")]))


def test_only_orders_of_the_same_side_and_pair_count_towards_it():
    book = RiskBook(RiskLimits(max_position_volume=Decimal(1)))
    others = [
        order("x", side=Side.SELL, volume="9"),
        order("y", symbol=CurrencyPair.ETH_USDT, volume="9"),
    ]
    assert isinstance(judge(book, wished(), opened=others), Approved)


def test_a_short_position_is_limited_like_a_long_one():
    book = RiskBook(RiskLimits(max_position_notional=Decimal(200)))
    assert isinstance(judge(book, wished(Side.SELL), "-1"), Approved)
    assert "could reach 201.00 USDT short" in reason(judge(book, wished(Side.SELL), "-1.01"))


def test_the_way_back_below_a_limit_is_never_shut():
    book = RiskBook(RiskLimits(max_position_volume=Decimal(1), max_position_notional=Decimal(1)))
    assert isinstance(judge(book, wished(Side.SELL, volume="2"), "9"), Approved)
    reason(judge(book, wished(Side.BUY, volume="0.1"), "9"))


def test_while_halted_no_order_leaves():
    book = RiskBook(RiskLimits())
    book.state = RiskState.HALTED
    assert "halted" in reason(judge(book, wished(Side.SELL), "5"))


def test_while_reducing_only_orders_leave_that_make_the_position_smaller():
    book = RiskBook(RiskLimits())
    book.state = RiskState.REDUCING
    assert isinstance(judge(book, wished(Side.SELL), "1"), Approved)
    assert isinstance(judge(book, wished(Side.BUY), "-1"), Approved)
    reason(judge(book, wished(Side.BUY), "1"))
    reason(judge(book, wished(Side.BUY), "0"))
    reason(judge(book, wished(Side.SELL), "0.5"))  # would turn it round


def test_while_reducing_open_orders_count_as_filled():
    book = RiskBook(RiskLimits())
    book.state = RiskState.REDUCING
    selling = [order("x", side=Side.SELL, volume="1.5")]
    reason(judge(book, wished(Side.SELL), "2", selling))
    assert isinstance(judge(book, wished(Side.SELL, "0.5"), "2", selling), Approved)


def test_a_refused_order_does_not_count_towards_the_rate():
    book = RiskBook(RiskLimits(max_orders_per_second=1, max_order_notional=Decimal(100)))
    reason(judge(book, wished(price="101")))
    assert isinstance(judge(book, wished()), Approved)
