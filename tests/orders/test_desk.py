import logging
from decimal import Decimal

import msgspec
import pytest
from tests.orders.sample import book, filled, order, report, ticker, trade, wish

from millstream.model import (
    AmendOrder,
    CancelAll,
    CancelOrder,
    CurrencyPair,
    LogLine,
    OrderStatus,
    Output,
    Side,
)
from millstream.orders import Happened, MemoryStore, OrderDesk, RiskBook, RiskLimits
from millstream.orders.best_file import BestFile

S = OrderStatus


@pytest.fixture
def store():
    return MemoryStore()


def desk(store, **limits):
    return OrderDesk(store, RiskBook(RiskLimits(**limits)))


def test_a_wish_becomes_a_stored_intent(store):
    desk(store).handle([wish("a1", Side.SELL, "0.5", "99")], 7)
    expected = order("a1", Side.SELL, "0.5", "99", S.INTENT)
    assert store.orders() == [msgspec.structs.replace(expected, received_ns=7, revision=1)]


def test_a_refused_wish_is_stored_too_so_that_its_robot_hears_of_it(store):
    desk(store, max_order_notional=Decimal(50)).handle([wish("a1")], 7)
    (stored,) = store.changes(0, "quoter")
    assert stored.status is S.REJECTED
    assert stored.reason == "risk: the order is worth 100 USDT, the limit is 50"


def test_a_batch_is_stored_by_one_insert_in_its_order():
    inserted = []

    class Counting(MemoryStore):
        def insert(self, orders):
            inserted.append([one.order_id for one in orders])
            return super().insert(orders)

    desk(Counting()).handle([wish("a1"), wish("a2"), wish("b1", robot="other")], 7)
    assert inserted == [["a1", "a2", "b1"]]


def test_a_replayed_wish_is_ignored_with_a_line_in_the_log(store, caplog):
    caplog.set_level(logging.INFO)
    one = desk(store)
    one.handle([wish("a1")], 7)
    one.handle([wish("a1", volume="9"), wish("a2"), wish("a2", volume="9")], 8)
    assert [(o.order_id, o.volume) for o in store.orders()] == [("a1", 1), ("a2", 1)]
    assert caplog.text.count("is stored already") == 2


def test_a_replayed_wish_does_not_count_towards_the_rate(store):
    one = desk(store, max_orders_per_second=2)
    one.handle([wish("a1"), wish("a1"), wish("a1"), wish("a2")], 7)
    assert [o.status for o in store.orders()] == [S.INTENT, S.INTENT]


@pytest.mark.parametrize("order_id", ["", "a" * 19, "a-1", "ä"])
def test_an_order_id_that_no_venue_takes_is_ignored_with_an_error(store, caplog, order_id):
    desk(store).handle([wish(order_id)], 7)
    assert store.orders() == []
    assert "is not 1 to 18 letters and digits" in caplog.text


def test_orders_of_one_batch_count_as_open_for_those_behind_them(store):
    desk(store, max_open_orders=2).handle([wish(f"a{i}") for i in range(3)], 7)
    assert [o.status for o in store.orders()] == [S.INTENT, S.INTENT, S.REJECTED]


def test_the_position_counts(store):
    store.insert([order("a0")])
    store.apply([filled("a0", volume="1")], 2)
    one = desk(store, max_position_volume=Decimal(1))
    one.handle([wish("a1"), wish("a2", Side.SELL)], 7)
    assert [o.status for o in store.orders()][1:] == [S.REJECTED, S.INTENT]


def test_an_order_in_doubt_blocks_its_exposure(store):
    store.insert([order("a0")])
    store.apply([report("a0", Happened.UNKNOWN)], 2)
    desk(store, max_position_volume=Decimal(1)).handle([wish("a1")], 7)
    assert store.get("a1").status is S.REJECTED


@pytest.mark.parametrize(
    ("event", "price"),
    [
        (ticker(1, bid=100.0, ask=102.0), "101.0"),
        (trade(1, 77.5, 1.0), "77.5"),
        (book(1, [(10.0, 1.0)], [(12.0, 1.0)]), "11.0"),
    ],
)
def test_a_market_order_is_judged_by_the_latest_price_of_its_pair(store, event, price):
    one = desk(store, max_order_notional=Decimal(price) - Decimal("0.01"))
    one.handle([wish("a1", price=None)], 7)
    one.observe([ticker(0), ticker(0, symbol=CurrencyPair.ETH_USDT), event])
    one.handle([wish("a2", price=None)], 8)
    reasons = [o.reason for o in store.orders()]
    assert "no price of BTC/USDT is known" in reasons[0]
    assert f"is worth {price} USDT" in reasons[1]


def test_a_cancel_of_an_own_open_order_is_passed_on_once(store):
    store.insert([order("a1")])
    cancel = Output(1, "quoter", CancelOrder("a1"))
    assert desk(store).handle([cancel, cancel], 7) == ["a1"]


def test_a_cancel_of_an_unknown_foreign_or_ended_order_is_logged_and_ignored(store, caplog):
    caplog.set_level(logging.INFO)
    store.insert([order("a1", robot="other"), order("a2", status=S.REJECTED)])
    wishes = [Output(1, "quoter", CancelOrder(i)) for i in ("a1", "a2", "a3")]
    assert desk(store).handle(wishes, 7) == []
    assert caplog.text.count("not open or not its own") == 3


def test_cancel_all_means_this_robots_open_orders_of_the_pair(store):
    eth = CurrencyPair.ETH_USDT
    store.insert([order("a1"), order("a2", symbol=eth), order("b1", robot="other")])
    one = desk(store)
    assert one.handle([Output(1, "quoter", CancelAll(eth))], 7) == ["a2"]
    assert one.handle([Output(1, "quoter", CancelAll())], 7) == ["a1", "a2"]


def test_a_batch_is_taken_in_its_order(store):
    cancels = desk(store).handle([wish("a1"), Output(1, "quoter", CancelAll()), wish("a2")], 7)
    assert cancels == ["a1"]
    assert [o.order_id for o in store.orders()] == ["a1", "a2"]


def test_what_is_no_order_wish_is_left_alone(store):
    assert desk(store).handle([Output(1, "quoter", LogLine("info", "hello"))], 7) == []
    assert store.revision == 0


def amend(order_id="a1", robot="quoter", **more):
    return Output(1, robot, AmendOrder(order_id, **more))


def test_an_amend_is_judged_like_an_order_in_the_place_of_the_old_one(store):
    one = desk(store, max_position_volume=Decimal(2))
    one.handle([wish("a1", volume="1.5")], 7)
    assert one.amends([amend(volume=Decimal(2))], 8) == [AmendOrder("a1", volume=Decimal(2))]
    assert one.amends([amend(volume=Decimal(3))], 9) == []
    assert store.get("a1").reason.startswith("amend refused: risk: the position could reach 3 BTC")
    assert store.get("a1").status is S.INTENT


@pytest.mark.parametrize("limits", ["of the robot", "of the account"])
def test_an_amend_counts_from_when_it_is_asked_for(store, limits):
    bounds = RiskLimits(max_position_volume=Decimal(6))
    free = RiskLimits()
    of_robot = limits == "of the robot"
    one = OrderDesk(store, RiskBook(bounds) if of_robot else RiskBook(free, account=bounds))
    one.handle([wish("a1"), wish("a2")], 7)
    both = [amend("a1", volume=Decimal(5)), amend("a2", volume=Decimal(5))]
    assert one.amends(both, 8) == [AmendOrder("a1", volume=Decimal(5))]
    assert "could reach 10 BTC" in store.get("a2").reason
    one.handle([wish("a3")], 9)  # the venue has not answered yet
    assert "could reach 7 BTC" in store.get("a3").reason


def test_an_amend_that_was_answered_counts_as_the_order_shows(store):
    one = desk(store, max_position_volume=Decimal(6))
    one.handle([wish("a1")], 7)
    for volume in (Decimal(5), Decimal(1)):
        assert one.amends([amend(volume=volume)], 8)
        store.apply([report("a1", Happened.AMENDED, volume=volume)], 9)
    one.handle([wish("a2", volume="5")], 10)
    assert store.get("a2").status is S.INTENT


def test_only_its_own_open_orders_can_be_amended(store):
    one = desk(store)
    one.handle([wish("a1")], 7)
    assert one.amends([amend(robot="other"), amend("a9")], 8) == []
    store.apply([report("a1", Happened.CANCELED)], 9)
    assert one.amends([amend(price=Decimal(1))], 10) == []


def test_a_robot_that_lost_too_much_may_only_reduce(store):
    one = desk(store, max_drawdown=Decimal(50))
    one.observe([ticker(1)])
    one.handle([wish("a1", volume="10")], 7)
    store.apply([filled("a1", volume="10")], 8)
    one.handle([wish("a2")], 9)
    assert store.get("a2").status is S.INTENT
    one.observe([ticker(10, bid=89.0, ask=91.0)])
    one.handle([wish("a3"), wish("a4", Side.SELL, "5")], 11)
    assert "100.01 USDT below the best, the limit is 50" in store.get("a3").reason
    assert store.get("a4").status is S.INTENT


def test_a_restart_does_not_forget_what_was_gained_before_it_was_lost(store):
    store.insert([order("a1"), order("a2", Side.SELL), order("a3"), order("a4", Side.SELL)])
    for order_id, price in (("a1", "100"), ("a2", "200"), ("a3", "200"), ("a4", "120")):
        store.apply([filled(order_id, f"t{order_id}", price, "1")], 2)
    again = desk(store, max_drawdown=Decimal(50))
    again.observe([ticker(3)])
    again.handle([wish("b1")], 4)  # it was 100 up, and is 20 up
    assert "80.02 USDT below the best, the limit is 50" in store.get("b1").reason


def test_a_restart_does_not_forget_what_a_position_was_worth_while_it_was_only_held(
    store, tmp_path
):
    def life():
        limits = RiskLimits(max_drawdown=Decimal(50))
        return OrderDesk(store, RiskBook(limits), BestFile(tmp_path / "orders.sqlite"))

    store.insert([order("a1", volume="10")])
    store.apply([filled("a1", volume="10")], 2)
    first = life()
    first.observe([ticker(3, bid=109.0, ask=111.0)])  # 100 up
    first.handle([wish("b1")], 4)
    first.keep_best(4)
    again = life()
    again.observe([ticker(5)])
    again.handle([wish("b2")], 6)
    assert "100.00 USDT below the best, the limit is 50" in store.get("b2").reason
    other = OrderDesk(MemoryStore(), RiskBook(RiskLimits(max_drawdown=Decimal(50))),
                      BestFile(tmp_path / "orders.sqlite"))  # fmt: skip
    other.observe([ticker(5)])
    other.handle([wish("c1")], 6)  # the best of another store's robots is not theirs
    assert other._store.get("c1").status is S.INTENT


def test_the_best_is_written_when_it_grows_and_each_second_at_most(store):
    class Kept:
        def __init__(self):
            self.written = []

        def read(self, revision):
            return {}

        def write(self, revision, peaks):
            self.written.append(peaks["quoter", "USDT"])

    kept, second = Kept(), 10**9
    store.insert([order("a1")])
    store.apply([filled("a1", volume="1")], 2)
    one = OrderDesk(store, RiskBook(RiskLimits(max_drawdown=Decimal(50))), kept)
    for number, (at, bid) in enumerate(((10, 109.0), (10.5, 119.0), (11, 119.0), (13, 99.0))):
        one.observe([ticker(1, bid=bid, ask=bid + 2)])
        one.handle([wish(f"b{number}")], int(at * second))
        one.keep_best(int(at * second))
    assert [int(best) for best in kept.written] == [9, 19]


def test_what_is_lost_in_one_pair_counts_in_the_wishes_of_another(store):
    eth = CurrencyPair.ETH_USDT
    store.insert([order("a1", volume="10", symbol=eth)])
    store.apply([filled("a1", volume="10")], 2)
    one = desk(store, max_drawdown=Decimal(50))
    one.observe([ticker(1), ticker(1, symbol=eth)])
    one.handle([wish("b1")], 3)
    one.observe([ticker(4, bid=89.0, ask=91.0, symbol=eth)])
    one.handle([wish("b2")], 5)
    assert store.get("b1").status is S.INTENT
    assert "100.01 USDT below the best" in store.get("b2").reason


def test_a_ticker_with_one_side_is_worth_that_side_and_not_half_of_it(store):
    one = desk(store, max_order_notional=Decimal(60))
    one.observe([ticker(1, bid=0.0, ask=100.0)])
    one.handle([wish("a1", price=None)], 2)
    assert "is worth 100.0 USDT" in store.get("a1").reason
