from decimal import Decimal

import pytest
from tests.orders.sample import BTC, VENUE, order

from millstream.model import CurrencyPair, OrderType, PlaceOrder, Side
from millstream.orders import RiskBook, RiskLimits, RiskState
from millstream.orders.risk import Approved, Exposure, Refusal

SECOND = 1_000_000_000


def wished(side=Side.BUY, volume="1", price: str | None = "100", **more) -> PlaceOrder:
    kind = OrderType.MARKET if price is None else OrderType.LIMIT
    exact = None if price is None else Decimal(price)
    return PlaceOrder(VENUE, BTC, side, kind, Decimal(volume), exact, order_id="a1", **more)


def judge(book, wish, position="0", opened=(), price: str | None = "100", now_ns=0, robot="r"):
    reference = None if price is None else Decimal(price)
    stake = Exposure(Decimal(position), list(opened))
    return book.judge(wish, robot, stake, reference, now_ns)


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


def test_a_clock_that_is_set_back_lengthens_no_second():
    book = RiskBook(RiskLimits(max_orders_per_second=2))
    for now_s in (1000, 1000, 400):
        answer = judge(book, wished(), now_ns=now_s * 10**9)
    assert isinstance(answer, Refusal)
    assert isinstance(judge(book, wished(), now_ns=401 * 10**9), Approved)


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


@pytest.mark.parametrize("limit", ["max_order_notional", "max_position_notional"])
def test_a_sell_is_worth_nothing_certain_while_no_price_is_known(limit):
    book = RiskBook(RiskLimits(**{limit: Decimal(200)}))
    cheap = wished(Side.SELL, "1000", "0.01")  # it would fill at 100
    assert "the worth of a sell cannot be judged" in reason(judge(book, cheap, price=None))
    assert isinstance(judge(book, wished(volume="2"), price=None), Approved)


def test_a_way_out_is_not_shut_while_no_price_is_known():
    book = RiskBook(RiskLimits(max_position_notional=Decimal(200)))
    assert isinstance(judge(book, wished(Side.SELL, "5"), "5", price=None), Approved)


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


@pytest.mark.parametrize(
    ("kind", "price", "stop", "words"),
    [
        (OrderType.STOP, None, None, "stop price is None"),
        (OrderType.STOP, "5", "5", "has no price"),
        (OrderType.STOP_LIMIT, "5", "NaN", "stop price is NaN"),
        (OrderType.STOP_LIMIT, None, "5", "price of a limit order is None"),
        (OrderType.LIMIT, "5", "5", "has no stop price"),
        (OrderType.OTHER, "5", None, 'orders of the type "other" cannot be placed'),
    ],
)
def test_a_stop_has_a_stop_price_and_nothing_else_has(kind, price, stop, words):
    wish = PlaceOrder(
        VENUE, BTC, Side.BUY, kind, Decimal(1), price and Decimal(price), order_id="a1",
        stop_price=stop and Decimal(stop),
    )  # fmt: skip
    assert words in reason(judge(RiskBook(RiskLimits()), wish))


def test_a_reduce_only_order_never_turns_a_position():
    book = RiskBook(RiskLimits())
    sell = wished(Side.SELL, "2", reduce_only=True)
    assert isinstance(judge(book, sell, position="2"), Approved)
    assert "could turn 1 into -1" in reason(judge(book, sell, position="1"))
    assert "reducing only" in reason(judge(book, wished(reduce_only=True), position="1"))


def test_a_price_beyond_the_collar_is_refused_on_the_side_that_takes():
    book = RiskBook(RiskLimits(price_collar_bps=Decimal(500)))
    assert isinstance(judge(book, wished(price="105")), Approved)
    assert isinstance(judge(book, wished(price="1")), Approved)
    assert isinstance(judge(book, wished(Side.SELL, price="900")), Approved)
    assert "is 600 bps beyond the market's 100" in reason(judge(book, wished(price="106")))
    assert "is 600 bps" in reason(judge(book, wished(Side.SELL, price="94")))
    assert "cannot be held" in reason(judge(book, wished(price="1"), price=None))


def test_beyond_the_drawdown_there_are_only_ways_out():
    book = RiskBook(RiskLimits(max_drawdown=Decimal(50)))
    lost = Exposure(Decimal(1), [], Decimal(51))
    answer = book.judge(wished(), "r", lost, Decimal(100), 0)
    assert "51 USDT below the best, the limit is 50" in reason(answer)
    assert isinstance(book.judge(wished(Side.SELL), "r", lost, Decimal(100), 0), Approved)


def test_the_account_has_limits_of_its_own():
    book = RiskBook(RiskLimits(), account=RiskLimits(max_position_volume=Decimal(3)))
    own, everybody = Exposure(Decimal(0), []), Exposure(Decimal("2.5"), [])
    answer = book.judge(wished(), "r", own, Decimal(100), 0, everybody)
    assert "of the account: the position could reach 3.5 BTC long" in reason(answer)


def test_the_rate_of_the_account_counts_every_robot():
    book = RiskBook(RiskLimits(), account=RiskLimits(max_orders_per_second=2))
    assert isinstance(judge(book, wished(), robot="a"), Approved)
    assert isinstance(judge(book, wished(), robot="b"), Approved)
    assert "of the account: 2 orders within one second" in reason(judge(book, wished(), robot="c"))
