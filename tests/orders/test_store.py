"""One contract, every keeper."""

import threading
from decimal import Decimal

import pytest
from tests.orders.sample import BTC, VENUE, filled, order, report

from millstream.errors import DuplicateOrder, StoreError, UnknownOrder
from millstream.model import CurrencyPair, MyOrder, MyTrade, OrderStatus, Side
from millstream.orders import Happened, MemoryStore, watch
from millstream.orders.mongo.store import MongoStore
from millstream.orders.sqlite import SqliteStore

S, H = OrderStatus, Happened


@pytest.fixture(params=["memory", "sqlite", "mongo"])
def store(request, tmp_path):
    if request.param == "memory":
        kept = MemoryStore()
    elif request.param == "sqlite":
        kept = SqliteStore(tmp_path / "orders.db")
    else:
        kept = MongoStore(request.getfixturevalue("mongo_url"))
    yield kept
    kept.close()


class TestInsert:
    def test_an_order_is_given_back_as_it_was_stored(self, store):
        stored = store.insert([order("a1"), order("a2", price=None, side=Side.SELL)])
        assert [one.revision for one in stored] == [1, 2]
        assert store.get("a1") == stored[0]
        assert store.get("a2") == stored[1]
        assert store.get("a3") is None

    def test_a_known_id_is_refused_and_nothing_of_its_batch_is_stored(self, store):
        store.insert([order("a1")])
        with pytest.raises(DuplicateOrder, match="order a1 is in the store already"):
            store.insert([order("a2"), order("a1")])
        assert store.get("a2") is None
        assert store.revision == 1

    def test_an_id_twice_in_one_batch_is_refused(self, store):
        with pytest.raises(DuplicateOrder, match="a2"):
            store.insert([order("a1"), order("a2"), order("a2")])
        assert store.orders() == []
        assert store.changes(0) == []

    def test_an_id_is_refused_also_when_its_order_ended(self, store):
        store.insert([order("a1")])
        store.apply([report("a1", H.CANCELED)], 2)
        with pytest.raises(DuplicateOrder, match="a1"):
            store.insert([order("a1")])

    def test_nothing_is_stored_for_an_empty_batch(self, store):
        assert store.insert([]) == []
        assert store.apply([], 5) == []
        assert store.revision == 0


class TestApply:
    def test_a_fill_comes_before_the_order_it_changes(self, store):
        store.insert([order("a1")])
        changes = store.apply([report("a1", H.SENT), filled("a1")], 9)
        assert [type(change) for change in changes] == [MyOrder, MyTrade, MyOrder]
        assert [change.revision for change in changes] == [2, 3, 4]
        assert changes[2] == store.get("a1")
        assert changes[2].status is S.PARTIAL
        assert store.trades() == [changes[1]]
        assert (changes[1].robot, changes[1].side, changes[1].volume) == (
            "quoter",
            Side.BUY,
            Decimal("0.4"),
        )

    def test_what_is_known_already_changes_nothing(self, store):
        store.insert([order("a1")])
        store.apply([report("a1", H.ACCEPTED), filled("a1")], 9)
        again = [report("a1", H.ACCEPTED), filled("a1"), report("a1", H.SENT)]
        assert store.apply(again, 10) == []
        assert store.get("a1").filled_volume == Decimal("0.4")

    def test_a_fill_twice_in_one_batch_is_booked_once(self, store):
        store.insert([order("a1")])
        store.apply([filled("a1"), filled("a1")], 9)
        assert store.get("a1").filled_volume == Decimal("0.4")
        assert len(store.trades()) == 1

    def test_a_repeated_fill_still_tells_the_venues_id(self, store):
        store.insert([order("a1")])
        store.apply([filled("a1")], 9)
        (changed,) = store.apply([filled("a1", venue_id="v9")], 10)
        assert (changed.venue_id, changed.filled_volume) == ("v9", Decimal("0.4"))

    def test_a_late_fill_of_a_canceled_order_is_not_lost(self, store):
        store.insert([order("a1")])
        store.apply([report("a1", H.CANCELED)], 9)
        store.apply([filled("a1")], 10)
        assert store.get("a1").status is S.CANCELED
        assert store.get("a1").filled_volume == Decimal("0.4")
        assert store.position("quoter", VENUE, BTC) == Decimal("0.4")

    def test_a_trade_between_two_own_orders_is_booked_for_each_side(self, store):
        store.insert([order("a1"), order("a2", side=Side.SELL, robot="other")])
        store.apply([filled("a1", "same"), filled("a2", "same")], 9)
        assert [one.order_id for one in store.trades()] == ["a1", "a2"]

    def test_one_trade_id_on_two_pairs_is_two_trades(self, store):
        store.insert([order("a1"), order("a2", symbol=CurrencyPair.ETH_USDT)])
        store.apply([filled("a1", "7"), filled("a2", "7")], 9)
        assert len(store.trades()) == 2

    def test_a_report_on_an_unknown_order_stores_nothing_of_its_batch(self, store):
        store.insert([order("a1")])
        with pytest.raises(UnknownOrder, match="a9"):
            store.apply([filled("a1"), report("a9", H.SENT)], 9)
        assert (store.revision, store.trades()) == (1, [])
        assert store.get("a1").status is S.INTENT
        assert store.position("quoter", VENUE, BTC) == 0

    def test_an_impossible_fill_refuses_only_itself_and_followers_hear_why(self, store):
        store.insert([order("a1"), order("a2")])
        changes = store.apply([filled("a1"), filled("a1", "t2", volume="5"), filled("a2", "t3")], 9)
        assert [one.trade_id for one in store.trades()] == ["t1", "t3"]
        assert "goes beyond" in store.get("a1").reason
        assert (store.get("a1").filled_volume, store.get("a1").status) == (
            Decimal("0.4"),
            S.PARTIAL,
        )
        assert [type(change) for change in changes] == [MyTrade, MyOrder, MyOrder, MyTrade, MyOrder]
        assert store.apply([filled("a1", "t2", volume="5")], 10) == []  # the same is told once

    def test_a_cancel_is_wished_once_and_only_of_an_open_order(self, store):
        store.insert([order("a1"), order("a2")])
        store.apply([report("a2", H.CANCELED)], 2)
        changes = store.apply([report(i, H.CANCEL_WISHED) for i in ("a1", "a1", "a2")], 3)
        assert [(one.order_id, one.cancel_wished) for one in changes] == [("a1", True)]
        assert store.get("a1").status is S.INTENT

    def test_an_amended_order_fills_up_to_its_new_volume(self, store):
        store.insert([order("a1", volume="1")])
        store.apply(
            [filled("a1"), report("a1", H.AMENDED, price=Decimal(99), volume=Decimal(2))], 2
        )
        assert (store.get("a1").price, store.get("a1").volume) == (Decimal(99), Decimal(2))
        store.apply([filled("a1", "t2", volume="1.6")], 3)
        assert store.get("a1").status is S.FILLED

    def test_an_order_amended_below_what_is_filled_is_filled(self, store):
        store.insert([order("a1", volume="1")])
        store.apply([filled("a1"), report("a1", H.AMENDED, volume=Decimal("0.1"))], 2)
        assert (store.get("a1").volume, store.get("a1").status) == (Decimal("0.4"), S.FILLED)


class TestQueries:
    def test_orders_come_in_the_order_of_their_insertion(self, store):
        store.insert([order("b"), order("a"), order("c", robot="other")])
        store.apply([report("b", H.SENT)], 2)
        assert [one.order_id for one in store.orders()] == ["b", "a", "c"]
        assert [one.order_id for one in store.orders("quoter")] == ["b", "a"]

    def test_open_orders_are_all_that_have_not_ended(self, store):
        store.insert([order(i) for i in "abcde"] + [order("r", status=S.REJECTED)])
        store.apply([report("a", H.SENT), report("b", H.ACCEPTED), report("c", H.CANCELED)], 2)
        store.apply([filled("d", volume="1"), report("e", H.UNKNOWN)], 3)
        assert [one.order_id for one in store.orders(open_only=True)] == ["a", "b", "e"]
        assert store.orders("other", open_only=True) == []

    def test_a_position_is_the_sum_of_a_robots_fills_in_a_pair(self, store):
        store.insert(
            [
                order("a1"),
                order("a2", side=Side.SELL, volume="3"),
                order("a3", robot="other"),
                order("a4", symbol=CurrencyPair.ETH_USDT),
            ]
        )
        store.apply([filled("a1", "1"), filled("a2", "2", volume="2.5"), filled("a2", "3")], 2)
        store.apply([filled("a3", "4"), filled("a4", "5")], 3)
        assert store.position("quoter", VENUE, BTC) == Decimal("-2.5")
        assert store.position("other", VENUE, BTC) == Decimal("0.4")
        assert store.position("nobody", VENUE, BTC) == 0
        assert store.position(None, VENUE, BTC) == Decimal("-2.1")

    def test_trades_are_told_apart_by_robot(self, store):
        store.insert([order("a1"), order("a2", robot="other")])
        store.apply([filled("a1", "1"), filled("a2", "2"), filled("a1", "3")], 2)
        assert [one.trade_id for one in store.trades("quoter")] == ["1", "3"]
        assert [one.trade_id for one in store.trades()] == ["1", "2", "3"]

    def test_tiny_and_huge_numbers_come_back_exact(self, store):
        tiny = order("a1", price="0.00000001", volume="99999999999.00000001")
        (stored,) = store.insert([tiny])
        assert store.get("a1") == stored
        assert (stored.price, stored.volume) == (Decimal("1E-8"), Decimal("99999999999.00000001"))

    def test_text_comes_back_as_it_went_in(self, store):
        store.insert([order("a1", robot="роботъ '; DROP TABLE orders; --")])
        reason = "недостаточно средств \x00 \n 资金不足"
        store.apply([report("a1", H.REJECTED, reason=reason)], 2)
        assert store.get("a1").reason == reason


class TestFollowing:
    def test_every_change_is_told_and_not_only_the_latest_state(self, store):
        store.insert([order("a1")])
        store.apply([report("a1", H.SENT), report("a1", H.ACCEPTED)], 2)
        store.apply([filled("a1", volume="1")], 3)
        told = store.changes(0)
        assert [change.revision for change in told] == [1, 2, 3, 4, 5] == [*range(1, 6)]
        states = [change.status for change in told if isinstance(change, MyOrder)]
        assert states == [S.INTENT, S.SENT, S.WORKING, S.FILLED]

    def test_pages_join_without_a_gap(self, store):
        store.insert([order(f"a{i}", robot="even" if i % 2 == 0 else "odd") for i in range(25)])
        pages, after = [], 0
        while page := store.changes(after, limit=4):
            pages += page
            after = page[-1].revision
        assert [change.revision for change in pages] == [*range(1, 26)]
        assert [c.revision for c in store.changes(3, "odd", limit=3)] == [4, 6, 8]
        assert store.changes(25, "even") == []
        assert store.changes(0, "nobody") == []

    def test_waiting_ends_with_the_change(self, store):
        store.insert([order("a1")])
        assert store.wait(0, 0) is True
        assert store.wait(1, 0.001) is False
        waiter = threading.Timer(0.02, store.insert, [[order("a2")]])
        waiter.start()
        assert store.wait(1, 30) is True
        waiter.join()

    def test_closing_wakes_who_waits(self, store):
        closer = threading.Timer(0.02, store.close)
        closer.start()
        assert store.wait(0, 30) is False
        closer.join()

    def test_watching_gives_one_robot_its_changes_as_they_come(self, store):
        store.insert([order("a1"), order("b1", robot="other")])
        stopped = threading.Event()
        seen = []

        def follow():
            for change in watch(store, 0, "other", stopped.is_set):
                seen.append(change)
                if len(seen) == 3:
                    stopped.set()

        follower = threading.Thread(target=follow)
        follower.start()
        store.apply([report("a1", H.SENT), report("b1", H.SENT)], 2)
        store.apply([report("b1", H.ACCEPTED)], 3)
        follower.join(30)
        assert [change.status for change in seen] == [S.INTENT, S.SENT, S.WORKING]
        assert {change.robot for change in seen} == {"other"}

    def test_a_watcher_that_is_stopped_is_still_told_what_was_stored_before(self, store):
        store.insert([order(f"a{i}") for i in range(1500)])
        assert len([*watch(store, 0, None, lambda: True)]) == 1500
        assert [c.revision for c in watch(store, 1498, None, lambda: True)] == [1499, 1500]

    def test_many_threads_leave_no_hole_in_the_revisions(self, store):
        def write(name):
            for i in range(40):
                store.insert([order(f"{name}{i}", robot=name)])
                store.apply([report(f"{name}{i}", H.SENT)], i)

        writers = [threading.Thread(target=write, args=(name,)) for name in "abc"]
        for writer in writers:
            writer.start()
        seen, after = [], 0
        while len(seen) < 240 and store.wait(after, 30):
            seen += store.changes(after)
            after = seen[-1].revision
        for writer in writers:
            writer.join()
        assert [change.revision for change in seen] == [*range(1, 241)]


class TestClosed:
    def test_a_closed_store_says_so(self, store):
        store.insert([order("a1")])
        store.close()
        store.close()
        for call in (
            lambda: store.get("a1"),
            store.orders,
            lambda: store.orders(open_only=True),
            store.trades,
            lambda: store.changes(0),
            lambda: store.changes(1),
            lambda: store.position("quoter", VENUE, BTC),
            lambda: store.insert([order("a2")]),
            lambda: store.apply([report("a1")], 2),
        ):
            with pytest.raises(StoreError, match="closed"):
                call()
