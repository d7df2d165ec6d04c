"""Which journal a robots process goes on with, and what it sends again."""

from __future__ import annotations

import shutil
from decimal import Decimal

import msgspec
import pytest
from tests.orders.sample import order
from tests.separate.test_places import config as configured

from millstream.errors import JournalError
from millstream.model import (
    CancelAll,
    CancelOrder,
    Control,
    CurrencyPair,
    Exchange,
    OrderType,
    Output,
    PlaceOrder,
    Side,
)
from millstream.model.codec import decode_outputs, encode_events
from millstream.orders.store import SavedRobot
from millstream.robot.moment import base36
from millstream.separate.cursor import Cursor
from millstream.separate.resume import seat
from millstream.separate.unsent import Left, as_unsent, without_orders
from millstream.session.roster import with_code
from millstream.session.setups import SetUp, home_of

NS = 1_000_000_000


def config(**changes):
    return msgspec.structs.replace(configured(("quoter", "")), **changes)


def seated(tmp_path, given=None, saved=(), revision=0):
    return seat(given or config(), tmp_path, "robots", "", saved, revision)


def killed(found, tmp_path, name="again"):
    """The folder as a kill of its process leaves it: nobody holds its lock any more."""
    copy = tmp_path / name
    shutil.copytree(found.place.parent, copy, ignore=shutil.ignore_patterns("again*"))
    return copy


def turn(found, *events):
    """One turn of the robots' loop."""
    first = found.journal.append_events(encode_events(events), len(events))
    outputs = []
    for sequence, event in enumerate(events, first):
        outputs += found.robots.handle(sequence, event)
    found.journal.append_outputs(outputs)
    return outputs


def told(command, robot="quoter", now_ns=NS, **more):
    return Control(now_ns, robot, command, {}, "ann", "", f"r{now_ns}", **more)


def saved(name="second", **more):
    return SavedRobot(
        name=name, robot="millstream.demo.quoter:Quoter", markets=("binance@btc/usdt",),
        parameters={"volume": "0.1", "tick": "0.01", "most_position": "1"}, **more,
    )  # fmt: skip


def names(found):
    return [one.robot.name for one in found.robots.seats]


def test_a_killed_process_goes_on_with_its_journal(tmp_path):
    first = seated(tmp_path, revision=7)
    turn(first, told("pause"))
    again = seated(killed(first, tmp_path))
    assert (again.place.name, again.resumed, again.began_at) == ("robots-1", True, 7)
    assert again.robots.seats[0].standing == "paused"
    assert again.journal.next_sequence == 2


def test_another_process_of_the_same_name_is_refused(tmp_path):
    seated(tmp_path)
    with pytest.raises(JournalError, match="is being written"):
        seated(tmp_path)


def test_after_a_good_end_another_journal_begins_with_what_was_saved(tmp_path):
    first = seated(tmp_path)
    first.journal.close("enough")
    second = seated(tmp_path, saved=[saved(standing="paused")], revision=9)
    assert (second.place.name, second.resumed, second.began_at) == ("robots-2", False, 9)
    assert [(one.robot.name, one.standing) for one in second.robots.seats] == [
        ("quoter", "running"), ("second", "paused"),
    ]  # fmt: skip


def test_a_killed_process_whose_robots_returned_goes_on_though_they_are_not_configured(tmp_path):
    first = seated(tmp_path, saved=[saved("quoter"), saved()])
    again = seated(killed(first, tmp_path), saved=[])
    assert (again.place.name, names(again)) == ("robots-1", ["quoter", "second"])


@pytest.mark.parametrize("change", [{"seed": 2}, {"order_store": "sqlite:other.sqlite"}])
def test_another_configuration_begins_another_journal(tmp_path, change):
    first = seated(tmp_path)
    again = seated(killed(first, tmp_path), config(**change))
    assert (again.place.name, again.resumed) == ("robots-2", False)
    turned = config(streams=[msgspec.structs.replace(config().streams[0], reconnect_times=7)])
    third = seated(killed(again, tmp_path, "again2"), msgspec.structs.replace(turned, **change))
    assert (third.place.name, third.resumed) == ("robots-2", True)  # only a connection is another


def test_a_crash_before_the_first_bytes_of_a_journal_is_no_obstacle(tmp_path):
    (tmp_path / "robots-1" / "journal").mkdir(parents=True)
    (tmp_path / "robots-1" / "journal" / "000001.journal.part").write_bytes(b"MILL")
    assert seated(tmp_path).place.name == "robots-2"


def test_set_ups_that_the_orders_never_had_are_sent_again_and_are_there_at_the_next_start(tmp_path):
    first = seated(tmp_path)
    add = told("add", "second", robot_type="millstream.demo.quoter:Quoter",
               markets=("binance@btc/usdt",))  # fmt: skip
    add = with_code(msgspec.structs.replace(add, parameters=saved().parameters))
    answers = turn(first, add)
    assert answers[-1].body.accepted, answers
    turn(first, told("save", "quoter", 2 * NS))
    again = seated(killed(first, tmp_path))
    assert again.place.name == "robots-1"
    assert [[(s.name, s.saved.who) for s in one.setups] for one in again.left] == [
        [("second", "ann")], [("quoter", "ann")],
    ]  # fmt: skip
    again.journal.close("enough")
    after = seated(again.place.parent)
    assert names(after) == ["quoter", "second"]
    assert [(one.cause, one.setups[0].name) for one in after.left] == [(0, "second"), (0, "quoter")]


def test_what_the_cursor_says_is_taken_is_not_read_again(tmp_path):
    first = seated(tmp_path)
    turn(first, told("stop"))
    turn(first, told("start", now_ns=2 * NS))
    turn(first, told("stop", now_ns=3 * NS))
    cursor = Cursor(first.place)
    cursor.remember(2)
    again = seated(killed(first, tmp_path))
    assert [(one.cause, one.at_ns) for one in again.left] == [(3, 3 * NS)]
    assert [type(output.body) for output in again.left[0].wishes] == [CancelAll]


def test_a_journal_that_lost_its_end_takes_the_cursor_back_with_it(tmp_path):
    first = seated(tmp_path)
    turn(first, told("pause"))
    Cursor(first.place).remember(50)
    again = seated(killed(first, tmp_path))
    assert again.cursor.reached == Cursor(again.place).reached == 1


def test_a_cursor_that_cannot_be_read_offers_everything_again(tmp_path):
    (tmp_path / "taken").write_text("garbage")
    assert Cursor(tmp_path).reached == 0


# ---- what is sent again -------------------------------------------------------------------------

RUN = "run001"


def id_of(sequence):
    return RUN + base36(sequence, 9) + base36(1, 3)


def place(sequence, robot="a"):
    wish = PlaceOrder(
        Exchange.BINANCE, CurrencyPair.BTC_USDT, Side.BUY, OrderType.LIMIT, Decimal(1),
        Decimal(10), order_id=id_of(sequence),
    )  # fmt: skip
    return Output(sequence, robot, wish)


def test_cancel_all_takes_no_order_that_was_placed_after_it():
    left = [
        Left(10, NS, [place(10)], []),
        Left(20, 2 * NS, [Output(20, "a", CancelAll())], []),
        Left(30, 3 * NS, [place(30)], []),
    ]
    opened = [order(id_of(5), robot="a"), order(id_of(30), robot="a"), order("old123", robot="a")]
    sent = as_unsent(left, RUN, lambda robot: opened if robot == "a" else [])
    assert [(one.cause, one.wished_ns) for one in sent] == [(10, NS), (20, 2 * NS), (30, 3 * NS)]
    assert [one.body.order_id for one in decode_outputs(sent[1].wishes)] == [
        id_of(5), "old123", id_of(10),
    ]  # fmt: skip


def test_of_a_session_that_another_follows_nothing_is_placed():
    setup = SetUp("a", None)
    left = [
        Left(1, NS, [place(1)], []),
        Left(2, NS, [place(2), Output(2, "a", CancelOrder(id_of(1)))], []),
        Left(3, NS, [], [setup]),
    ]
    kept = without_orders(left)
    assert [(one.cause, len(one.wishes), one.setups) for one in kept] == [
        (0, 1, []), (0, 0, [setup]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "process", "home"),
    [
        ("added", "bob", "bob"),
        ("a1", "bob", "alice"),  # the configuration has moved it
        ("added", "", "alice"),  # from when there was one process, without a name
    ],
)
def test_a_saved_robot_has_one_home(name, process, home):
    two = configured(("a1", "alice"), ("b1", "bob"))
    assert home_of(saved(name, process=process), two) == home


def test_a_robot_that_was_added_and_whose_code_changed_begins_another_journal(tmp_path):
    first = seated(tmp_path)
    add = told("add", "second", robot_type="quoter", markets=("binance@btc/usdt",))
    add = with_code(msgspec.structs.replace(add, parameters=saved().parameters))
    turn(first, msgspec.structs.replace(add, code_hash="0123456789abcdef"))
    again = seated(killed(first, tmp_path))
    assert (again.place.name, names(again)) == ("robots-2", ["quoter", "second"])
    assert again.robots.seat("second").standing == "running"


def test_one_whose_changed_code_answers_otherwise_begins_another_journal_too(tmp_path):
    code = tmp_path / "spoken.py"
    code.write_text(
        "from millstream import Robot\n\nclass Spoken(Robot):\n"
        "    def on_start(self):\n        self.log.info('a')\n"
    )
    first = seated(tmp_path)
    kind = f"{code}:Spoken"
    turn(first, with_code(told("add", "new", robot_type=kind, markets=("binance@btc/usdt",))))
    code.write_text(code.read_text().replace("'a'", "'b'"))
    again = seated(killed(first, tmp_path))
    assert (again.place.name, names(again)) == ("robots-2", ["quoter", "new"])
