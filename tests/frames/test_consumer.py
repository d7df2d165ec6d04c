"""A follower without a socket: what it asks, what it tells, when it waits."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.frames.live import PAIR, TOKEN, publish
from tests.frames.sample import frame

from millstream.errors import BadMessage
from millstream.frames.consumer import ProducerFollower
from millstream.frames.held import HeldFrames
from millstream.frames.producer import Producer
from millstream.frames.settings import ConsumerSection, ProducerEntry
from millstream.model.frames import FrameUpdate, ProducerState, PublishWhitelist


def follower(**section):
    entry = ProducerEntry(name="p", host="h", ws_token=TOKEN)
    return ProducerFollower(entry, ConsumerSection(enabled=True, producers=[entry], **section))


class Wire:
    """A producer and a follower that hand each other their messages at once."""

    def __init__(self, fast, **section):
        self.fast = fast
        self.producer = Producer("run")
        self.follower = follower(**section)
        self.held = HeldFrames()
        self.events = []
        self.requests = 0
        self.now = 1
        self.line = None

    def connect(self):
        self.line = self.producer.join("f", self.fast, lambda: None)
        self._do(self.follower.connected(self.fast, self.now))

    def cut(self):
        if self.line is not None:
            self.producer.leave(self.line)
            self.line = None
            self._tell(self.follower.disconnected(1006, "cut", self.now))

    def lose(self, count):
        """That many messages never arrive."""
        for _ in range(count):
            if self.line is not None and self.line.has_more:
                self.line.take()

    def _do(self, outcome):
        self._tell(outcome.events)
        for request in outcome.requests:
            self.requests += 1
            self.line.receive(request if self.fast else request.decode())

    def _tell(self, events):
        self.events += events
        for event in events:
            if isinstance(event, FrameUpdate):
                assert self.held.apply(event).ok

    def flow(self):
        for _ in range(500):
            if self.line is None or not self.line.has_more:
                return
            self.now += 1_000_000
            sent = self.line.take()
            raw = sent.encode() if isinstance(sent, str) else sent
            self._do(self.follower.receive(raw, self.now))
        raise AssertionError("they never stop asking and answering")

    def states(self):
        return [event.state for event in self.events if isinstance(event, ProducerState)]

    @property
    def frame(self):
        return self.held.get("p", PAIR, "5m", "spot")[0]


@pytest.mark.parametrize("missing", [1, 3, 97, 150])
def test_freqtrade_is_asked_for_the_rows_that_are_missing_and_one_more(missing):
    wire = Wire(False)
    wire.producer.publish(PublishWhitelist((PAIR,)))
    wire.producer.publish(publish(frame(0, 300), replace=True))
    wire.connect()
    wire.flow()
    for row in range(300, 300 + missing):
        wire.producer.publish(publish(frame(row, row + 1)))
    wire.lose(missing)
    wire.producer.publish(publish(frame(300 + missing, 301 + missing)))
    sent = wire.line.take()
    outcome = wire.follower.receive(sent.encode(), wire.now)
    limit = missing + 2 if missing + 2 < 100 else 1500
    asked = [json.loads(request)["data"] for request in outcome.requests]
    assert asked == [{"limit": limit, "pair": PAIR}]
    wire._do(outcome)
    wire.flow()
    assert len(wire.frame) == 301 + missing


def test_the_same_gap_is_asked_for_once_while_the_answer_is_on_its_way():
    wire = Wire(False)
    wire.producer.publish(PublishWhitelist((PAIR,)))
    wire.producer.publish(publish(frame(0, 300), replace=True))
    wire.connect()
    wire.flow()
    wire.producer.publish(publish(frame(300, 304)))
    wire.lose(1)
    asked = 0
    for row in range(304, 310):
        wire.producer.publish(publish(frame(row, row + 1)))
        outcome = wire.follower.receive(wire.line.take().encode(), wire.now)
        asked += len(outcome.requests)
    assert asked == 1


def test_the_first_request_honours_initial_candle_limit():
    outcome = follower(initial_candle_limit=50).connected(False, 1)
    assert json.loads(outcome.requests[2])["data"] == {"limit": 50, "pair": None}


def test_a_frame_that_is_too_big_is_named_and_asked_for_no_more():
    one = follower()
    one.connected(False, 1)
    one.disconnected(1009, "too big", 2)
    outcome = one.connected(False, 3)
    assert len(outcome.requests) == 2  # no frames yet: one by one
    pairs = json.dumps({"type": "whitelist", "data": ["BIG/X", "OK/X"]}).encode()
    asked = one.receive(pairs, 4).requests
    assert json.loads(asked[0])["data"]["pair"] == "BIG/X"
    events = one.disconnected(1009, "too big", 5)
    assert events[0].state == "refused"
    assert "BIG/X is larger than message_size_limit (8 MiB)" in events[0].reason
    one.connected(False, 6)
    asked = one.receive(pairs, 7).requests
    assert json.loads(asked[0])["data"]["pair"] == "OK/X"


def test_the_wait_between_attempts_grows_and_is_jittered():
    one = follower()
    waits = []
    for _ in range(8):
        one.disconnected(1006, "no answer", 1)
        waits.append((one.pause_s(0.0), one.pause_s(0.999)))
    assert waits[0] == pytest.approx((5, 10), abs=0.1)
    assert waits[1] == pytest.approx((10, 20), abs=0.1)
    assert waits[-1] == pytest.approx((150, 300), abs=0.5)
    one.connected(False, 2)
    one.receive(b'{"type":"whitelist","data":[]}', 2)
    one.disconnected(1012, "restart", 3)
    assert one.pause_s(0.999) <= 1


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"[]",
        b'{"type":"nope","data":1}',
        b'{"type":"whitelist","data":[1]}',
        b'{"type":"analyzed_df","data":{"key":["a","b"],"df":1,"la":1}}',
        b'{"type":"analyzed_df","data":{"key":["a","5m","spot"],"df":{},"la":1}}',
        b'{"type":"analyzed_df","data":{"key":["a","5m",""],'
        b'"df":{"__type__":"dataframe","__value__":"{}"},"la":1}}',
    ],
)
def test_what_cannot_be_read_is_refused_and_counted(message):
    one = follower()
    one.connected(False, 1)
    with pytest.raises(BadMessage):
        one.receive(message, 2)
    assert one.figures.malformed == 1


def test_other_messages_of_freqtrade_say_nothing():
    one = follower()
    one.connected(False, 1)
    for message in (b'{"type":"status","status":"x"}', b'{"type":"exception","data":"x"}'):
        assert one.receive(message, 2) == ([], [])


def same(held, produced, exact):
    produced = produced.reset_index(drop=True)
    assert list(held["date"]) == list(produced["date"])
    for name in produced.columns.drop("date"):
        got, want = held[name].to_numpy("float64"), produced[name].to_numpy("float64")
        tolerance = 0 if exact else 6e-11
        np.testing.assert_allclose(got, want, rtol=0, atol=tolerance, err_msg=name)


@settings(max_examples=15, deadline=None)
@given(st.data(), st.booleans())
def test_whatever_happens_on_the_way_both_ends_hold_the_same_at_the_end(data, fast):
    wire = Wire(fast)
    wire.producer.publish(PublishWhitelist((PAIR,)))
    produced, end, columns = None, 0, {}
    for _ in range(data.draw(st.integers(1, 12))):
        what = data.draw(
            st.sampled_from(["tick", "burst", "again", "older", "lose", "cut", "column", "anew"])
        )
        if what == "cut":
            wire.cut()
            continue
        if what == "lose":
            wire.lose(3)
            continue
        if what == "column":
            name = f"c{len(columns)}"
            columns[name] = data.draw(st.sampled_from([1.5, float("nan"), -0.25]))
        if produced is None or what == "anew":
            first = data.draw(st.integers(0, 50))
            end = first + data.draw(st.sampled_from([1, 30, 120, 1_600]))
            rows, replace = frame(first, end, **columns), True
            produced = rows
        else:
            first, replace = end, False
            if what == "again":
                first = end - 1
            elif what == "older":
                first = max(int(end - len(produced)), end - 5)
            stop = max(end, first + data.draw(st.integers(1, 40)) if what == "burst" else end + 1)
            if what in ("again", "older"):
                stop = end
            rows = frame(first, stop, **columns)
            rows["close"] = data.draw(st.floats(-10, 10))
            zone = data.draw(st.sampled_from(["UTC", "Asia/Tokyo"]))
            end = stop
            kept = produced[produced["date"] < rows["date"].iloc[0]]
            produced = pd.concat([kept, rows], ignore_index=True)
            rows = rows.assign(date=rows["date"].dt.tz_convert(zone))
        wire.producer.publish(publish(rows, replace=replace))
        if wire.line is None and data.draw(st.booleans()):
            wire.connect()
        if data.draw(st.booleans()):
            wire.flow()
    wire.cut()  # a last look at everything
    wire.connect()
    wire.flow()
    if produced is not None and (fast or len(produced) > 1):
        same(wire.frame, produced.iloc[-1500:], fast)
        assert wire.follower.figures.malformed == 0
