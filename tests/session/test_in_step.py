"""A market that waits: what goes in steps, and when everybody is quiet."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from millstream.model import Control, Event
from millstream.model.codec import decode_events
from millstream.session.in_step import StepPublisher, Traffic
from millstream.session.learned import LearnedQueue


def event(name):
    return Control(1, "", name, {}, "", "")


class Kept:
    def __init__(self, name, said):
        self.name, self.said = name, said

    def send(self, body, timeout_ms=0):
        self.said.append((self.name, [each.command for each in decode_events(body)]))
        return True


def run(story, quiet=lambda: True, market_of=None):
    said = []

    async def whole():
        publisher = StepPublisher(
            Kept("market", said),
            Kept("robots", said),
            quiet,
            lambda: said.append("pause"),
            lambda: said.append("resume"),
            LearnedQueue(lambda updates: updates[-1]),
            market_of,
        )
        await story(publisher)
        while publisher.waiting:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(whole(), 10))
    return said


def test_what_comes_in_one_turn_is_one_step_and_the_venue_hears_it_first():
    async def story(publisher):
        publisher.put_nowait(event("a"))
        publisher.put_nowait(event("b"))
        await asyncio.sleep(0.01)
        publisher.put_nowait(event("c"))

    assert run(story) == [
        "pause", ("market", ["a", "b"]), ("robots", ["a", "b"]), "resume",
        "pause", ("market", ["c"]), ("robots", ["c"]), "resume",
    ]  # fmt: skip


def test_nothing_goes_on_before_everybody_is_quiet():
    at_work = [True]
    seen = []

    async def story(publisher):
        publisher.put_nowait(event("a"))
        await asyncio.sleep(0.02)
        publisher.put_nowait(event("b"))
        await asyncio.sleep(0.02)
        seen.append(publisher.waiting)
        at_work[0] = False

    said = run(story, lambda: not at_work[0])
    assert seen == [2]  # the first one is still with the venue
    assert said[-3:] == [("market", ["b"]), ("robots", ["b"]), "resume"]


def test_what_another_bot_tells_is_for_robots_and_its_market_for_the_venue_too():
    def market_of(told: Event, received_ns: int):
        assert received_ns > 10**18
        return [event(f"quote of {told.command}")]

    async def story(publisher):
        publisher.learn(event("a"))
        publisher.learn(event("b"))

    assert run(story, market_of=market_of) == [
        "pause",
        ("market", ["quote of a"]), ("robots", ["quote of a", "a"]),
        ("market", ["quote of b"]), ("robots", ["quote of b", "b"]),
        "resume",
    ]  # fmt: skip


class End:
    """Both ends of an endpoint."""

    def __init__(self):
        self.messages = []

    def send(self, body, timeout_ms=0):
        self.messages.append(body)
        return True

    def receive(self, timeout_ms):
        return self.messages.pop(0) if self.messages else None


def test_quiet_is_when_all_was_received_and_done_with_and_every_change_was_told():
    robo, wishes = End(), End()
    store = SimpleNamespace(revision=5)
    traffic = Traffic(store)
    to_robots, robots = traffic.to_robots(robo), traffic.robots(robo)
    to_orders = traffic.to_orders(wishes)
    inbox = SimpleNamespace(receive=lambda ms: [("wishes", b) for b in [wishes.receive(ms)] if b])
    orders = traffic.orders(inbox)
    assert traffic.quiet()
    to_robots.send(b"events")
    assert not traffic.quiet()
    robots.receive(0)
    assert not traffic.quiet()  # the robots are at work on it
    to_orders.send(b"wish")
    robots.receive(0)
    assert not traffic.quiet()  # the wish is on its way
    orders.receive(0)
    changes = traffic.changes(iter([SimpleNamespace(revision=6)]))
    store.revision = 6
    orders.receive(0)
    assert not traffic.quiet()  # the robots were not told of the change
    next(changes)
    assert not traffic.quiet()
    next(changes, None)
    assert traffic.quiet()


def test_nothing_is_counted_where_nobody_asks():
    traffic, one = Traffic(SimpleNamespace(revision=0), watched=False), object()
    assert traffic.to_robots(one) is one
    assert traffic.orders(one) is one
