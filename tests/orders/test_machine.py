from decimal import Decimal, localcontext
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.orders.sample import filled, order, report

from millstream.errors import StoreError
from millstream.model import OrderStatus
from millstream.orders import Happened, MemoryStore
from millstream.orders.machine import LIFE, TERMINAL, is_open, merge

S, H = OrderStatus, Happened


def after(first, *reports):
    """The order after reports, whatever they changed."""
    for now_ns, one in enumerate(reports, 10):
        first = merge(first, one, now_ns) or first
    return first


def test_an_order_lives_from_intent_to_filled():
    steps = [
        report(happened=H.SENT),
        report(happened=H.ACCEPTED, venue_id="v9"),
        filled(volume="0.4"),
        filled(trade_id="t2", volume="0.6"),
    ]
    seen = []
    now = order()
    for now_ns, step in enumerate(steps, 10):
        now = merge(now, step, now_ns)
        seen.append((now.status, now.venue_id, now.filled_volume, now.received_ns))
    assert seen == [
        (S.SENT, "", 0, 10),
        (S.WORKING, "v9", 0, 11),
        (S.PARTIAL, "v9", Decimal("0.4"), 12),
        (S.FILLED, "v9", 1, 13),
    ]


def test_the_table_names_every_status_and_everything_that_happens():
    assert set(LIFE) == set(S)
    assert all(set(row) == set(H) for row in LIFE.values())


def test_no_way_leads_out_of_an_order_that_ended():
    assert all(set(LIFE[status].values()) == {status} for status in TERMINAL)


def test_no_way_in_the_table_leads_back():
    rank = [S.INTENT, S.SENT, S.UNKNOWN, S.WORKING, S.PARTIAL]
    for status in rank:
        for target in LIFE[status].values():
            assert target in TERMINAL or rank.index(target) >= rank.index(status)


def test_a_sent_order_in_doubt_is_open_until_evidence_settles_it():
    doubtful = after(order(), report(happened=H.SENT), report(happened=H.UNKNOWN, reason="timeout"))
    assert (doubtful.status, doubtful.reason, is_open(doubtful)) == (S.UNKNOWN, "timeout", True)
    assert after(doubtful, report(happened=H.ACCEPTED)).status is S.WORKING
    assert after(doubtful, report(happened=H.REJECTED)).status is S.REJECTED
    assert after(doubtful, filled()).status is S.PARTIAL


def test_a_fill_before_the_acknowledgement_keeps_what_both_say():
    now = after(order(), filled(), report(happened=H.ACCEPTED, venue_id="v9"))
    assert (now.status, now.venue_id, now.filled_volume) == (S.PARTIAL, "v9", Decimal("0.4"))


def test_a_repeated_report_is_nothing_new():
    now = after(order(), report(happened=H.ACCEPTED, venue_id="v9"))
    assert merge(now, report(happened=H.ACCEPTED, venue_id="v9"), 99) is None
    assert merge(now, report(happened=H.SENT), 99) is None


@pytest.mark.parametrize("end", [H.CANCELED, H.EXPIRED, H.REJECTED])
def test_a_late_fill_of_an_order_that_ended_is_booked_and_its_status_stays(end):
    ended = after(order(), report(happened=end, reason="gone"))
    now = after(ended, filled(price="90", volume="1"))
    assert now.status is ended.status
    assert (now.filled_volume, now.average_price, now.reason) == (1, 90, "gone")


def test_a_filled_order_refuses_more_fills():
    whole = after(order(), filled(volume="1"))
    with pytest.raises(StoreError, match=r"a1 is for 1 BTC and has 1: fill t9 of 0\.1 goes beyond"):
        merge(whole, filled(trade_id="t9", volume="0.1"), 99)


@pytest.mark.parametrize("volume", ["0", "-1", "NaN", "Infinity"])
def test_a_fill_that_is_no_trade_is_refused(volume):
    with pytest.raises(StoreError, match="is not a trade"):
        merge(order(), filled(volume=volume), 99)


def test_a_report_of_a_fill_without_the_fill_is_refused():
    with pytest.raises(StoreError, match="carries no fill"):
        merge(order(), report(happened=H.FILLED), 99)


def test_the_average_price_is_exact():
    now = after(
        order(volume="3"),
        filled(trade_id="1", price="1", volume="1"),
        filled(trade_id="2", price="2", volume="1"),
        filled(trade_id="3", price="2", volume="1"),
    )
    assert now.average_price == Decimal("1.666666666666666666666666666666667")
    thirds = after(order(volume="9"), *[filled(trade_id=str(i), volume="3") for i in range(3)])
    assert str(thirds.average_price) == "100"


amounts = st.decimals("0.00000001", "99999", places=8)


@given(st.lists(st.tuples(amounts, amounts), min_size=1, max_size=12), st.randoms())
def test_the_average_price_does_not_depend_on_the_order_of_the_fills(fills, shuffler):
    volume = str(sum(v for _, v in fills))
    reports = [
        filled(trade_id=str(i), price=str(p), volume=str(v)) for i, (p, v) in enumerate(fills)
    ]
    straight = after(order(volume=volume), *reports)
    shuffler.shuffle(reports)
    shuffled = after(order(volume=volume), *reports)
    assert str(straight.average_price) == str(shuffled.average_price)
    with localcontext(prec=34):
        assert straight.average_price == sum(p * v for p, v in fills) / sum(v for _, v in fills)


@st.composite
def lives(draw):
    """Everything a venue says in one order's life, in its right order."""
    parts = draw(st.lists(st.integers(1, 5), max_size=5))
    ends = draw(st.sampled_from(["filled", H.CANCELED, H.EXPIRED]))
    if ends == "filled" and not parts:
        ends = H.REJECTED
    volume = sum(parts) + (0 if ends == "filled" else draw(st.integers(1, 5)))
    said = [report(happened=H.SENT), report(happened=H.UNKNOWN)]
    said.append(report(happened=H.ACCEPTED, venue_id="v9"))
    said += [
        filled(trade_id=str(i), price=str(100 + i), volume=str(part))
        for i, part in enumerate(parts)
    ]
    return volume, said + ([] if ends == "filled" else [report(happened=ends)])


@given(lives(), st.randoms())
def test_reports_in_any_order_and_repeated_end_in_the_same_order(life, shuffler):
    volume, said = life
    ends = []
    for mixed in (said, shuffler.sample(said + said, 2 * len(said))):
        store = MemoryStore()
        store.insert([order(volume=str(volume))])
        for one in mixed:
            store.apply([one], 50)
        ends.append(msgspec.structs.replace(store.get("a1"), revision=0, reason=""))
        history = [change for change in store.changes(0) if hasattr(change, "filled_volume")]
        assert all(a.filled_volume <= b.filled_volume for a, b in pairwise(history))
    assert ends[0] == ends[1]
    assert ends[0].status in TERMINAL
