"""Wishes between two processes: none is lost with the orders process, none is taken twice."""

import pytest
from tests.orders.sample import wish

from millstream.errors import NameTaken
from millstream.model import CancelAll, CancelOrder, Output, PlaceOrder
from millstream.model.codec import decode_outputs, encode_outputs
from millstream.orders import MemoryStore
from millstream.orders.store import SavedRobot
from millstream.separate.letters import Heard, Letter, read_letter, write
from millstream.separate.places import name_of
from millstream.separate.setups import SetUpPost
from millstream.separate.taking import Pulses, TakenInbox
from millstream.separate.wishes import Unsent, WishPost
from millstream.session.setups import SetUp

SECOND = 1_000_000_000


class Clock:
    """Goes on by a step at each look; a large one, where somebody waits for seconds."""

    def __init__(self, step_ns=1):
        self.now_ns, self._step_ns = 100 * SECOND, step_ns

    def __call__(self):
        self.now_ns += self._step_ns
        return self.now_ns


class Wire:
    """What was offered; full when told so."""

    def __init__(self):
        self.sent, self.full = [], False

    def offer(self, body):
        if not self.full:
            self.sent.append(read_letter(body))
        return not self.full

    def numbers(self):
        return [one.number for one in self.sent if one.number]


class Turns:
    """An inbox that plays given turns; `stop` is true when they are over."""

    def __init__(self, *turns):
        self.turns = list(turns)

    def receive(self, timeout_ms):
        return self.turns.pop(0) if self.turns else []

    def over(self):
        return not self.turns


class Robots:
    """Robots that turn; every event so far was handled when a look begins."""

    def __init__(self, turned=0):
        self.sequence = turned

    def alive(self, now_ns):
        return True

    def turned(self):
        return self.sequence

    def markets(self):
        return ("binance@btc/usdt",)


def wished(cause):
    return encode_outputs([Output(cause, "a", CancelOrder(f"order{cause}"))])


def heard(life, number=0, began_ns=0):
    return "heard", write(Heard(life, 0, {"a": (began_ns, number)}))


def post(wire, clock, *turns, robots=None, **more):
    synced = []
    made = WishPost(
        "a", wire, lambda: synced.append(len(wire.sent)), clock, robots or Robots(), print, **more
    )
    inbox = Turns(*turns)
    made.run(inbox, inbox.over)
    return synced


def test_nothing_leaves_before_the_orders_are_heard_of_and_the_journal_is_synced():
    wire, clock = Wire(), Clock(SECOND // 4)
    synced = post(wire, clock, [("wishes", wished(1))], [("wishes", wished(2))], [heard(7)])
    assert wire.numbers() == [1, 2]
    assert [one.wishes for one in wire.sent if one.number] == [wished(1), wished(2)]
    assert synced == [0]  # before the first of them
    assert wire.sent[-1].goodbye


def test_a_new_life_of_the_orders_is_sent_everything_that_the_old_one_had_not_stored():
    wire, clock = Wire(), Clock(SECOND // 4)
    began_ns = clock.now_ns + SECOND // 4
    first = [("wishes", wished(1)), ("wishes", wished(2)), ("wishes", wished(3)), heard(7)]
    post(wire, clock, first, [heard(7, 1, began_ns)], [heard(8)])
    assert [(one.life, one.number) for one in wire.sent if one.number] == [
        (7, 1), (7, 2), (7, 3), (8, 2), (8, 3),
    ]  # fmt: skip


def test_letters_that_living_orders_do_not_take_are_sent_again():
    wire, clock = Wire(), Clock(SECOND // 4)
    began_ns = clock.now_ns + SECOND // 4
    first = [("wishes", wished(1)), ("wishes", wished(2)), heard(7)]
    post(wire, clock, first, *[[heard(7, 1, began_ns)]] * 9)
    numbers = [(one.number, one.first) for one in wire.sent if one.number]
    assert numbers[:3] == [(1, 1), (2, 1), (2, 2)]


def test_what_a_killed_process_may_not_have_sent_goes_first_with_its_own_time():
    wire, clock = Wire(), Clock(SECOND // 4)
    post(wire, clock, [heard(7), ("wishes", wished(9))], unsent=[Unsent(4, 5, b"old")])
    assert [(one.wishes, one.wished_ns == 5) for one in wire.sent if one.number] == [
        (b"old", True), (wished(9), False),
    ]  # fmt: skip


def reached(*turns, robots=None, **more):
    """What the post says to remember: the last event whose wishes have all been taken."""
    said, clock = [], Clock(SECOND // 4)
    began_ns = clock.now_ns + SECOND // 4
    turns = [turn(began_ns) if callable(turn) else turn for turn in turns]
    post(Wire(), clock, *turns, robots=robots, remember=said.append, **more)
    return list(dict.fromkeys(said))  # as it changed


def taken_up_to(number):
    return lambda began_ns: [heard(7, number, began_ns)]


def test_it_remembers_the_event_whose_wishes_were_taken_and_not_one_that_is_on_its_way():
    first = [("wishes", wished(3)), ("wishes", wished(8)), heard(7)]
    assert reached(first, taken_up_to(1)) == [0, 3]
    assert reached(first, taken_up_to(2)) == [0, 8]


def test_robots_that_wish_nothing_are_remembered_as_far_as_they_have_turned():
    assert reached([heard(7)], [], robots=Robots(41)) == [41]
    kept = reached([("wishes", wished(3)), heard(7)], [], robots=Robots(41))
    assert kept == [0]  # not beyond a wish that is still kept


def test_nothing_is_remembered_while_a_set_up_is_on_its_way():
    assert reached([heard(7)], [], robots=Robots(41), idle=lambda: False) == []


def test_two_letters_of_one_event_are_remembered_when_both_are_taken():
    both = [Unsent(5, 1, wished(5)), Unsent(5, 1, b"", SetUp("a", None))]
    assert reached([heard(7)], taken_up_to(1), unsent=both) == [0]
    assert reached([heard(7)], taken_up_to(2), unsent=both) == [0, 5]


def test_what_another_journal_left_says_nothing_of_this_one():
    left = [Unsent(0, 1, wished(900)), Unsent(0, 1, b"", SetUp("a", None))]
    stored = []
    said = reached([heard(7)], taken_up_to(2), unsent=left, stored=lambda: stored.append(1))
    assert (said, stored) == ([0], [])


def test_a_set_up_travels_like_a_wish_and_its_markets_are_said_at_once():
    wire, clock, stored = Wire(), Clock(1), []
    began_ns = clock.now_ns + 1
    setup = write(SetUp("a", saved("a")))
    turns = [[heard(7)], [("setups", setup)], [heard(7, 1, began_ns)]]
    post(wire, clock, *turns, stored=lambda: stored.append(1))
    assert [one.setup for one in wire.sent if one.number] == [SetUp("a", saved("a"))]
    signs = [one for one in wire.sent if not one.number and not one.goodbye]
    assert [one.markets for one in signs] == [("binance@btc/usdt",)] * 2
    assert stored == [1]


# ---- the other end ------------------------------------------------------------------------------


class Desk:
    def __init__(self):
        self.stored = []

    def handle(self, outputs, now_ns):
        self.stored.append(([one.body for one in outputs], now_ns))
        return []


def outputs():
    placed = wish("a1")
    placed = placed.body if isinstance(placed, Output) else placed
    assert isinstance(placed, PlaceOrder)
    return encode_outputs([Output(1, "a", placed), Output(1, "a", CancelAll())])


def saved(name, **more):
    return SavedRobot(
        name=name, robot="m:Q", markets=("binance@btc/usdt",), parameters={"volume": "1"}, **more
    )


def letter(clock, number=1, life=7, age_ns=0, began_ns=3, first=1):
    wished_ns = clock.now_ns - age_ns
    return "wishes", write(Letter("a", began_ns, life, number, wished_ns, outputs(), first=first))


def taken(clock, *turns, desk=None, record=None, pulses=None):
    record = record or MemoryStore()
    return TakenInbox(
        Turns(*turns), desk or Desk(), record, pulses or Pulses(0), 7, 10 * SECOND, clock
    )


def test_a_letter_is_taken_once_and_only_the_life_it_is_for_takes_it():
    clock = Clock()
    inbox = taken(clock, [letter(clock), letter(clock), letter(clock, 2), letter(clock, 3, life=6)])
    assert inbox.receive(0) == [("wishes", outputs()), ("wishes", outputs())]


def test_letters_behind_one_that_broke_with_a_connection_wait_until_it_comes_again():
    clock = Clock()
    again = [letter(clock, 2, first=2), letter(clock, 3, first=2)]
    inbox = taken(clock, [letter(clock)], [letter(clock, 3)], [], again, [])
    assert [len(inbox.receive(0)) for _ in range(3)] == [1, 0, 0]
    assert inbox.taken == {"a": (3, 1)}
    assert len(inbox.receive(0)) == 2
    inbox.receive(0)
    assert inbox.taken == {"a": (3, 3)}


def test_it_counts_as_taken_when_the_next_is_asked_for():
    clock = Clock()
    inbox = taken(clock, [letter(clock, 4, first=4)], [])
    inbox.receive(0)
    assert inbox.taken == {}  # it may die with it still
    inbox.receive(0)
    assert inbox.taken == {"a": (3, 4)}


def test_an_old_order_is_stored_with_its_own_time_and_an_old_cancel_is_passed_on():
    clock, desk = Clock(), Desk()
    inbox = taken(clock, [letter(clock, age_ns=11 * SECOND)], desk=desk)
    [(_, passed)] = inbox.receive(0)
    assert [type(one.body) for one in decode_outputs(passed)] == [CancelAll]
    [(stored, wished_ns)] = desk.stored
    assert [type(one) for one in stored] == [PlaceOrder]
    assert wished_ns == 100 * SECOND - 11 * SECOND


def test_bytes_that_are_no_letter_are_left_out_and_market_events_pass(caplog):
    inbox = taken(Clock(), [("wishes", b"\xff"), ("events", b"market")])
    assert inbox.receive(0) == [("events", b"market")]
    assert "ignores a letter" in caplog.text


def test_robots_that_fall_silent_without_a_goodbye_are_missed():
    pulses = Pulses(10)
    assert pulses.lost(10**18) == ""
    pulses.beat("a", 100)
    assert pulses.lost(110) == ""
    assert "a: the robots have given no sign of life" in pulses.lost(111)
    pulses.goodbye("a")
    assert pulses.lost(10**18) == ""


def test_set_ups_in_letters_are_kept_and_removed_and_no_desk_sees_them():
    clock, record, desk = Clock(), MemoryStore(), Desk()

    def of(number, setup):
        return "wishes", write(Letter("a", 3, 7, number, 1, b"", setup=setup))

    kept = [of(1, SetUp("x", saved("x", process="a"))), of(2, SetUp("y", saved("y", process="a")))]
    inbox = taken(clock, kept, [of(3, SetUp("y", None))], [], desk=desk, record=record)
    assert inbox.receive(0) == []
    assert [one.name for one in record.saved_robots()] == ["x", "y"]
    inbox.receive(0)
    assert record.saved_robots() == [saved("x", process="a")]
    inbox.receive(0)
    assert inbox.taken == {"a": (3, 3)}
    assert desk.stored == []


def test_who_adds_a_name_first_has_it_and_may_save_it_again(caplog):
    clock, record = Clock(), MemoryStore()

    def of(process, **more):
        setup = SetUp("x", saved("x", process=process, **more))
        return "wishes", write(Letter(process, 3, 7, number[process], 1, b"", setup=setup))

    number = {"a": 1, "b": 1}
    both = [of("a"), of("b")]
    number["a"] = 2
    inbox = taken(clock, both, [of("a", standing="paused")], record=record)
    inbox.receive(0)
    assert record.saved_robots() == [saved("x", process="a")]
    assert 'the set-up of "x" from the process "b" is not kept' in caplog.text
    inbox.receive(0)
    assert record.saved_robots() == [saved("x", process="a", standing="paused")]


def test_a_name_that_was_taken_back_is_not_taken_from_who_has_it():
    """A killed process sends its refused `add` again, and the `remove` that undid it."""
    clock, record = Clock(), MemoryStore()

    def of(process, number, setup):
        return "wishes", write(Letter(name_of(process), 3, 7, number, 1, b"", setup=setup))

    record.save_robot(saved("x", process="a"))
    late = [of("b", 1, SetUp("x", saved("x", process="b"))), of("b", 2, SetUp("x", None))]
    inbox = taken(clock, late, [of("a", 1, SetUp("x", None))], record=record)
    inbox.receive(0)
    assert record.saved_robots() == [saved("x", process="a")]
    inbox.receive(0)
    assert record.saved_robots() == []


def test_who_sends_a_set_up_hears_that_another_process_was_quicker():
    record = MemoryStore()
    record.save_robot(saved("x", process="a"))
    sent = []

    class Orders:
        def send(self, body):
            sent.append(body)
            posts[0].stored()  # the letter was taken; what became of it is in the store
            return True

    posts = [SetUpPost(Orders(), record, lambda: False)]
    with pytest.raises(NameTaken, match='added by the process "a" a moment ago'):
        posts[0].save_robot(saved("x", process="b"))
    posts[0].save_robot(saved("x", process="a"))
    assert len(sent) == 2


def test_what_other_programs_wish_passes_as_a_wish():
    assert taken(Clock(), [("mail", b"wish")]).receive(0) == [("wishes", b"wish")]


def test_what_all_robots_watch_is_known_until_they_say_goodbye():
    pulses = Pulses(0)

    def sign(process, *markets, goodbye=False):
        return "wishes", write(Letter(process, 3, 7, 0, 1, b"", goodbye, markets=markets))

    clock = Clock()
    turns = [sign("a", "x@1/2", "x@3/4"), sign("b", "x@1/2")], [sign("a", "x@1/2", goodbye=True)]
    inbox = taken(clock, *turns, pulses=pulses)
    inbox.receive(0)
    assert pulses.markets == ("x@1/2", "x@3/4")
    inbox.receive(0)
    assert pulses.markets == ("x@1/2",)
