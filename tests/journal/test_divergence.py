import msgspec
import pytest
from tests.journal.sample import checkpoint, line, order, ticker, timer, trade

from millstream.journal.divergence import describe, first_difference, kind_of
from millstream.model import CancelAll, Output, RobotFailed, StopTimer
from millstream.robot.kept import Values


def difference(recorded, replayed, **settings):
    return first_difference(recorded, replayed, lambda n: f"event text {n}", **settings)


def where(recorded, replayed):
    found = difference(recorded, replayed)
    return found.sequence, found.kind, found.field, found.recorded, found.replayed


def state(**fields):
    return msgspec.msgpack.encode(fields, order="sorted")


def test_equal_outputs_have_no_difference():
    outputs = [order(1), line(1), timer(2), checkpoint(3)]
    assert difference(outputs, list(outputs)) is None
    assert difference([], []) is None


@pytest.mark.parametrize(
    ("recorded", "replayed", "field", "was", "now"),
    [
        (order(4), order(4, price="101.6"), "price", "101.5", "101.6"),
        (order(4), order(4, price="101.50"), "price", "101.5", "101.50"),
        (line(4), line(4, "ask moved"), "text", "bid moved", "ask moved"),
        (timer(4), timer(4, 6), "interval_ns", "5", "6"),
        (order(4), order(4, robot="crosser"), "robot", "quoter", "crosser"),
    ],
)
def test_the_field_that_differs_is_named(recorded, replayed, field, was, now):
    assert where([line(3), recorded], [line(3), replayed]) == (
        4,
        kind_of(recorded.body),
        field,
        was,
        now,
    )


def test_the_first_difference_is_named_not_a_later_one():
    recorded = [order(1), line(2), timer(3)]
    replayed = [order(1), line(2, "x"), timer(3, 9)]
    assert where(recorded, replayed)[:3] == (2, "log_line", "text")


@pytest.mark.parametrize(
    ("was", "now", "field", "recorded", "replayed"),
    [
        ({"cash": 1, "position": 5}, {"cash": 1, "position": 6}, "state.position", "5", "6"),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, "state.a.b[1]", "2", "3"),
        ({"a": [1]}, {"a": [1, 2]}, "state.a[1]", "missing", "2"),
        ({"a": [1, 2]}, {"a": [1]}, "state.a[1]", "2", "missing"),
        ({"a": 1}, {"a": 1, "b": 2}, "state.b", "missing", "2"),
        ({"a": 1, "b": 2}, {"b": 2}, "state.a", "1", "missing"),
        ({"a": 1}, {"a": 1.0}, "state.a", "1", "1.0"),
        ({"a": True}, {"a": 1}, "state.a", "True", "1"),
        (
            {"a": float("nan"), "b": 1},
            {"a": float("nan"), "b": 2},
            "state.b",
            "1",
            "2",
        ),
    ],
)
def test_the_field_of_a_state_that_differs_is_named(was, now, field, recorded, replayed):
    found = where([checkpoint(9, state(**was))], [checkpoint(9, state(**now))])
    assert found == (9, "checkpoint", field, recorded, replayed)


def test_a_state_that_is_no_msgpack_differs_as_a_whole():
    found = where([checkpoint(9, b"\xc1")], [checkpoint(9, b"\xc1\xc1")])
    assert found == (9, "checkpoint", "state", "c1", "c1c1")


def test_equal_states_with_different_hashes_differ_in_the_hash():
    one = checkpoint(9)
    other = msgspec.structs.replace(
        one, body=msgspec.structs.replace(one.body, state_hash=bytes(16))
    )
    assert where([one], [other])[2] == "state_hash"


@pytest.mark.parametrize(
    ("recorded", "replayed"),
    [
        ([line(1), order(2)], [line(1)]),
        ([line(1), order(2), line(3)], [line(1), line(3)]),
        ([line(1), order(2), line(2)], [line(1), line(2)]),
        ([line(1), order(2), order(2, price="7")], [line(1), order(2, price="7")]),
    ],
)
def test_an_output_that_the_replay_lacks_is_missing(recorded, replayed):
    found = difference(recorded, replayed)
    assert (found.sequence, found.kind, found.field) == (2, "place_order", "missing")
    assert "price=101.5" in found.recorded
    assert found.replayed == "nothing"
    assert "missing from the replay" in str(found)


@pytest.mark.parametrize(
    ("recorded", "replayed"),
    [
        ([line(1)], [line(1), order(2)]),
        ([line(1), line(3)], [line(1), order(2), line(3)]),
        ([line(1), line(2)], [line(1), order(2), line(2)]),
    ],
)
def test_an_output_that_only_the_replay_has_is_extra(recorded, replayed):
    found = difference(recorded, replayed)
    assert (found.sequence, found.kind, found.field) == (2, "place_order", "extra")
    assert found.recorded == "nothing"
    assert "only in the replay" in str(found)


def test_another_kind_of_output_is_named_as_such():
    found = where([order(2)], [line(2)])
    assert found[:3] == (2, "place_order", "kind")
    assert found[3].startswith("place_order(")
    assert found[4] == "log_line(level=info, text=bid moved)"


def test_what_is_recorded_later_is_no_difference_yet():
    assert difference([order(1)], [order(1), line(1)], more_recorded=True) is None
    assert difference([order(1)], [order(1), line(1)]).field == "extra"
    assert difference([order(1)], [], more_recorded=True).field == "missing"


def test_a_difference_reads_as_a_sentence():
    assert str(difference([order(4)], [order(4, price="7")])) == (
        "event 4 (event text 4): robot quoter, place_order.price: recorded 101.5, replayed 7"
    )


def test_messages_are_described_by_kind_and_fields_without_their_times():
    assert describe(ticker(1)) == (
        "ticker(exchange=binance, symbol=BTC/USDT, bid_price=101.0, bid_volume=1.0, "
        "ask_price=102.0, ask_volume=2.5)"
    )
    assert "side=sell, trade_id=3" in describe(trade(3))
    assert describe(CancelAll()) == "cancel_all(symbol=None)"
    assert describe(StopTimer("pulse")) == "stop_timer(name=pulse)"


def test_a_long_description_is_clipped():
    assert len(describe(RobotFailed("x" * 5_000))) == 200
    assert len(difference([line(1)], [line(1, "y" * 5_000)]).replayed) == 200


def test_differences_are_json():
    found = difference([order(4)], [order(4, price="7")])
    assert msgspec.json.decode(msgspec.json.encode(found), type=type(found)) == found


def test_an_output_of_another_robot_is_not_the_same():
    assert (
        difference([Output(1, "a", StopTimer("t"))], [Output(1, "b", StopTimer("t"))]) is not None
    )


def test_of_what_is_packed_the_place_that_differs_is_named():
    before, after = checkpoint(4), checkpoint(4)
    packed = [Values({}).pack({"outside": {"count": count}}) for count in (1, 2)]
    before, after = (
        msgspec.structs.replace(made, body=msgspec.structs.replace(made.body, kept=kept))
        for made, kept in zip((before, after), packed, strict=True)
    )
    _, kind, field, was, now = where([before], [after])
    assert (kind, was, now) == ("checkpoint", "1", "2")
    assert field.startswith("kept[")
