"""The last checkpoint of a journal; robots go on from it as if they had seen everything."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millstream.errors import ConfigError, JournalDamaged
from millstream.journal import Journal, JournalWriter, Manifest, RobotEntry, reader, replay
from millstream.journal.recall import recall
from millstream.model import (
    Checkpoint,
    Control,
    CurrencyPair,
    Exchange,
    MyOrder,
    OrderStatus,
    OrderType,
    PlaceOrder,
    SessionEnd,
    SetTimer,
    Side,
    Ticker,
    TimeInForce,
    Timer,
)
from millstream.model.actions import NOT_DUE
from millstream.model.codec import encode_events
from millstream.robot import Robot, seat
from millstream.robot.load import code_hash
from millstream.session.resuming import resume_robots
from millstream.session.roster import seat_robots, with_code

EVERY = 16
BTC = CurrencyPair.BTC_USDT
MARKET = "binance@btc/usdt"


class Memory(msgspec.Struct):
    seen: int = 0
    prices: dict[str, Decimal] = {}  # in the order they came, which is not that of their names
    drawn: list[float] = []


class Forgetful(Robot):
    """All it knows is in its state: orders in a dict, random numbers, timers."""

    State = Memory
    state: Memory

    def on_start(self):
        yield SetTimer("tick", 7)
        yield SetTimer("once", 50, repeat=False)

    def on_ticker(self, ticker):
        self.state.seen += 1
        self.state.prices.pop(str(ticker.bid_price), None)
        self.state.prices[str(ticker.bid_price)] = Decimal(repr(ticker.ask_price))
        if len(self.state.prices) > 5:
            del self.state.prices[next(iter(self.state.prices))]
        if self.state.seen % 3 == 0:
            self.state.drawn = [self.random.random(), self.random.gauss(0, 1)]
            return self.limit(Side.BUY, next(iter(self.state.prices.values())), Decimal(1))
        return None

    def on_timer(self, timer):
        self.log.info(f"{timer.name} {self.random.random()}")
        if timer.name == "once":
            yield SetTimer("again", 33, repeat=False)

    def on_control(self, control):
        self.log.info(control.command)


class Hoarder(Forgetful):
    """Keeps something outside its state."""

    def on_ticker(self, ticker):
        self.count = getattr(self, "count", 0) + 1
        self.log.info(f"{self.count}")


class Loose(msgspec.Struct):
    last: Any = None
    texts: set[str] = set()


class Careless(Forgetful):
    """The type of its state does not say what is in it."""

    State = Loose

    def on_ticker(self, ticker):
        self.state.texts.add(f"price {ticker.bid_price}")
        if isinstance(self.state.last, Decimal):
            self.log.info(f"{self.state.last}")
        self.state.last = Decimal(repr(ticker.ask_price))


class Setter(Forgetful):
    """Goes by the order of a set, which is the same in every process: of numbers."""

    State = Loose

    def on_ticker(self, ticker):
        state = self.state
        state.last = {*(state.last or ()), int(ticker.bid_price) * 8 % 57}
        if len(state.last) > 6:
            state.last.pop()
        self.turns = getattr(self, "turns", [])
        self.turns.append(self.now)
        self.log.info(f"{[*state.last]} {len(self.turns)}")


class Unkept(Forgetful):
    """Keeps what no checkpoint holds."""

    def on_ticker(self, ticker):
        self.later = (number for number in range(3))
        self.log.info(str(ticker.bid_price))


class Whole(msgspec.Struct):
    high: float = 0  # a whole number, until somebody decodes it


class Rounded(Forgetful):
    State = Whole

    def on_ticker(self, ticker):
        self.state.high = max(self.state.high, ticker.bid_price - 6)
        self.log.info(f"{self.state.high}")


class Book(msgspec.Struct):
    """A type that says all, and values that are more: a defaultdict, two names of one list."""

    seen: dict[str, int] = msgspec.field(default_factory=lambda: defaultdict(int))
    prices: list[float] = []
    latest: list[float] = []


class Aliased(Forgetful):
    State = Book

    def on_ticker(self, ticker):
        state = self.state
        state.seen[f"{ticker.bid_price} at {self.now}"] += 1
        state.latest = state.prices
        state.prices.append(ticker.bid_price)
        self.log.info(f"{len(state.latest)} {len(state.seen)}")


@dataclass(frozen=True)
class Level:
    price: float


FLAT = Level(0.0)


class Constant(Forgetful):
    """Keeps what its module names, now here and now there; and something in a slot."""

    __slots__ = ("turns",)
    State = Loose

    def on_ticker(self, ticker):
        self.turns = getattr(self, "turns", 0) + 1
        self.state.last = {**(self.state.last or {}), f"{self.turns % 13}": FLAT}
        self.log.info(f"{self.turns}")


def packed(robot):
    told = manifest(robot)
    return msgspec.structs.replace(told, settings=told.settings | {"packed_checkpoints": True})


def manifest(robot=Forgetful, names=("one", "two")):
    entries = tuple(
        RobotEntry(
            name=name, class_path=f"tests.journal.test_recall:{robot.__name__}",
            markets=("binance@btc/usdt",), parameters={}, code_hash=code_hash(robot),
            source_file="test_recall.py",
        )
        for name in names
    )  # fmt: skip
    return Manifest(
        run_id="run001", started_ns=0, seed=3, millstream_version="", python_version="",
        platform="", robots=entries,
        settings={"checkpoint_every_events": EVERY, "whole_checkpoints": True},
    )  # fmt: skip


def events_for(group, number):
    """What the loop would append next: due timers first, then something of the market."""
    now = number * 5
    found = list(group.timers.due(now))
    kind = number % 11
    if kind == 7:
        word = "pause" if number % 2 else "resume"
        found.append(Control(now, "two", word, {}, "ann", "", f"r{number}"))
    elif kind == 9:
        found.append(
            MyOrder(
                now, Exchange.BINANCE, BTC, "one", "x", "", Side.BUY, OrderType.LIMIT,
                TimeInForce.GTC, False, Decimal(1), Decimal(1), OrderStatus.WORKING, Decimal(0),
                None, "", number,
            )
        )  # fmt: skip
    else:
        price = float((number * 37) % 13)
        found.append(Ticker(now, Exchange.BINANCE, BTC, 0, price, 1.0, price + 1, 1.0))
    return found


def turn(group, journal, number, record=True):
    found = events_for(group, number)
    first = journal.append_events(encode_events(found), len(found))
    outputs = []
    for sequence, event in enumerate(found, first):
        outputs += group.handle(sequence, event)
    if record:
        journal.append_outputs(outputs)
    return outputs


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 120), st.integers(1, 60), st.integers(300, 100_000), st.booleans())
def test_robots_that_go_on_answer_as_those_that_never_stopped(
    tmp_path_factory, before, after, segment_bytes, died_thinking
):
    place = tmp_path_factory.mktemp("journal") / "j"
    writer = JournalWriter(place, manifest(), segment_bytes, compress=False)
    steady = seat_robots(manifest())
    for number in range(1, before + 1):
        turn(steady, writer, number, record=not (died_thinking and number == before))
    writer.close("the day is over") if not died_thinking else leave(writer)

    resumed = resume_robots(place, segment_bytes, compress=False)
    assert resumed.journal.next_sequence == writer.next_sequence
    assert resumed.robots.revision == steady.revision
    if before > 2 * EVERY:
        assert resumed.replayed <= 3 * EVERY
    for number in range(before + 1, before + after + 1):
        found = events_for(steady, number)
        assert events_for(resumed.robots, number) == found
        first = resumed.journal.append_events(encode_events(found), len(found))
        for sequence, event in enumerate(found, first):
            assert resumed.robots.handle(sequence, event) == steady.handle(sequence, event)
    resumed.journal.close("")


def leave(writer):
    """As a killed process does: the files are let go, and nothing more is written."""
    writer._ready = False
    writer.close("")


def test_what_died_with_the_process_is_recorded_by_the_next(tmp_path):
    writer = JournalWriter(tmp_path / "j", manifest())
    group = seat_robots(manifest())
    for number in range(1, 40):
        answers = turn(group, writer, number, record=number < 39)
    leave(writer)
    wished = [output for output in answers if isinstance(output.body, PlaceOrder)]
    resumed = resume_robots(tmp_path / "j", 2**20, compress=True)
    assert wished
    assert resumed.wishes[-len(wished) :] == wished
    resumed.journal.close("")
    from millstream.session.proof import replay_session

    proof = replay_session(tmp_path / "j")
    assert proof.equal, proof.first_difference


def test_a_wish_of_before_the_last_checkpoint_may_still_be_on_its_way(tmp_path):
    writer = JournalWriter(tmp_path / "j", manifest())
    group = seat_robots(manifest())
    wished = []
    while len(wished) < 3:
        wished += [one for one in turn(group, writer, writer.next_sequence) if is_wish(one)]
    for _ in range(3 * EVERY):
        wished += [one for one in turn(group, writer, writer.next_sequence) if is_wish(one)]
    leave(writer)
    resumed = resume_robots(tmp_path / "j", 2**20, compress=True)
    assert resumed.replayed < 2 * EVERY
    assert set(wished) <= set(resumed.wishes)
    resumed.journal.close("")


def is_wish(output):
    return isinstance(output.body, PlaceOrder)


def test_a_robot_that_keeps_something_outside_its_state_sees_all_events_again(tmp_path):
    told = manifest(Hoarder)
    writer = JournalWriter(tmp_path / "j", told)
    group = seat_robots(told)
    for number in range(1, 100):
        turn(group, writer, number)
    writer.close("")
    assert recall(Journal.open(tmp_path / "j"), EVERY) is not None
    resumed = resume_robots(tmp_path / "j", 2**20, compress=True)
    assert resumed.replayed == writer.next_sequence - 1
    assert resumed.robots.seats[0].robot.count == group.seats[0].robot.count
    resumed.journal.close("")


def test_a_session_that_ended_at_a_checkpoint_goes_on(tmp_path):
    writer = JournalWriter(tmp_path / "j", manifest())
    group = seat_robots(manifest())
    while writer.next_sequence % EVERY:
        turn(group, writer, writer.next_sequence)
    first = writer.append_events(encode_events([SessionEnd(9_999, "enough")]), 1)
    outputs = group.handle(first, SessionEnd(9_999, "enough"))
    assert sum(isinstance(one.body, Checkpoint) for one in outputs) == 4  # twice for each robot
    writer.append_outputs(outputs)
    writer.close("enough")
    resumed = resume_robots(tmp_path / "j", 2**20, compress=True)
    assert resumed.replayed == 0
    assert resumed.robots.seats[0].robot.state == group.seats[0].robot.state
    resumed.journal.close("")


def test_a_robot_whose_state_would_come_back_as_another_sees_all_events_again(tmp_path):
    told = manifest(Careless)
    writer = JournalWriter(tmp_path / "j", told)
    group = seat_robots(told)
    for number in range(1, 100):
        turn(group, writer, number)
    writer.close("")
    resumed = resume_robots(tmp_path / "j", 2**20, compress=True)
    assert resumed.replayed == writer.next_sequence - 1
    (one, _), (steady, _) = resumed.robots.seats, group.seats
    assert type(one.robot.state.last) is Decimal
    assert one.robot.state == steady.robot.state
    resumed.journal.close("")


@pytest.mark.parametrize(
    "robot", [Careless, Hoarder, Setter, Forgetful, Rounded, Aliased, Constant]
)
def test_sets_untyped_fields_and_attributes_go_on_from_a_checkpoint(tmp_path, monkeypatch, robot):
    monkeypatch.setattr(seat, "BYTES_AN_EVENT", 10**6)
    told = packed(robot)
    writer = JournalWriter(tmp_path / "j", told)
    steady = seat_robots(told)
    for number in range(1, 100):
        turn(steady, writer, number)
    leave(writer)
    resumed = resume_robots(tmp_path / "j", 2**20, compress=True)
    assert resumed.replayed < 2 * EVERY
    for number in range(100, 150):
        assert turn(resumed.robots, resumed.journal, number) == [
            output
            for sequence, event in enumerate(events_for(steady, number), steady.sequence + 1)
            for output in steady.handle(sequence, event)
        ]
    resumed.journal.close("")
    assert replay(Journal.open(tmp_path / "j"), seat_robots(told)).equal


def test_what_no_checkpoint_holds_is_named_and_all_events_are_seen_again(tmp_path, caplog):
    told = packed(Unkept)
    writer = JournalWriter(tmp_path / "j", told)
    group = seat_robots(told)
    made = []
    for number in range(1, 100):
        made += [
            one.body for one in turn(group, writer, number) if isinstance(one.body, Checkpoint)
        ]
    leave(writer)
    assert "one['outside']['later'] is a builtins.generator" in made[-2].lacking
    assert recall(Journal.open(tmp_path / "j"), EVERY) is None
    resumed = resume_robots(tmp_path / "j", 2**20, compress=True)
    assert resumed.replayed == writer.next_sequence - 1
    assert "a replay of all its events" in caplog.text
    assert "one['outside']['later'] is a builtins.generator" in caplog.text
    resumed.journal.close("")


def test_large_robots_are_packed_at_few_checkpoints_and_go_on_from_the_last_of_them(
    tmp_path, monkeypatch
):
    told = packed(Careless)
    monkeypatch.setattr(seat, "BYTES_AN_EVENT", 1)
    writer = JournalWriter(tmp_path / "j", told)
    group = seat_robots(told)
    made = {}
    for number in range(1, 300):
        for output in turn(group, writer, number):
            if isinstance(output.body, Checkpoint) and output.robot == "one":
                made[output.cause] = output.body
    leave(writer)
    whole = [cause for cause, one in made.items() if one.kept]
    assert 2 < len(whole) < len(made) / 2
    assert {one.lacking for one in made.values() if not one.kept} == {NOT_DUE}
    sizes = sum(len(one.kept) for one in made.values())
    assert sizes < 2 * writer.next_sequence
    resumed = resume_robots(tmp_path / "j", 2**20, compress=True)
    assert resumed.replayed == writer.next_sequence - 1 - whole[-1]
    assert resumed.robots.seats[0].robot.state == group.seats[0].robot.state
    resumed.journal.close("")


class Waiting(msgspec.Struct, frozen=True):
    wait_s: float = 10


class Told(Forgetful):
    Parameters = Waiting


def test_parameters_come_back_as_they_were(tmp_path):
    told = manifest(Told)
    writer = JournalWriter(tmp_path / "j", told)
    group = seat_robots(told)
    for number in range(1, 60):
        turn(group, writer, number)
    leave(writer)
    resumed = resume_robots(tmp_path / "j", 2**20, compress=True)
    assert resumed.replayed < 2 * EVERY
    for number in range(60, 120):
        turn(resumed.robots, resumed.journal, number)
    resumed.journal.close("")
    assert replay(Journal.open(tmp_path / "j"), seat_robots(told)).equal


def test_a_set_in_a_state_replays_in_a_process_whose_sets_have_another_order(tmp_path):
    told = manifest(Careless)
    writer = JournalWriter(tmp_path / "j", told)
    group = seat_robots(told)
    for number in range(1, 100):
        turn(group, writer, number)
    writer.close("")
    line = [sys.executable, "-m", "millstream", "replay", str(tmp_path / "j")]
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        done = subprocess.run(
            line, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout


class Choice(msgspec.Struct):
    names: set[str] = set()


class Chosen(Forgetful):
    Parameters = Choice


def test_a_set_in_parameters_replays_and_goes_on_in_a_process_of_another_order(tmp_path):
    told = packed(Chosen)
    names = {"names": [*"abcdefgh"]}
    robots = tuple(msgspec.structs.replace(robot, parameters=names) for robot in told.robots)
    told = msgspec.structs.replace(told, robots=robots)
    writer = JournalWriter(tmp_path / "j", told)
    group = seat_robots(told)
    tuned = Control(1, "one", "parameters", {"names": [*"stuvwxyz"]}, "ann", "", "r")
    first = writer.append_events(encode_events([tuned]), 1)
    writer.append_outputs(group.handle(first, tuned))
    for number in range(1, 60):
        turn(group, writer, number)
    leave(writer)
    line = (
        "import sys; from pathlib import Path; from millstream.journal import Journal, replay\n"
        "from millstream.session.resuming import resume_robots\n"
        "from millstream.session.roster import seat_robots\n"
        "journal = Journal.open(Path(sys.argv[1]))\n"
        "assert replay(journal, seat_robots(journal.manifest)).equal\n"
        "found = resume_robots(Path(sys.argv[1]), 2**20, compress=True)\n"
        "assert found.robots.seats[0].robot.parameters.names == {*'stuvwxyz'}\n"
        "assert found.replayed < 32; found.journal.close('')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", line, str(tmp_path / "j")], capture_output=True, text=True,
        timeout=60, check=False, env=os.environ | {"PYTHONHASHSEED": "1"},
        cwd=str(Path(__file__).parents[2]),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


ADDED = """
from millstream import Robot

class Added(Robot):
    def on_control(self, control):
        self.log.info("a")
    def on_ticker(self, ticker):
        self.orders = None
"""


@pytest.mark.parametrize("turns", [5, 60])  # before the first checkpoint, and behind some
@pytest.mark.parametrize("change", [("None", "False"), ("self.orders", "self.log.info('b')  #")])
def test_a_robot_that_a_command_added_goes_on_with_the_code_it_was_added_with(
    tmp_path, turns, change
):
    (tmp_path / "added.py").write_text(ADDED)
    told = packed(Forgetful)
    writer, group = JournalWriter(tmp_path / "j", told), seat_robots(told)
    add = Control(1, "new", "add", {}, "ann", "", "r", f"{tmp_path / 'added.py'}:Added", (MARKET,))
    add = with_code(add)
    first = writer.append_events(encode_events([add]), 1)
    writer.append_outputs(group.handle(first, add))
    for number in range(1, turns):
        turn(group, writer, number)
    leave(writer)
    (tmp_path / "added.py").write_text(ADDED.replace(*change))
    with pytest.raises(ConfigError, match=r"robot new \(added.py\) was changed .* code it began"):
        resume_robots(tmp_path / "j", 2**20, compress=True)
    (tmp_path / "added.py").write_text(ADDED)
    resumed = resume_robots(tmp_path / "j", 2**20, compress=True)
    assert len(resumed.robots.seats) == 3
    resumed.journal.close("")


@pytest.mark.parametrize("count", [0, 3])
def test_a_short_journal_has_no_checkpoint(tmp_path, count):
    writer = JournalWriter(tmp_path / "j", manifest())
    group = seat_robots(manifest())
    for number in range(1, count + 1):
        turn(group, writer, number)
    writer.close("")
    assert recall(Journal.open(tmp_path / "j"), EVERY) is None
    resumed = resume_robots(tmp_path / "j", 2**20, compress=True)
    assert resumed.journal.next_sequence == writer.next_sequence
    resumed.journal.close("")


def test_a_timer_and_its_beat_come_back(tmp_path):
    writer = JournalWriter(tmp_path / "j", manifest())
    group = seat_robots(manifest())
    for number in range(1, 60):
        turn(group, writer, number)
    writer.close("")
    resumed = resume_robots(tmp_path / "j", 2**20, compress=True)
    assert resumed.robots.timers.of("one") == group.timers.of("one")
    assert isinstance(resumed.robots.timers.due(10_000)[0], Timer)
    resumed.journal.close("")


@pytest.fixture
def opened(monkeypatch):
    """The numbers of the segments that were opened, in order."""
    numbers = []
    real = reader.open_segment

    def counted(directory, number, last_sequence):
        numbers.append(number)
        return real(directory, number, last_sequence)

    monkeypatch.setattr(reader, "open_segment", counted)
    return numbers


def test_to_go_on_the_last_segment_is_read_once_and_of_those_before_it_only_the_manifest(
    tmp_path, opened
):
    writer = JournalWriter(tmp_path / "j", manifest(), 100_000, compress=False)
    group = seat_robots(manifest())
    while writer.segment < 3:
        turn(group, writer, writer.next_sequence)
    for _ in range(3 * EVERY):
        turn(group, writer, writer.next_sequence)
    last = writer.segment
    leave(writer)
    opened.clear()
    resume_robots(tmp_path / "j", 100_000, compress=False).journal.close("")
    assert sorted(opened) == [1, 1, last]


def test_many_short_lives_without_a_checkpoint_do_not_make_the_next_start_read_on_and_on(
    tmp_path, opened
):
    writer = JournalWriter(tmp_path / "j", manifest(), compress=False)
    group = seat_robots(manifest())
    for number in range(1, 3 * EVERY):
        turn(group, writer, number)
    leave(writer)
    for _ in range(60):
        leave(JournalWriter.resume(tmp_path / "j", compress=False))
    opened.clear()
    resumed = resume_robots(tmp_path / "j", 2**20, compress=False)
    assert resumed.replayed < EVERY
    assert len(opened) < 4 * 60
    resumed.journal.close("")


def test_a_flipped_bit_in_what_is_read_to_go_on_is_found(tmp_path):
    writer = JournalWriter(tmp_path / "j", manifest(), 8_000, compress=False)
    group = seat_robots(manifest())
    for number in range(1, 120):
        turn(group, writer, number)
    leave(writer)
    blocks = list(Journal.open(tmp_path / "j").tail(writer.segment))
    last = tmp_path / "j" / blocks[-1].file
    good = last.read_bytes()
    draw = Random(5)
    for _ in range(80):
        at = draw.randrange(len(good))
        raw = bytearray(good)
        raw[at] ^= 1 << draw.randrange(8)
        last.write_bytes(raw)
        try:
            resumed = resume_robots(tmp_path / "j", 8_000, compress=False)
        except JournalDamaged:
            continue
        assert at >= blocks[-1].offset  # a torn last block is cut off, and that is said
        assert resumed.journal.cut is not None
        leave(resumed.journal)
        (tmp_path / "j" / f"{writer.segment + 1:06d}.journal").unlink()
