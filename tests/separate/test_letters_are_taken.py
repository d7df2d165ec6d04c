"""Wishes between two processes: none is lost with the orders process, none is taken twice."""

from tests.orders.sample import wish

from millstream.model import CancelAll, Output, PlaceOrder
from millstream.model.codec import decode_outputs, encode_outputs
from millstream.separate.letters import Heard, Letter, read_letter, write
from millstream.separate.taking import Pulses, TakenInbox
from millstream.separate.wishes import WishPost

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


def heard(life, number=0, began_ns=0):
    return "heard", write(Heard(life, 0, {"a": (began_ns, number)}))


def post(wire, clock, *turns, **more):
    synced = []
    made = WishPost(
        "a", wire, lambda: synced.append(len(wire.sent)), clock, lambda now: True, print, **more
    )
    inbox = Turns(*turns)
    made.run(inbox, inbox.over)
    return synced


def test_nothing_leaves_before_the_orders_are_heard_of_and_the_journal_is_synced():
    wire, clock = Wire(), Clock(SECOND // 4)
    synced = post(wire, clock, [("wishes", b"1")], [("wishes", b"2")], [heard(7)])
    assert wire.numbers() == [1, 2]
    assert [one.wishes for one in wire.sent if one.number] == [b"1", b"2"]
    assert synced == [0]  # before the first of them
    assert wire.sent[-1].goodbye


def test_a_new_life_of_the_orders_is_sent_everything_that_the_old_one_had_not_stored():
    wire, clock = Wire(), Clock(SECOND // 4)
    began_ns = clock.now_ns + SECOND // 4
    first = [("wishes", b"1"), ("wishes", b"2"), ("wishes", b"3"), heard(7)]
    post(wire, clock, first, [heard(7, 1, began_ns)], [heard(8)])
    assert [(one.life, one.number) for one in wire.sent if one.number] == [
        (7, 1), (7, 2), (7, 3), (8, 2), (8, 3),
    ]  # fmt: skip


def test_what_a_killed_process_may_not_have_sent_goes_first_with_its_own_time():
    wire, clock = Wire(), Clock(SECOND // 4)
    post(wire, clock, [heard(7), ("wishes", b"new")], unsent=[(5, b"old")])
    assert [(one.wishes, one.wished_ns == 5) for one in wire.sent if one.number] == [
        (b"old", True), (b"new", False),
    ]  # fmt: skip


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


def letter(clock, number=1, life=7, age_ns=0, began_ns=3):
    return "wishes", write(Letter("a", began_ns, life, number, clock.now_ns - age_ns, outputs()))


def taken(clock, *turns, desk=None):
    return TakenInbox(Turns(*turns), desk or Desk(), Pulses(0), 7, 10 * SECOND, clock)


def test_a_letter_is_taken_once_and_only_the_life_it_is_for_takes_it():
    clock = Clock()
    inbox = taken(clock, [letter(clock), letter(clock), letter(clock, 2), letter(clock, 3, life=6)])
    assert inbox.receive(0) == [("wishes", outputs()), ("wishes", outputs())]


def test_it_counts_as_taken_when_the_next_is_asked_for():
    clock = Clock()
    inbox = taken(clock, [letter(clock, 4)], [])
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
