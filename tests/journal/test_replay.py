import gc
import os

import msgspec
import pytest
from tests.journal.sample import (
    MANIFEST,
    Quoter,
    abandon,
    checkpoint,
    drive,
    line,
    order,
    small_journal,
    ticker,
    timer,
    trade,
)

from millstream.errors import JournalDamaged, JournalError
from millstream.journal import Journal, JournalWriter, Kind, replay
from millstream.model.codec import encode_events


def run(directory, handler, **settings):
    return replay(Journal.open(directory), handler, **settings)


def changed(cause, change):
    """A quoter whose outputs are what `change` makes of them, at one event."""
    return Quoter(lambda outputs: change(outputs) if outputs[0].cause == cause else outputs)


def recorded(directory, answers, close="done", events=4):
    """A journal of one event per batch; answers: the outputs recorded after event 1, 2, ..."""
    writer = JournalWriter(directory, MANIFEST)
    for number in range(1, events + 1):
        writer.append_events(encode_events([ticker(number)]), 1)
        writer.append_outputs(answers.get(number, []))
    if close is None:
        abandon(writer)
    else:
        writer.close(close)
    return directory


class Answers:
    """A handler that answers from a table."""

    def __init__(self, answers):
        self._answers = answers

    def handle(self, sequence, event):
        return self._answers.get(sequence, [])


# ---- equal --------------------------------------------------------------------------------------


@pytest.mark.parametrize("segment_bytes", [10**6, 1])
def test_the_same_robots_give_the_same_outputs(tmp_path, segment_bytes):
    small_journal(tmp_path, segment_bytes=segment_bytes)
    handler = Quoter()
    report = run(tmp_path, handler)
    assert report.equal
    assert report.first_difference is None
    assert (report.events, report.outputs, report.orders, report.states) == (12, 12, 4, 4)
    assert (report.unverified, report.cut, report.closed, report.last_sequence) == (
        0,
        None,
        True,
        12,
    )
    events = [event for i in range(6) for event in (ticker(i), trade(i))]
    assert handler.seen == list(enumerate(events, 1))


def test_a_report_says_how_fast_it_went_and_is_json(tmp_path):
    report = run(small_journal(tmp_path), Quoter())
    assert report.events_per_second > 0
    assert report.events_per_wall_second > 0
    assert msgspec.json.decode(msgspec.json.encode(report))["equal"] is True
    assert str(report) == "equal: 12 events, 12 outputs, 4 orders, 4 states"


def test_outputs_of_one_batch_may_be_recorded_in_several_blocks(tmp_path):
    writer = JournalWriter(tmp_path / "j", MANIFEST)
    writer.append_events(encode_events([ticker(1), ticker(2)]), 2)
    writer.append_outputs([order(1)])
    writer.append_outputs([line(1), order(2)])
    writer.close("done")
    report = run(tmp_path / "j", Answers({1: [order(1), line(1)], 2: [order(2)]}))
    assert report.equal
    assert report.outputs == 3


def test_progress_is_told_now_and_then(tmp_path):
    writer = JournalWriter(tmp_path / "j", MANIFEST)
    body = encode_events([ticker(1)] * 5_000)
    for _ in range(5):
        writer.append_events(body, 5_000)
    writer.close("done")
    told = []
    run(tmp_path / "j", Answers({}), progress=told.append)
    assert told == [15_000, 25_000]


def test_the_garbage_collector_is_as_it_was_even_after_an_error(tmp_path):
    class Failing:
        def handle(self, sequence, event):
            assert not gc.isenabled()
            raise ZeroDivisionError

    small_journal(tmp_path)
    frozen = gc.get_freeze_count()
    with pytest.raises(ZeroDivisionError):
        run(tmp_path, Failing())
    assert gc.isenabled()
    assert gc.get_freeze_count() == frozen
    gc.disable()
    try:
        run(tmp_path, Quoter())
        assert not gc.isenabled()
    finally:
        gc.enable()


# ---- different ----------------------------------------------------------------------------------


def test_the_first_difference_is_named_with_its_event(tmp_path):
    handler = changed(6, lambda outputs: [order(6, price="99"), *outputs[1:]])
    report = run(small_journal(tmp_path), handler)
    assert not report.equal
    found = report.first_difference
    assert (found.sequence, found.robot, found.kind, found.field) == (
        6,
        "quoter",
        "place_order",
        "price",
    )
    assert (found.recorded, found.replayed) == ("101.5", "99")
    assert found.event.startswith("trade(exchange=binance, symbol=ETH/USDT, price=7.5")


def test_all_events_are_driven_but_comparing_ends_at_the_first_difference(tmp_path):
    handler = changed(6, lambda outputs: outputs[:1])
    report = run(small_journal(tmp_path), handler)
    assert len(handler.seen) == report.events == 12
    assert report.outputs == 3
    assert report.orders == 1
    assert "comparing ended after 12 events, 3 outputs at event 6" in str(report)


@pytest.mark.parametrize(
    ("change", "kind", "field"),
    [
        (lambda o: [o[0], line(6, "other"), o[2]], "log_line", "text"),
        (
            lambda o: [*o[:2], checkpoint(6, b"\x81\xa8position\x06")],
            "checkpoint",
            "state.position",
        ),
        (lambda o: o[1:], "place_order", "missing"),
        (lambda o: o[:2], "checkpoint", "missing"),
        (lambda o: [], "place_order", "missing"),
        (lambda o: [*o, timer(6)], "set_timer", "extra"),
        (lambda o: [timer(6), *o], "set_timer", "extra"),
        (lambda o: [timer(6), *o[1:]], "place_order", "kind"),
    ],
)
def test_each_kind_of_difference_is_named(tmp_path, change, kind, field):
    report = run(small_journal(tmp_path), changed(6, change))
    found = report.first_difference
    assert (found.sequence, found.kind, found.field) == (6, kind, field)


def test_an_answer_where_none_was_recorded_is_extra_at_its_own_event(tmp_path):
    directory = recorded(tmp_path / "j", {4: [line(4)]})
    report = run(directory, Answers({2: [order(2)], 4: [line(4)]}))
    assert (report.first_difference.sequence, report.first_difference.field) == (2, "extra")
    assert report.first_difference.event.startswith("ticker(")


def test_an_extra_answer_to_the_last_event_of_a_closed_journal_is_a_difference(tmp_path):
    directory = recorded(tmp_path / "j", {})
    report = run(directory, Answers({4: [order(4)]}))
    assert (report.first_difference.sequence, report.first_difference.field) == (4, "extra")


# ---- journals that ended early ------------------------------------------------------------------


def test_answers_to_the_last_block_that_were_not_recorded_any_more_are_unverified(tmp_path):
    directory = recorded(tmp_path / "j", {1: [line(1)], 4: [line(4)]}, close=None)
    report = run(directory, Answers({1: [line(1)], 4: [line(4), order(4), timer(4)]}))
    assert report.equal
    assert (report.outputs, report.unverified, report.closed) == (2, 2, False)


def test_what_is_recorded_of_the_last_block_is_compared(tmp_path):
    directory = recorded(tmp_path / "j", {4: [line(4)]}, close=None)
    report = run(directory, Answers({4: [line(4, "other"), order(4)]}))
    assert report.first_difference.field == "text"


def test_an_answer_to_an_earlier_block_is_never_unverified(tmp_path):
    directory = recorded(tmp_path / "j", {}, close=None)
    report = run(directory, Answers({3: [line(3)]}))
    assert (report.first_difference.sequence, report.first_difference.field) == (3, "extra")
    assert report.unverified == 0


def test_a_journal_cut_at_any_byte_after_its_manifest_replays(tmp_path):
    small_journal(tmp_path)
    blocks = list(Journal.open(tmp_path).blocks())
    path = tmp_path / "000001.journal"
    for size in range(path.stat().st_size - 1, blocks[1].offset, -1):
        os.truncate(path, size)
        report = run(tmp_path, Quoter())
        assert report.equal
        assert not report.closed
        whole = [b for b in blocks if b.offset + 41 + len(b.body) <= size]
        assert report.events == sum(b.count for b in whole if b.kind is Kind.EVENTS)
        assert (report.cut is None) is any(b.offset == size for b in blocks)


def test_a_session_that_was_killed_and_resumed_replays_as_one(tmp_path):
    directory = tmp_path / "j"
    small_journal(directory, close=None)
    path = directory / "000001.journal"
    os.truncate(path, path.stat().st_size - 5)  # the outputs of the last batch are torn
    handler = Quoter()
    assert run(directory, handler).unverified == 3
    writer = JournalWriter.resume(directory)
    writer.append_outputs([order(12), line(12), checkpoint(12)])  # what the replay gave
    drive(writer, handler, [[ticker(7), ticker(8), ticker(9)]])
    writer.close("done")
    report = run(directory, Quoter())
    assert report.equal
    assert (report.events, report.outputs, report.closed) == (15, 15, True)


# ---- journals that cannot be replayed -----------------------------------------------------------


def test_damage_stops_the_replay(tmp_path):
    small_journal(tmp_path)
    path = tmp_path / "000001.journal"
    raw = bytearray(path.read_bytes())
    raw[-200] ^= 4
    path.write_bytes(raw)
    with pytest.raises(JournalDamaged, match="up to event"):
        run(tmp_path, Quoter())


def test_a_block_that_is_no_batch_of_events_is_named(tmp_path):
    writer = JournalWriter(tmp_path / "j", MANIFEST)
    writer.append_events(b"\x91\x92\x63\x01", 1)
    writer.close("done")
    with pytest.raises(JournalError, match=r"000001\.journal at offset \d+ cannot be read"):
        run(tmp_path / "j", Quoter())


def test_a_block_whose_count_is_wrong_is_named(tmp_path):
    writer = JournalWriter(tmp_path / "j", MANIFEST)
    writer.append_events(encode_events([ticker(1), ticker(2)]), 3)
    writer.close("done")
    with pytest.raises(JournalError, match="says 3 messages and holds 2"):
        run(tmp_path / "j", Quoter())
