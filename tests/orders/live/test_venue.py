"""What a live venue makes of answers: doubt blocks, evidence settles. The line is a script."""

from decimal import Decimal

import msgspec
import pytest
from tests.orders.sample import BTC, VENUE, fill, order, report

from millstream.model import (
    Channel,
    Connected,
    Exchange,
    Gap,
    Liquidity,
    MyOrderBatch,
    MyTrade,
    OrderStatus,
    Side,
)
from millstream.orders import Gateway, Happened, MemoryStore
from millstream.orders.lines.answers import (
    Amended,
    Canceled,
    Evidence,
    InDoubt,
    NotAmended,
    NotCanceled,
    Placed,
    Rejected,
    SeenFill,
)
from millstream.orders.live import LiveSettings, LiveVenue

S, H = OrderStatus, Happened
SECOND = 1_000_000_000


class Script:
    """A line that notes what it is asked, and answers what the test says."""

    def __init__(self):
        self.placed, self.canceled, self.amended, self.asked = [], [], [], []
        self.next = []

    def place(self, order):
        self.placed.append(order.order_id)

    def cancel(self, order):
        self.canceled.append((order.order_id, order.venue_id))

    def amend(self, order, price, volume):
        self.amended.append((order.order_id, price, volume))

    def ask(self, orders, symbols, since_ns, holdings):
        self.asked.append(([one.order_id for one in orders], since_ns, holdings))

    def answers(self):
        answers, self.next = self.next, []
        return answers


class World:
    """A gateway at a live venue, with a clock moved by hand."""

    def __init__(self, store=None, now_s=1000, exchange=VENUE, answered=True):
        self.exchange = exchange
        self.now_ns = self.steady_ns = now_s * SECOND
        self.store = store or MemoryStore()
        self.line, self.told = Script(), []
        self.venue = LiveVenue(
            LiveSettings(exchange), self.line, self.store, self.told.extend, lambda: self.steady_ns
        )
        self.gateway = Gateway(self.store, self.venue, 10**18)
        self.gateway.start(self.now_ns)
        self.turn()
        if answered:
            self.hear(self.evidence())

    def turn(self, seconds=0.0):
        self.now_ns += int(seconds * SECOND)
        self.steady_ns += int(seconds * SECOND)
        self.gateway.step(self.now_ns)

    def set_clock(self, seconds):
        """No time passes, but somebody has set the clock by so much."""
        self.now_ns += int(seconds * SECOND)
        self.turn()

    def hear(self, *answers):
        self.line.next += answers
        self.turn()

    def place(self, order_id="a1", **more):
        one = order(order_id, **more)
        one = msgspec.structs.replace(one, received_ns=self.now_ns, exchange=self.exchange)
        self.store.insert([one])
        self.turn()

    def evidence(self, open_=(), ended=(), fills=(), holdings=None, failure=""):
        return Evidence(
            self.now_ns, self.now_ns, frozenset({BTC}), tuple(open_), tuple(ended), tuple(fills),
            holdings, failure,
        )  # fmt: skip

    def order(self, order_id="a1"):
        return self.store.get(order_id)


def later_life(world):
    """After a restart: the first question is asked, and not answered yet."""
    return World(world.store, world.now_ns // SECOND, answered=False)


def seen(status=S.WORKING, order_id="a1", venue_id="v1", filled="0", **more):
    one = order(order_id, status=status, robot="", **more)
    return msgspec.structs.replace(one, venue_id=venue_id, filled_volume=Decimal(filled))


def seen_fill(trade_id="t1", volume="0.4", venue_id="v1"):
    return SeenFill(venue_id, BTC, Side.BUY, fill(trade_id, volume=volume))


@pytest.fixture
def world():
    return World()


def test_an_accepted_order_works_under_the_venues_id(world):
    world.place()
    assert world.order().status is S.SENT
    world.hear(Placed("a1", "v1"))
    assert (world.order().status, world.order().venue_id) == (S.WORKING, "v1")


def test_a_certain_refusal_is_a_rejection_in_the_venues_words(world):
    world.place()
    world.hear(Rejected("a1", "insufficient funds: no money"))
    assert (world.order().status, world.order().reason) == (
        S.REJECTED,
        "insufficient funds: no money",
    )


def test_numbers_that_were_made_to_fit_are_the_orders_numbers(world):
    world.place(volume="1.23456")
    world.hear(Amended("a1", Decimal("100"), Decimal("1.2")), Placed("a1", "v1"))
    assert world.order().volume == Decimal("1.2")


def test_an_order_for_another_exchange_is_refused_and_never_sent():
    world = World(exchange=Exchange.KRAKEN)
    world.store.insert([order("a1")])  # for Binance
    world.turn()
    assert (world.line.placed, world.order().status) == ([], S.REJECTED)
    assert world.order().reason == (
        "nothing was sent: this order is for binance, the gateway trades on kraken"
    )


def test_an_order_of_another_exchange_is_neither_canceled_nor_amended_here():
    store = MemoryStore()
    store.insert([msgspec.structs.replace(order("a1"), venue_id="7")])
    store.apply([report("a1", H.ACCEPTED)], 2)  # by an earlier session, on Binance
    world = World(store, exchange=Exchange.KRAKEN)
    world.gateway.amend("a1", Decimal(99), None, world.now_ns)
    world.gateway.cancel(["a1"], world.now_ns)
    world.turn(120)
    assert (world.line.amended, world.line.canceled) == ([], [])
    assert world.order().status is S.WORKING


class TestDoubt:
    def test_an_order_in_doubt_is_unknown_and_never_sent_again(self, world):
        world.place()
        world.hear(InDoubt("a1", "request timeout"))
        assert world.order().status is S.UNKNOWN
        for _ in range(300):
            world.turn(1)
            world.hear(world.evidence(failure="nothing can be asked"))
        assert world.order().status is S.UNKNOWN
        assert world.line.placed == ["a1"]

    def test_it_is_settled_by_the_list_of_open_orders(self, world):
        world.place()
        world.hear(InDoubt("a1", "request timeout"))
        world.hear(world.evidence(open_=[seen()]))
        assert (world.order().status, world.order().venue_id) == (S.WORKING, "v1")

    def test_it_is_settled_by_the_list_of_ended_orders_and_fills(self, world):
        world.place()
        world.hear(InDoubt("a1", "request timeout"))
        world.hear(world.evidence(ended=[seen(S.CANCELED, filled="0.4")], fills=[seen_fill()]))
        assert (world.order().status, world.order().filled_volume) == (S.CANCELED, Decimal("0.4"))

    def test_not_found_is_no_proof_before_the_grace_is_over(self, world):
        world.place()
        world.hear(InDoubt("a1", "request timeout"))
        world.turn(80)
        world.hear(world.evidence())
        assert world.order().status is S.UNKNOWN
        world.turn(20)
        world.hear(world.evidence())
        assert world.order().status is S.REJECTED
        assert "never reached the venue" in world.order().reason

    def test_evidence_with_a_hole_proves_no_absence(self, world):
        world.place()
        world.hear(InDoubt("a1", "request timeout"))
        world.turn(500)
        world.hear(world.evidence(failure="fetch_open_orders: timeout"))
        assert world.order().status is S.UNKNOWN

    def test_an_order_does_not_end_before_all_its_fills_are_booked(self, world):
        world.place()
        world.hear(Placed("a1", "v1"))
        world.hear(world.evidence(ended=[seen(S.CANCELED, filled="0.4")]))
        assert world.order().status is S.WORKING
        world.turn(1)
        assert world.line.asked[-1][0] == ["a1"]
        world.hear(world.evidence(ended=[seen(S.CANCELED, filled="0.4")], fills=[seen_fill()]))
        assert (world.order().status, world.order().filled_volume) == (S.CANCELED, Decimal("0.4"))

    def test_it_is_asked_for_less_and_less_often(self, world):
        world.place()
        world.hear(InDoubt("a1", "request timeout"))
        asked = len(world.line.asked)
        for _ in range(500):
            world.turn(0.1)
            if len(world.line.asked) > asked:
                world.hear(world.evidence(failure="no"))
        assert 5 <= len(world.line.asked) - asked <= 10

    def test_an_order_under_way_is_not_missed_by_evidence_that_was_asked_before(self, world):
        world.place()
        world.turn(1000)
        world.hear(world.evidence())
        assert world.order().status is S.SENT


class TestGivenUp:
    """An order that was given up after the grace, and that the venue lists later."""

    @pytest.fixture
    def world(self):
        world = World()
        world.place()
        world.hear(InDoubt("a1", "request timeout"))
        world.turn(100)
        world.hear(world.evidence())
        assert world.order().status is S.REJECTED
        world.turn(100)
        return world

    def test_it_is_canceled_there_and_its_robot_is_told(self, world, caplog):
        world.hear(world.evidence([seen()]))
        assert world.line.canceled == [("a1", "v1")]
        assert (world.order().status, world.order().venue_id) == (S.REJECTED, "v1")
        assert "never reached the venue" in world.order().reason
        assert "the venue has it all the same, so it is canceled there" in world.order().reason
        assert "the venue has it all the same" in caplog.text

    def test_it_is_canceled_again_for_as_long_as_it_is_listed_and_told_of_once(self, world):
        world.hear(world.evidence([seen()]))
        revision = world.store.revision
        world.turn(1)
        assert world.line.asked[-1][0] == ["a1"]
        world.hear(world.evidence([seen()]))
        assert world.line.canceled == [("a1", "v1")] * 2
        assert world.store.revision == revision

    def test_what_it_filled_is_booked_and_then_it_is_asked_for_no_more(self, world):
        world.hear(world.evidence([seen()]))
        world.turn(1)
        world.hear(world.evidence(ended=[seen(S.CANCELED, filled="0.4")]))
        world.turn(2)
        assert world.line.asked[-1][0] == ["a1"]  # a fill is missing
        assert world.line.asked[-1][1] <= 1000 * SECOND  # since it was wished
        world.hear(world.evidence(ended=[seen(S.CANCELED, filled="0.4")], fills=[seen_fill()]))
        assert (world.order().status, world.order().filled_volume) == (S.REJECTED, Decimal("0.4"))
        assert len(world.store.trades()) == 1
        asked = len(world.line.asked)
        world.turn(30)
        assert len(world.line.asked) == asked

    def test_one_that_filled_before_it_was_ever_listed_open_is_booked(self, world):
        world.hear(world.evidence(ended=[seen(S.FILLED, filled="0.4")], fills=[seen_fill()]))
        assert (world.order().filled_volume, world.line.canceled) == (Decimal("0.4"), [])
        revision = world.store.revision
        world.turn(60)
        world.hear(world.evidence(ended=[seen(S.FILLED, filled="0.4")], fills=[seen_fill()]))
        assert world.store.revision == revision  # told once

    def test_one_that_left_all_lists_is_asked_for_by_the_next_life_too(self, world):
        world.hear(world.evidence([seen()]))
        world.turn(1)
        later = later_life(world)
        assert later.line.asked[0][0] == ["a1"]
        assert later.line.asked[0][1] <= 1000 * SECOND  # since it was wished
        later.hear(later.evidence(ended=[seen(S.CANCELED, filled="0.4")], fills=[seen_fill()]))
        assert later.order().filled_volume == Decimal("0.4")
        assert later.order().reason.endswith("it is there no more")
        assert later_life(later).line.asked[0][0] == []

    def test_one_that_came_and_went_while_nobody_ran_is_booked(self, world):
        later = later_life(world)
        assert later.line.asked[0][:2] == (["a1"], 940 * SECOND)
        later.hear(later.evidence(ended=[seen(S.FILLED, filled="0.4")], fills=[seen_fill()]))
        assert later.order().filled_volume == Decimal("0.4")

    def test_it_is_asked_for_until_the_venue_answers_at_all(self, world):
        later = later_life(world)
        for _ in range(5):
            later.hear(later.evidence(failure="fetch_open_orders: 503 Service Unavailable"))
            later.turn(60)
        assert later.line.asked[-1][0] == ["a1"]
        later.hear(later.evidence(ended=[seen(S.FILLED, filled="0.4")], fills=[seen_fill()]))
        assert later.order().filled_volume == Decimal("0.4")

    def test_a_list_that_cannot_be_had_whole_is_not_asked_for_ever(self, world):
        later = later_life(world)
        for _ in range(3):
            later.hear(later.evidence(holdings={}, failure="fetch_my_trades: more than 4000"))
            later.turn(60)
        assert later.line.asked[-1][0] == []

    def test_one_that_was_given_up_days_ago_is_asked_for_no_more(self, world):
        world.turn(100_000)
        assert later_life(world).line.asked[0][0] == []

    def test_the_private_stream_has_the_lists_asked_at_once(self, world):
        world.hear(world.evidence())
        asked = len(world.line.asked)
        world.gateway.feed([seen()], world.now_ns)
        world.turn()
        assert len(world.line.asked) == asked + 1

    def test_one_that_is_listed_nowhere_any_more_is_given_up_again(self, world):
        world.hear(world.evidence([seen()]))
        world.turn(100)
        world.hear(world.evidence())
        asked = len(world.line.asked)
        world.turn(30)
        assert len(world.line.asked) == asked

    def test_a_foreign_order_with_the_id_of_a_refused_wish_is_left_alone(self, world):
        world.store.insert([order("b1", status=S.REJECTED)])  # by risk: never sent
        world.turn()
        world.hear(world.evidence([seen(order_id="b1", venue_id="v7")]))
        assert world.line.canceled == []
        assert world.order("b1").venue_id == ""


def test_an_order_that_the_venue_refused_and_lists_as_refused_is_as_it_was(world):
    world.place()
    world.hear(Rejected("a1", "no money"))
    world.turn(100)
    world.hear(world.evidence(ended=[seen(S.REJECTED)]))
    assert (world.order().reason, world.line.canceled) == ("no money", [])


class TestClock:
    @pytest.mark.parametrize("seconds", [-6000, 6000])
    def test_a_clock_that_is_set_neither_ends_a_grace_nor_delays_its_end(self, world, seconds):
        world.place()
        world.hear(InDoubt("a1", "request timeout"))
        world.turn(30)
        world.hear(world.evidence())
        world.set_clock(seconds)
        asked = len(world.line.asked)
        world.turn(30)
        assert len(world.line.asked) == asked + 1
        world.hear(world.evidence())
        assert world.order().status is S.UNKNOWN
        world.turn(31)
        world.hear(world.evidence())
        assert world.order().status is S.REJECTED

    def test_a_clock_that_was_set_between_two_lives_ends_no_grace(self, world):
        world.place()
        world.hear(InDoubt("a1", "request timeout"))
        world.now_ns += 6000 * SECOND
        later = later_life(world)
        later.hear(later.evidence())
        assert later.order().status is S.UNKNOWN
        later.turn(91)
        later.hear(later.evidence())
        assert later.order().status is S.REJECTED

    def test_what_rose_is_canceled_and_booked_though_the_clock_was_set_back(self, world):
        world.place()
        world.hear(InDoubt("a1", "request timeout"))
        world.turn(100)
        world.hear(world.evidence())
        assert world.order().status is S.REJECTED
        world.turn(61)
        world.set_clock(-6000)
        world.hear(world.evidence([seen(filled="0.4")], fills=[seen_fill()]))
        assert world.line.canceled == [("a1", "v1")]
        assert world.order().filled_volume == Decimal("0.4")

    def test_what_is_listed_is_not_taken_for_gone_though_the_clock_was_set_back(self, world):
        world.place()
        world.hear(InDoubt("a1", "request timeout"))
        world.turn(100)
        world.hear(world.evidence())
        world.turn(1)
        world.hear(world.evidence([seen()]))
        world.set_clock(-6000)
        for _ in range(3):
            world.turn(60)
            world.hear(world.evidence([seen()]))
        assert "it is there no more" not in world.order().reason
        assert len(world.line.canceled) == 4

    @pytest.mark.parametrize("seconds", [-6000, 6000])
    def test_the_dead_mans_timer_is_renewed_by_no_clock_that_is_set(self, world, seconds):
        signs = []
        world.line.cancel_all_after = signs.append
        settings = LiveSettings(VENUE, cancel_all_after_s=60)
        steady_ns = iter([1000 * SECOND, 1001 * SECOND, 1021 * SECOND])
        venue = LiveVenue(
            settings, world.line, world.store, world.told.extend, lambda: next(steady_ns)
        )
        for now_s in (1000, 1001 + seconds, 1021 + seconds):
            venue.advance(now_s * SECOND)
        assert signs == [60, 60]


class TestCancel:
    def test_a_cancel_ends_the_order_only_when_the_venue_shows_it(self, world):
        world.place()
        world.hear(Placed("a1", "v1"))
        world.gateway.cancel(["a1"], world.now_ns)
        world.hear(Canceled("a1"))
        assert world.order().status is S.WORKING
        world.turn(1)
        world.hear(world.evidence(ended=[seen(S.CANCELED)]))
        assert world.order().status is S.CANCELED

    def test_a_cancel_that_failed_is_asked_for_again_while_the_order_is_open(self, world):
        world.place()
        world.hear(Placed("a1", "v1"))
        world.gateway.cancel(["a1"], world.now_ns)
        world.hear(NotCanceled("a1", "timeout"))
        world.turn(1)
        world.hear(world.evidence(open_=[seen()]))
        assert world.line.canceled == [("a1", "v1"), ("a1", "v1")]

    def test_foreign_orders_are_told_and_never_touched(self, world):
        world.place()
        world.hear(Placed("a1", "v1"))
        foreign = seen(order_id="web_77", venue_id="v9")
        world.hear(world.evidence(open_=[seen(), foreign]))
        world.gateway.halt("enough", world.now_ns)
        world.turn(1)
        assert world.line.canceled == [("a1", "v1")]
        batch = next(one for one in reversed(world.told) if isinstance(one, MyOrderBatch))
        assert [(one.order_id, one.robot) for one in batch.orders] == [
            ("a1", "quoter"),
            ("web_77", ""),
        ]


class TestAmend:
    def test_new_numbers_are_stored_when_the_venue_took_them(self, world):
        world.place()
        world.hear(Placed("a1", "v1"))
        world.gateway.amend("a1", Decimal(99), None, world.now_ns)
        assert world.line.amended == [("a1", Decimal(99), None)]
        assert world.order().price == 100
        world.hear(Amended("a1", Decimal(99), Decimal(1), "v1"))
        assert world.order().price == 99

    def test_a_refusal_is_told_and_a_doubt_is_asked_for(self, world):
        world.place()
        world.hear(Placed("a1", "v1"))
        world.hear(NotAmended("a1", "request timeout", True))
        assert world.order().reason == "amend: request timeout"
        world.turn(1)
        world.hear(world.evidence(open_=[seen(price="98", volume="2")]))
        assert (world.order().price, world.order().volume) == (98, 2)

    def test_a_list_that_was_asked_for_before_it_does_not_take_it_back(self, world):
        world.place()
        world.hear(Placed("a1", "v1"))
        before = world.evidence([seen()])
        world.turn(1)
        world.hear(Amended("a1", Decimal(101), Decimal(2), "v1"))
        world.store.apply([report("a1", H.FILLED, fill=fill("t1", volume="1"))], world.now_ns)
        world.hear(before)
        # Taken back to 1, it would count as filled whole, and what fills then as impossible.
        now = world.order()
        assert (now.price, now.volume, now.status) == (Decimal(101), Decimal(2), S.PARTIAL)
        world.hear(world.evidence([seen(S.PARTIAL, volume="2", price="102", filled="1")]))
        assert world.order().price == Decimal(102)  # a newer list is believed

    def test_a_list_that_was_asked_for_before_settles_no_doubt_about_it(self, world):
        world.place()
        world.hear(Placed("a1", "v1"))
        before = world.evidence([seen()])
        world.turn(1)
        world.hear(NotAmended("a1", "request timeout", in_doubt=True))
        world.hear(before)
        asked = len(world.line.asked)
        world.turn(2)
        assert len(world.line.asked) == asked + 1

    def test_a_list_without_a_volume_does_not_amend_the_order_to_nothing(self, world):
        world.place()
        world.hear(Placed("a1", "v1"))
        world.turn(1)
        world.hear(world.evidence([seen(volume="0", price="101")]))
        assert (world.order().price, world.order().volume) == (Decimal(101), Decimal(1))


class TestStream:
    def trade(self, **more):
        values = {"order_id": "a1", "trade_id": "t1", "volume": Decimal("0.4"), **more}
        return MyTrade(
            1, VENUE, BTC, "", side=Side.BUY, price=Decimal(100), fee=Decimal(0),
            fee_currency="USDT", liquidity=Liquidity.MAKER, exchange_ns=1, revision=0, **values,
        )  # fmt: skip

    def test_a_fill_is_booked_once_whoever_tells_it(self, world):
        world.place()
        world.hear(Placed("a1", "v1"))
        world.gateway.feed([self.trade(), self.trade()], world.now_ns)
        world.hear(world.evidence(open_=[seen(S.PARTIAL, filled="0.4")], fills=[seen_fill()]))
        assert len(world.store.trades()) == 1
        assert world.order().filled_volume == Decimal("0.4")

    def test_a_fill_before_the_acknowledgement_is_kept(self, world):
        world.place()
        world.gateway.feed([self.trade(volume=Decimal(1))], world.now_ns)
        assert world.order().status is S.FILLED
        world.hear(Placed("a1", "v1"))
        assert world.order().status is S.FILLED

    def test_a_late_fill_of_an_ended_order_is_booked_from_rest(self, world):
        world.place()
        world.hear(Placed("a1", "v1"))
        world.gateway.feed([seen(S.CANCELED)], world.now_ns)
        assert world.order().status is S.CANCELED
        world.hear(world.evidence(fills=[seen_fill()]))
        assert (world.order().status, world.order().filled_volume) == (S.CANCELED, Decimal("0.4"))

    def test_an_order_that_filled_without_its_fills_is_asked_for(self, world):
        world.place()
        world.hear(Placed("a1", "v1"))
        world.gateway.feed([seen(S.FILLED, filled="1")], world.now_ns)
        assert world.order().status is S.WORKING
        world.turn(2)
        assert world.line.asked[-1][0] == ["a1"]

    def test_a_reconnect_asks_for_what_came_meanwhile(self, world):
        asked = len(world.line.asked)
        world.turn(1)
        assert len(world.line.asked) == asked
        channel = Channel.MY_ORDER
        world.gateway.feed([Connected(1, VENUE, channel, None, 2)], world.now_ns)
        world.turn()
        assert len(world.line.asked) == asked + 1


class TestAccount:
    def test_the_robots_sum_is_compared_with_the_account_each_minute(self, world):
        begin = {"USDT": Decimal(1000), "BTC": Decimal(1)}
        world.hear(world.evidence(holdings=begin))
        world.turn()
        world.place()
        world.hear(Placed("a1", "v1"))
        after = {"USDT": Decimal("959.99"), "BTC": Decimal("1.4")}
        fills = [seen_fill()]
        for _ in range(2):
            world.hear(world.evidence([seen(S.PARTIAL, filled="0.4")], fills=fills, holdings=after))
            world.turn(60)
        assert not any(isinstance(one, Gap) for one in world.told)

    def test_a_difference_that_stays_is_an_event_and_told_once(self, world):
        world.hear(world.evidence(holdings={"BTC": Decimal(1)}))
        world.turn()
        for _ in range(4):
            world.hear(world.evidence(holdings={"BTC": Decimal("1.5")}))
            world.turn(60)
        (gap,) = [one for one in world.told if isinstance(one, Gap)]
        assert (gap.channel, gap.expected, gap.got) == (Channel.MY_TRADE, "1", "1.5")

    def test_the_account_is_reconciled_once_a_minute(self, world):
        asked = len(world.line.asked)
        for _ in range(180):
            world.turn(1)
            if len(world.line.asked) > asked:
                asked += 1
                world.hear(world.evidence())
        assert asked == 4


class TestRestart:
    def test_what_was_sent_without_a_result_is_asked_for_and_not_sent_again(self):
        store = MemoryStore()
        sent = msgspec.structs.replace(order("a1"), received_ns=10 * SECOND)
        store.insert([sent])
        store.apply([report("a1", H.SENT)], 11 * SECOND)
        world = World(store, now_s=5000)
        assert world.line.placed == []
        assert world.line.asked[0][0] == ["a1"]
        assert world.line.asked[0][1] <= 10 * SECOND
        assert (
            world.order().status is S.UNKNOWN
        )  # a grace is of one life: clocks may be set between
        world.turn(91)
        world.hear(world.evidence())
        assert world.order().status is S.REJECTED

    def test_a_cancel_wished_before_the_crash_is_asked_for_again(self):
        store = MemoryStore()
        store.insert([order("a1")])
        store.apply([report("a1", H.ACCEPTED, venue_id="v1"), report("a1", H.CANCEL_WISHED)], 2)
        assert World(store).line.canceled == [("a1", "v1")]


class TestPositions:
    """Of contracts, the account tells positions: all that robots ever filled should be there."""

    @pytest.fixture
    def world(self):
        return World(exchange=Exchange.BINANCE_FUTURE)

    def look(self, world, position, **more):
        for _ in range(3):
            world.turn(60)
            world.hear(world.evidence(holdings={str(BTC): Decimal(position)}, **more))
            world.turn()
        return [(one.expected, one.got) for one in world.told if isinstance(one, Gap)]

    def fill(self, world):
        world.place()
        world.hear(Placed("a1", "v1"))
        opened = msgspec.structs.replace(seen(S.PARTIAL, filled="0.4"), exchange=world.exchange)
        world.hear(world.evidence([opened], fills=[seen_fill()]))
        assert world.order().filled_volume == Decimal("0.4")

    def test_what_the_robots_filled_is_no_difference(self, world):
        self.fill(world)
        assert self.look(world, "0.4") == []
        assert world.line.asked[-1][-1]  # and it was asked for

    def test_a_position_that_no_fill_explains_is_told_once(self, world):
        self.fill(world)
        assert self.look(world, "-0.6") == [("0.4", "-0.6")]
        assert self.look(world, "-0.6") == [("0.4", "-0.6")]

    def test_a_position_that_is_gone_is_told_though_the_venue_lists_none(self, world):
        self.fill(world)
        for _ in range(2):
            world.hear(world.evidence(holdings={}))
            world.turn(60)
        assert [one.got for one in world.told if isinstance(one, Gap)] == ["0"]

    def test_what_an_earlier_session_filled_is_counted(self, world):
        self.fill(world)
        later = World(world.store, now_s=5000, exchange=world.exchange)
        assert self.look(later, "0.4") == []
