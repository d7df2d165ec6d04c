from __future__ import annotations

from collections import deque
from decimal import Decimal

import pytest
from tests.robot.test_group import Counter, Fragile, setup

from millstream.model import (
    CancelOrder,
    Control,
    CurrencyPair,
    Exchange,
    LogLine,
    OrderStatus,
    PlaceOrder,
    PublishFrame,
    SessionEnd,
    SetTimer,
    Side,
    Ticker,
    Timer,
    Trade,
)
from millstream.model.codec import decode_events, decode_outputs, encode_events
from millstream.robot import Robot, RobotGroup, control_stream, robo_loop, trade_stream

SECOND = 1_000_000_000
BTC = CurrencyPair.BTC_USDT


class Receiver:
    """Batches from a list; each look at it may move the clock."""

    def __init__(self, batches, clock=None):
        self.batches = deque(batches)
        self.clock = clock
        self.waits = []

    def receive(self, timeout_ms):
        self.waits.append(timeout_ms)
        body = self.batches.popleft()
        if callable(body):
            return body(self.clock)
        return body


class Clock:
    def __init__(self):
        self.now_ns = 0

    def __call__(self):
        return self.now_ns


class Journal:
    """Remembers what was appended, in order."""

    def __init__(self):
        self.records = []
        self.next_sequence = 1

    def append_events(self, body, count):
        first = self.next_sequence
        self.next_sequence += count
        self.records.append(("events", body))
        return first

    def append_outputs(self, outputs):
        self.records.append(("outputs", list(outputs)))


class Wishes:
    def __init__(self, journal):
        self.journal = journal
        self.sent = []

    def send(self, body, timeout_ms=10_000):
        self.sent.append((len(self.journal.records), decode_outputs(body)))
        return True


def ticker(received_ns):
    return Ticker(received_ns, Exchange.BINANCE, BTC, 0, 1.0, 1.0, 2.0, 1.0)


def run(batches, robot=Counter, clock=None):
    clock = clock or Clock()
    robots = RobotGroup("run001", 1)
    robots.add(setup(robot))
    journal = Journal()
    wishes = Wishes(journal)
    receiver = Receiver([*batches, encode_events([SessionEnd(9, "done")])], clock)
    robo_loop(receiver, robots, journal, wishes, clock)
    return journal, wishes, receiver


def test_the_journal_holds_the_bytes_as_they_came_before_what_they_caused():
    body = encode_events([ticker(1), ticker(2)])
    journal, _, _ = run([body])
    assert journal.records[0] == ("events", body)
    kind, outputs = journal.records[1]
    assert kind == "outputs"
    assert {output.cause for output in outputs} == {1, 2}


def test_only_wishes_for_orders_leave_and_only_after_they_are_journaled():
    _, wishes, _ = run([encode_events([ticker(1)])])
    ((records, sent),) = wishes.sent
    assert records == 2
    assert [type(output.body) for output in sent] == [PlaceOrder, PlaceOrder]


def test_a_timer_comes_as_a_journaled_event_when_it_is_due():
    def later(clock):
        clock.now_ns = 6 * SECOND

    journal, _, receiver = run([encode_events([ticker(1)]), later])
    events = [decode_events(body)[0] for kind, body in journal.records if kind == "events"]
    assert events[1] == Timer(6 * SECOND, "one", "pulse", 5 * SECOND + 1)
    said = [o.body for kind, outputs in journal.records if kind == "outputs" for o in outputs]
    assert LogLine("info", "timer pulse") in said
    assert SetTimer("pulse", 5 * SECOND) in said
    assert receiver.waits[1] == 1_000  # never so long that the loop looks dead


def test_a_batch_that_is_not_events_is_left_out_and_said(caplog):
    journal, _, _ = run([b"rubbish", encode_events([ticker(1)])])
    assert "left out" in caplog.text
    assert len([kind for kind, _ in journal.records if kind == "events"]) == 2


def test_a_failed_robot_does_not_end_the_loop(caplog):
    journal, _, _ = run([encode_events([ticker(1), ticker(2), ticker(3)])], robot=Fragile)
    assert "one failed and was stopped: ZeroDivisionError" in caplog.text
    assert journal.next_sequence == 5


def test_the_trade_stream_forwards_each_change():
    sent = []

    class Robo:
        def send(self, body):
            sent.extend(decode_events(body))

    changes = [ticker(1), ticker(2)]
    trade_stream(iter(changes), Robo())
    assert sent == changes


def test_the_control_stream_forwards_commands_and_nothing_else(caplog):
    sent = []

    class Robo:
        def send(self, body):
            sent.append(body)

    command = encode_events([Control(1, "one", "pause", {}, "ann", "lunch")])
    batches = [command, b"rubbish", encode_events([ticker(1)]), None]
    receiver = Receiver(batches)
    control_stream(receiver, Robo(), lambda: not receiver.batches)
    assert sent == [command]
    assert "cannot be read" in caplog.text
    assert "only commands may come here" in caplog.text


@pytest.mark.parametrize("empty", [encode_events([])])
def test_an_empty_batch_does_no_harm(empty):
    journal, _, _ = run([empty])
    assert journal.next_sequence == 2


class Analyst(Robot):
    def on_ticker(self, ticker):
        return PublishFrame("BTC/USDT", "5m", "spot", ticker.received_ns, True, b"rows")


def test_what_robots_publish_is_journaled_and_then_sent_to_whoever_follows_frames():
    group = RobotGroup("run001", seed=1)
    group.add(setup(Analyst, "analyst"))
    journal = Journal()
    wishes, frames = Wishes(journal), Wishes(journal)
    batches = [encode_events([ticker(1), SessionEnd(2, "done")])]
    robo_loop(Receiver(batches), group, journal, wishes, Clock(), frames)
    assert wishes.sent == []
    ((journaled, (frame,)),) = frames.sent
    assert journaled == 2  # the events, and the answers to them
    assert frame.body == PublishFrame("BTC/USDT", "5m", "spot", 1, True, b"rows")


def test_frames_that_nobody_follows_are_journaled_all_the_same():
    group = RobotGroup("run001", seed=1)
    group.add(setup(Analyst, "analyst"))
    journal = Journal()
    batches = [encode_events([ticker(1), SessionEnd(2, "done")])]
    robo_loop(Receiver(batches), group, journal, Wishes(journal), Clock())
    assert any(isinstance(output.body, PublishFrame) for output in journal.records[1][1])


class Chatty(Robot):
    """Places an order with each ticker, cancels it, amends it; says what it hears."""

    def on_ticker(self, ticker):
        placed = self.limit(Side.BUY, Decimal(100), Decimal(1))
        yield placed
        yield self.amend(placed.order_id, price=Decimal(99))
        yield self.cancel(placed.order_id)

    def on_my_order(self, order):
        self.log.info(f"{order.order_id}: {order.status} {order.reason}")

    def on_gap(self, gap):
        self.log.info(gap.reason)


class Stuck:
    """Has no room until a moment comes."""

    def __init__(self):
        self.room, self.sent, self.waits = False, [], []

    def send(self, body, timeout_ms=10_000):
        self.waits.append(timeout_ms)
        if self.room:
            self.sent += decode_outputs(body)
        return self.room


def test_a_robot_hears_of_wishes_that_found_no_room_and_its_cancels_go_out_later(caplog):
    wishes, journal, clock = Stuck(), Journal(), Clock()

    def room(_):
        wishes.room = True

    robots = RobotGroup("run001", 1)
    robots.add(setup(Chatty))
    end = encode_events([SessionEnd(9, "done")])
    receiver = Receiver([encode_events([ticker(1)]), room, end], clock)
    robo_loop(receiver, robots, journal, wishes, clock)
    bodies = [body for kind, body in journal.records if kind == "events"]
    refused, gap = decode_events(bodies[1])  # as any event: journaled before it is heard
    assert (refused.robot, refused.status, refused.volume) == ("one", OrderStatus.REJECTED, 1)
    assert "no room on its way to the orders" in refused.reason
    assert f"the amend of order {refused.order_id} was left out" in gap.reason
    said = [o.body.text for kind, outs in journal.records if kind == "outputs"
            for o in outs if isinstance(o.body, LogLine)]  # fmt: skip
    assert said == [f"{refused.order_id}: rejected {refused.reason}", gap.reason]
    assert [one.body for one in wishes.sent] == [CancelOrder(refused.order_id)]


def test_a_market_that_is_never_quiet_keeps_no_cancel_back_and_is_not_kept_waiting_by_one():
    wishes, journal = Stuck(), Journal()

    def room(_):
        wishes.room = True
        return trade

    robots = RobotGroup("run001", 1)
    robots.add(setup(Chatty))
    trade = encode_events([Trade(2, Exchange.BINANCE, BTC, 0, 1.0, 1.0, Side.BUY, "1")])
    end = encode_events([SessionEnd(9, "done")])
    receiver = Receiver([encode_events([ticker(1)]), trade, trade, room, trade, end])
    robo_loop(receiver, robots, journal, wishes, Clock())
    assert [type(one.body) for one in wishes.sent] == [CancelOrder]
    assert set(wishes.waits[1:]) == {0}  # the robots think on meanwhile
