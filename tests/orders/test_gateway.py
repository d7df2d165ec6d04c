from decimal import Decimal

import msgspec
import pytest
from tests.orders.sample import book, order, report, ticker, trade

from millstream.model import MyOrder, OrderStatus, OrderType, Side
from millstream.orders import Gateway, Happened, MemoryStore, OrderReport, PaperSettings, PaperVenue
from millstream.orders.sqlite import SqliteStore

S, H = OrderStatus, Happened


class Notebook(PaperVenue):
    """A paper venue that also notes what it was asked, and what the store said at that moment."""

    def __init__(self, store):
        super().__init__(PaperSettings())
        self.store = store
        self.asked = []

    def place(self, order, now_ns):
        self.asked.append((order.order_id, self.store.get(order.order_id).status))
        super().place(order, now_ns)


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def venue(store):
    return Notebook(store)


@pytest.fixture
def gateway(store, venue):
    made = Gateway(store, venue)
    made.start(0)
    return made


def states(store, order_id="a1"):
    return [
        change.status
        for change in store.changes(0)
        if isinstance(change, MyOrder) and change.order_id == order_id
    ]


def test_the_story_of_an_order_event_by_event(store, gateway):
    gateway.feed([book(1, [(99.0, 2.0)], [(101.0, 1.0)])], 1)
    store.insert([order("a1", price="99", volume="3")])
    assert states(store) == [S.INTENT]
    gateway.step(10)
    assert states(store) == [S.INTENT, S.SENT, S.WORKING]
    assert store.get("a1").venue_id == "paper-a1"
    gateway.feed([trade(11, 99.0, 2.5)], 11)  # 2.0 were ahead
    assert store.get("a1").filled_volume == Decimal("0.5")
    gateway.feed([ticker(12), trade(13, 98.0, 9.0)], 13)
    assert states(store) == [S.INTENT, S.SENT, S.WORKING, S.PARTIAL, S.FILLED]
    assert [(one.trade_id, one.volume) for one in store.trades("quoter")] == [
        ("paper-a1-1", Decimal("0.5")),
        ("paper-a1-2", Decimal("2.5")),
    ]


def test_an_order_is_marked_sent_before_it_is_sent(store, venue, gateway):
    store.insert([order("a1"), order("a2")])
    gateway.step(10)
    assert venue.asked == [("a1", S.SENT), ("a2", S.SENT)]


def test_an_order_is_sent_once_however_often_the_gateway_looks(store, venue, gateway):
    store.insert([order("a1")])
    for now_ns in range(5):
        gateway.step(now_ns)
        store.insert([order(f"b{now_ns}")])
    gateway.step(9)
    assert [order_id for order_id, _ in venue.asked] == ["a1", "b0", "b1", "b2", "b3", "b4"]


def test_an_intent_that_ended_before_it_was_sent_is_never_sent(store, venue, gateway):
    store.insert([order("a1"), order("a2", status=S.REJECTED)])
    gateway.cancel(["a1"], 5)
    gateway.step(10)
    assert venue.asked == []
    assert store.get("a1").reason == "canceled before it was sent"


def test_an_intent_whose_cancel_was_wished_before_a_crash_is_not_sent_after_it(store, venue):
    store.insert([order("a1")])
    store.apply([report("a1", H.CANCEL_WISHED)], 2)
    gateway = Gateway(store, venue)
    gateway.start(5)
    gateway.step(6)
    assert (venue.asked, store.get("a1").status) == ([], S.CANCELED)


def test_two_gateways_do_not_both_send(store):
    first, second = Notebook(store), Notebook(store)
    gateways = [Gateway(store, first), Gateway(store, second)]
    store.insert([order("a1")])
    for one in gateways:
        one.step(10)
    assert (len(first.asked), len(second.asked)) == (1, 0)


def test_a_cancel_reaches_the_venue_and_its_answer_the_store(store, gateway):
    gateway.feed([ticker(1)], 1)
    store.insert([order("a1", price="98")])
    gateway.step(10)
    gateway.cancel(["a1", "unheard"], 11)
    gateway.step(11)
    assert states(store)[-1] is S.CANCELED
    gateway.cancel(["a1"], 12)
    gateway.step(12)
    assert states(store) == [S.INTENT, S.SENT, S.WORKING, S.WORKING, S.CANCELED]


def test_more_intents_than_a_page_are_all_sent(store, venue, gateway):
    store.insert([order(f"a{i}", price="98") for i in range(2500)])
    gateway.step(10)
    assert len(venue.asked) == 2500
    assert {one.status for one in store.orders()} == {S.WORKING}


# ---- after a restart ----------------------------------------------------------------------------


def test_a_sent_order_without_a_result_is_in_doubt_and_then_settled_but_never_sent_again(store):
    store.insert([order("a1"), order("a2")])
    store.apply([report("a1", H.SENT), report("a2", H.ACCEPTED)], 2)
    venue = Notebook(store)
    Gateway(store, venue).start(50)
    assert venue.asked == []
    assert states(store, "a1") == [S.INTENT, S.SENT, S.UNKNOWN, S.CANCELED]
    assert states(store, "a2") == [S.INTENT, S.WORKING, S.CANCELED]
    assert store.get("a1").reason == store.get("a2").reason == "paper venue restarted"


def test_an_order_in_doubt_stays_so_while_the_venue_has_no_evidence(store):
    class Silent(PaperVenue):
        def recover(self, orders):
            return []

    store.insert([order("a1")])
    store.apply([report("a1", H.SENT)], 2)
    Gateway(store, Silent(PaperSettings())).start(50)
    assert store.get("a1").status is S.UNKNOWN


def test_an_intent_that_was_never_sent_is_sent_after_the_restart(store):
    store.insert([order("a1", price="98")])
    venue = Notebook(store)
    gateway = Gateway(store, venue)
    gateway.start(50)
    gateway.step(51)
    gateway.step(52)
    assert [order_id for order_id, _ in venue.asked] == ["a1"]
    assert states(store) == [S.INTENT, S.SENT, S.WORKING]


def test_a_second_run_on_the_same_file_has_no_order_or_trade_twice(tmp_path):
    for run in range(3):
        store = SqliteStore(tmp_path / "orders.db")
        gateway = Gateway(store, PaperVenue(PaperSettings()))
        gateway.start(run * 100)
        store.insert([order(f"r{run}", price="98"), order(f"s{run}", price="98", volume="2")])
        gateway.step(run * 100 + 10)
        gateway.feed([trade(run * 100 + 20, 97.0, 1.5)], run * 100 + 20)
        store.close()
    store = SqliteStore(tmp_path / "orders.db")
    assert len({one.trade_id for one in store.trades()}) == len(store.trades()) == 6
    assert [one.status for one in store.orders(open_only=True)] == [S.PARTIAL]  # of the last run
    assert store.position("quoter", order().exchange, order().symbol) == Decimal("4.5")
    store.close()


def test_a_report_on_somebody_elses_order_is_an_error_and_stores_nothing(store):
    class Confused(PaperVenue):
        def advance(self, now_ns):
            return [OrderReport("nobodys", H.CANCELED)]

    gateway = Gateway(store, Confused(PaperSettings()))
    with pytest.raises(Exception, match="nobodys is not in the store"):
        gateway.step(1)


def test_a_cancel_is_durable_before_the_venue_hears_of_it_and_asked_for_again_after_a_crash(store):
    class Deaf(PaperVenue):
        """Hears of cancels and forgets them; remembers what the store said then."""

        heard = ()

        def cancel(self, order_id, now_ns):
            self.heard = (*self.heard, (order_id, store.get(order_id).cancel_wished))

        def recover(self, orders):
            return []

    venue = Deaf(PaperSettings())
    gateway = Gateway(store, venue)
    gateway.start(0)
    store.insert([order("a1", price="98")])
    gateway.step(10)
    gateway.cancel(["a1"], 11)
    gateway.step(12)
    assert venue.heard == (("a1", True),)
    again = Deaf(PaperSettings())
    Gateway(store, again).start(13)
    assert again.heard == (("a1", True),)


def test_a_cancel_that_another_process_wished_reaches_the_venue(store, gateway):
    gateway.feed([ticker(1)], 1)
    store.insert([order("a1", price="98"), order("a2", price="97")])
    gateway.step(10)
    store.apply([report("a2", H.CANCEL_WISHED)], 11)
    gateway.step(12)
    gateway.step(13)
    assert (store.get("a1").status, store.get("a2").status) == (S.WORKING, S.CANCELED)


def test_an_intent_that_waited_too_long_is_refused_with_its_age(store, venue):
    store.insert([order("a1"), msgspec.structs.replace(order("a2"), received_ns=25 * 10**9)])
    Gateway(store, venue).start(30 * 10**9)
    assert [order_id for order_id, _ in venue.asked] == ["a2"]
    assert store.get("a1").status is S.EXPIRED
    assert "wished 30.0 s ago" in store.get("a1").reason


def test_a_halted_gateway_lets_nothing_out_and_cancels_what_is_open(store, venue, gateway):
    gateway.feed([ticker(1)], 1)
    store.insert([order("a1", price="98")])
    gateway.step(10)
    store.insert([order("a2", price="98")])
    gateway.halt("halted by anna: runaway", 11)
    store.insert([order("a3", price="98")])
    gateway.step(12)
    assert [order_id for order_id, _ in venue.asked] == ["a1"]
    assert [one.status for one in store.orders()] == [S.CANCELED] * 3
    assert store.get("a3").reason == "halted by anna: runaway"
    gateway.resume()
    store.insert([order("a4", price="98")])
    gateway.step(13)
    assert store.get("a4").status is S.WORKING


def test_an_amended_order_rests_at_its_new_price_with_what_is_left(store, gateway):
    gateway.feed([book(1, [(99.0, 2.0)], [(101.0, 1.0)])], 1)
    store.insert([order("a1", price="98", volume="3")])
    gateway.step(10)
    gateway.feed([trade(11, 97.0, 1.0)], 11)
    gateway.amend("a1", Decimal("100"), Decimal("2"), 12)
    gateway.step(12)
    one = store.get("a1")
    assert (one.price, one.volume, one.filled_volume) == (Decimal(100), Decimal(2), Decimal(1))
    gateway.feed([trade(13, 99.5, 9.0)], 13)
    assert store.get("a1").status is S.FILLED
    assert len({one.trade_id for one in store.trades()}) == 2


def test_an_amend_below_what_is_filled_is_refused_with_its_reason(store, gateway):
    gateway.feed([book(1, [(99.0, 2.0)], [(101.0, 1.0)])], 1)
    store.insert([order("a1", price="98", volume="3")])
    gateway.step(10)
    gateway.feed([trade(11, 97.0, 2.0)], 11)
    gateway.amend("a1", None, Decimal("1"), 12)
    gateway.step(12)
    assert store.get("a1").reason == "amend refused: 2.0 is filled already"
    assert store.get("a1").volume == Decimal(3)


@pytest.mark.parametrize(
    ("side", "stop", "quiet", "reached"),
    [(Side.BUY, "105", 104.0, 105.0), (Side.SELL, "95", 96.0, 94.0)],
)
def test_a_stop_becomes_a_market_order_where_the_market_trades(
    store, gateway, side, stop, quiet, reached
):
    gateway.feed([book(1, [(99.0, 2.0)], [(101.0, 2.0)])], 1)
    one = order("a1", price=None, side=side)
    store.insert([msgspec.structs.replace(one, type=OrderType.STOP, stop_price=Decimal(stop))])
    gateway.step(10)
    gateway.feed([trade(11, quiet, 1.0)], 11)
    assert store.get("a1").status is S.WORKING
    gateway.feed([trade(12, reached, 1.0)], 12)
    assert store.get("a1").status is S.FILLED


def test_a_stop_can_be_canceled(store, gateway):
    one = order("a1", price=None)
    store.insert([msgspec.structs.replace(one, type=OrderType.STOP, stop_price=Decimal(105))])
    gateway.step(10)
    gateway.cancel(["a1"], 11)
    gateway.step(11)
    gateway.feed([book(12, [(99.0, 2.0)], [(101.0, 2.0)]), trade(13, 106.0, 1.0)], 13)
    assert (store.get("a1").status, store.get("a1").filled_volume) == (S.CANCELED, 0)
