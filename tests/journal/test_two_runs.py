"""Two runs beside each other: where they part is named, and nothing else is."""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.journal.sample import (
    MANIFEST,
    Quoter,
    abandon,
    drive,
    line,
    order,
    small_journal,
    ticker,
    trade,
)

from millstream.journal import Journal, JournalWriter, RobotEntry
from millstream.journal.two_runs import compare_runs, compare_setups
from millstream.model import Checkpoint, Output
from millstream.model.codec import encode_canonical
from millstream.robot.kept import Values

TURNS = [[ticker(i), trade(i)] for i in range(6)]


def written(folder, turns=TURNS, handler=None, run_id="aaaaaa", close="done", **settings):
    manifest = msgspec.structs.replace(MANIFEST, run_id=run_id)
    writer = JournalWriter(folder, manifest, **settings)
    drive(writer, handler or Quoter(), turns)
    if close is None:
        abandon(writer)
    else:
        writer.close(close)
    return Journal.open(folder)


def later(turns, by_ns):
    return [
        [
            msgspec.structs.replace(
                event, received_ns=event.received_ns + by_ns * event.received_ns
            )
            for event in turn
        ]
        for turn in turns
    ]


class Named:
    """Orders as a group gives them: their ids begin with the run's."""

    def __init__(self, run_id):
        self._run_id = run_id

    def handle(self, sequence, event):
        placed = order(sequence)
        body = msgspec.structs.replace(placed.body, order_id=f"{self._run_id}{sequence:012}")
        return [Output(sequence, "quoter", body)] if sequence % 3 == 0 else []


def test_a_journal_and_its_copy_are_equal(tmp_path):
    found = compare_runs(written(tmp_path / "a"), written(tmp_path / "b"))
    assert found.equal
    assert (found.equal_events, found.equal_answers) == (12, 12)
    assert found.first is None
    assert found.counts_a == found.counts_b == {
        "ticker": 6, "trade": 6, "place_order": 4, "log_line": 4, "checkpoint": 4,
    }  # fmt: skip


def test_an_order_id_differs_by_its_run_alone_and_is_the_same(tmp_path):
    a = written(tmp_path / "a", handler=Named("aaaaaa"))
    b = written(tmp_path / "b", handler=Named("bbbbbb"), run_id="bbbbbb")
    assert compare_runs(a, b).equal
    c = written(tmp_path / "c", handler=Named("cccccc"), run_id="bbbbbb")
    assert compare_runs(a, c).first_answer.field == "order_id"


def test_a_state_that_is_sorted_by_order_ids_is_the_same_in_another_run(tmp_path):
    def keeping(run_id):
        state = encode_canonical({f"{run_id}1": 1, "mmm": 2})
        digest = blake2b(state, digest_size=16).digest()
        kept = Values({}).pack({f"{run_id}1", "mmm"})
        made = Checkpoint(digest, state, kept=kept)
        return Quoter(lambda outputs: [Output(outputs[0].cause, "quoter", made)])

    a = written(tmp_path / "a", handler=keeping("aaaaaa"))
    b = written(tmp_path / "b", handler=keeping("zzzzzz"), run_id="zzzzzz")
    assert compare_runs(a, b).equal
    assert not compare_runs(a, written(tmp_path / "c", handler=keeping("zzzzzz"))).equal


def test_the_first_event_that_differs_is_named_by_its_field(tmp_path):
    turns = [list(turn) for turn in TURNS]
    turns[2][1] = msgspec.structs.replace(turns[2][1], price=9.5)
    turns[4][0] = msgspec.structs.replace(turns[4][0], bid_price=1.0)
    found = compare_runs(written(tmp_path / "a"), written(tmp_path / "b", turns))
    assert not found.equal
    first = found.first
    assert (first.sequence, first.kind, first.field, first.a, first.b) == (
        6, "trade", "price", "7.5", "9.5",
    )  # fmt: skip
    assert first.robot == ""
    assert found.equal_events == 5
    assert found.first_other_input == first
    assert found.first_answer is None  # from there on they answer to other events


def test_the_first_answer_that_differs_is_named_by_robot_and_field(tmp_path):
    def dearer(outputs):
        return (
            [order(6, price="101.6"), line(6, "x"), *outputs[2:]]
            if outputs[0].cause == 6
            else outputs
        )

    found = compare_runs(written(tmp_path / "a"), written(tmp_path / "b", handler=Quoter(dearer)))
    first = found.first
    assert (first.sequence, first.robot, first.kind, first.field) == (
        6, "quoter", "place_order", "price",
    )  # fmt: skip
    assert (first.a, first.b) == ("101.5", "101.6")
    assert (found.equal_events, found.equal_answers) == (12, 3)
    assert found.first_input is None


def test_an_answer_that_only_one_run_has_is_named(tmp_path):
    a = written(tmp_path / "a")
    b = written(tmp_path / "b", handler=Quoter(lambda outputs: outputs[1:]))
    assert (compare_runs(a, b).first.field, compare_runs(b, a).first.field) == ("missing", "extra")


def test_times_are_a_difference_unless_they_are_not_wanted(tmp_path):
    a, b = written(tmp_path / "a"), written(tmp_path / "b", later(TURNS, 1))
    found = compare_runs(a, b)
    assert (found.first.sequence, found.first.field) == (1, "received_ns")
    assert found.first_other_input is None
    assert not found.equal
    assert found.equal_events == 0
    found = compare_runs(a, b, times=False)
    assert found.equal
    assert found.equal_events == 12


def test_what_differs_besides_times_is_told_with_the_first_time(tmp_path):
    turns = later(TURNS, 1)
    turns[3][0] = msgspec.structs.replace(turns[3][0], ask_volume=3.5)
    found = compare_runs(written(tmp_path / "a"), written(tmp_path / "b", turns))
    assert found.first_input.sequence == 1
    other = found.first_other_input
    assert (other.sequence, other.field, other.a, other.b) == (7, "ask_volume", "2.5", "3.5")


def test_an_event_of_another_kind_is_told_whole(tmp_path):
    turns = [*TURNS[:1], TURNS[1][::-1], *TURNS[2:]]
    first = compare_runs(written(tmp_path / "a"), written(tmp_path / "b", turns)).first
    assert (first.sequence, first.field) == (3, "kind")
    assert first.a.startswith("ticker(")
    assert first.b.startswith("trade(")


def test_a_run_that_goes_on_longer_differs_where_the_other_ends(tmp_path):
    a, b = written(tmp_path / "a"), written(tmp_path / "b", TURNS[:4])
    found = compare_runs(a, b)
    assert (found.first.sequence, found.first.field) == (9, "missing")
    assert found.first.b == "nothing: it ends at event 8"
    assert found.equal_events == 8
    assert compare_runs(b, a).first.field == "extra"


def test_answers_that_a_killed_session_did_not_record_are_no_difference(tmp_path):
    a = written(tmp_path / "a")
    writer = JournalWriter(tmp_path / "b", msgspec.structs.replace(MANIFEST, run_id="aaaaaa"))
    drive(writer, Quoter(), TURNS[:5])
    drive(writer, type("Killed", (), {"handle": lambda self, *_: []})(), TURNS[5:])
    abandon(writer)
    found = compare_runs(a, Journal.open(tmp_path / "b"))
    assert found.first is None
    assert found.equal


def test_a_torn_tail_is_compared_up_to_where_it_is_whole(tmp_path):
    a = written(tmp_path / "a")
    written(tmp_path / "b", close=None)
    [segment] = (tmp_path / "b").iterdir()
    segment.write_bytes(segment.read_bytes()[:-7])
    b = Journal.open(tmp_path / "b")
    found = compare_runs(a, b)
    assert b.cut is not None
    assert found.equal  # the torn block held answers to the last events
    assert found.equal_answers == 9


def test_compressed_segments_and_other_batches_change_nothing(tmp_path):
    turns = [[ticker(i), trade(i)] for i in range(300)]
    one_by_one = [[event] for turn in turns for event in turn]
    a = written(tmp_path / "a", turns)
    b = written(tmp_path / "b", one_by_one, segment_bytes=4_096)
    assert list((tmp_path / "b").glob("*.seal"))
    found = compare_runs(a, b)
    assert found.equal
    assert found.equal_events == 600


def test_damage_is_told_with_what_is_the_same_before_it(tmp_path):
    a = written(tmp_path / "a")
    written(tmp_path / "b")
    [segment] = (tmp_path / "b").iterdir()
    raw = bytearray(segment.read_bytes())
    raw[len(raw) // 2] ^= 1
    segment.write_bytes(raw)
    found = compare_runs(a, Journal.open(tmp_path / "b"))
    assert not found.equal
    assert str(segment) in found.damage
    assert found.first is None


def test_setups_are_compared_by_key_and_robots_by_name():
    entry = MANIFEST.robots[0]
    other = msgspec.structs.replace(
        MANIFEST,
        run_id="r2",
        started_ns=1,
        seed=8,
        config={"risk": {"max_open_orders": 2}},
        robots=(
            RobotEntry(name="new", class_path="n:N", parameters={}, code_hash="", source_file=""),
            msgspec.structs.replace(entry, parameters={"spread": 3}, code_hash="beef"),
        ),
    )
    one = msgspec.structs.replace(MANIFEST, config={"risk": {"max_open_orders": 1}})
    found = {each.key: (each.a, each.b) for each in compare_setups(one, other)}
    assert found.pop("robots.new")[0] == "missing"
    assert found == {
        "seed": ("7", "8"),
        "config.risk.max_open_orders": ("1", "2"),
        "robots.quoter.code_hash": ("c0de", "beef"),
        "robots.quoter.parameters.spread": ("2", "3"),
    }
    assert compare_setups(one, one) == []


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_one_changed_event_or_answer_is_named_wherever_it_is(tmp_path_factory, data):
    folder: Path = tmp_path_factory.mktemp("runs")
    changed = data.draw(st.integers(1, 12))
    turns = TURNS
    handler = Quoter()
    if data.draw(st.booleans()) and changed % 3 == 0:

        def other(outputs):
            last = outputs[-1]
            return [*outputs[:-1], line(changed)] if last.cause == changed else outputs

        handler = Quoter(other)
    else:
        turns = [list(turn) for turn in TURNS]
        place = turns[(changed - 1) // 2]
        index = (changed - 1) % 2
        place[index] = msgspec.structs.replace(place[index], exchange_ns=5)
    found = compare_runs(Journal.open(small_journal(folder / "a")), written(
        folder / "b", turns, handler, run_id="r1"))  # fmt: skip
    assert found.first.sequence == changed
