"""The orders of two runs beside each other, whatever their events were."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.analysis.sessions import write_session
from tests.journal.sample import MANIFEST, ticker

from millstream.analysis.order_pairs import pair_orders
from millstream.journal import Journal, JournalWriter
from millstream.model import CurrencyPair, Exchange, OrderType, Output, PlaceOrder, Side
from millstream.model.codec import encode_events


def run(folder, prices, run_id="aaaaaa", silent=0):
    """A journal in which a robot buys at these prices; silent: events before the first."""
    writer = JournalWriter(folder, msgspec.structs.replace(MANIFEST, run_id=run_id))
    if silent:
        writer.append_events(encode_events([ticker(0)] * silent), silent)
    for price in prices:
        cause = writer.append_events(encode_events([ticker(1)]), 1)
        wish = PlaceOrder(
            Exchange.BINANCE, CurrencyPair.BTC_USDT, Side.BUY, OrderType.LIMIT,
            Decimal(1), Decimal(price), order_id=f"{run_id}{cause}",
        )  # fmt: skip
        writer.append_outputs([Output(cause, "quoter", wish)])
    writer.close("done")
    return Journal.open(folder)


def prices(orders):
    return [int(order.wish.price) for order in orders]


def test_the_same_orders_are_the_same_whatever_events_came_between(tmp_path):
    found = pair_orders(run(tmp_path / "a", [1, 2]), run(tmp_path / "b", [1, 2], "bbbbbb", 5))
    assert found.equal
    assert (found.orders_a, found.orders_b, found.same) == (2, 2, 2)


def test_an_order_that_one_run_lacks_moves_no_other(tmp_path):
    found = pair_orders(run(tmp_path / "a", [1, 2, 3, 4]), run(tmp_path / "b", [1, 3, 4, 5]))
    assert (found.same, found.different) == (3, [])
    assert (prices(found.only_a), prices(found.only_b)) == ([2], [5])
    assert not found.equal


def test_an_order_at_another_price_is_one_order_that_differs(tmp_path):
    found = pair_orders(run(tmp_path / "a", [1, 2, 3]), run(tmp_path / "b", [1, 9, 3]))
    [pair] = found.different
    assert [(one.field, one.a, one.b) for one in pair.fields] == [("price", "2", "9")]
    assert (pair.a.sequence, found.same, found.only_a, found.only_b) == (2, 2, [], [])


def test_what_became_of_an_order_is_compared_too(tmp_path):
    write_session(tmp_path / "a", "run001", seconds=30)
    write_session(tmp_path / "b", "run002", seconds=30)
    a = Journal.open(tmp_path / "a" / "journal")
    assert pair_orders(a, Journal.open(tmp_path / "b" / "journal")).equal
    write_session(tmp_path / "c", "run003", seconds=8)
    found = pair_orders(a, Journal.open(tmp_path / "c" / "journal"))
    assert found.only_a
    assert found.different == found.only_b == []
    write_session(tmp_path / "d", "run004", volume="2000", seconds=30)  # beyond the limits
    found = pair_orders(a, Journal.open(tmp_path / "d" / "journal"))
    fields = {one.field: (one.a, one.b) for one in found.different[0].fields}
    assert fields["volume"] == ("0.5", "2000")
    assert fields["status"][1] == "rejected"


@settings(max_examples=25, deadline=None)
@given(
    a=st.lists(st.integers(1, 4), max_size=12), b=st.lists(st.integers(1, 4), max_size=12)
)  # fmt: skip
def test_every_order_is_told_once(tmp_path_factory, a, b):
    folder = tmp_path_factory.mktemp("runs")
    found = pair_orders(run(folder / "a", a), run(folder / "b", b))
    assert found.same + len(found.different) + len(found.only_a) == len(a)
    assert found.same + len(found.different) + len(found.only_b) == len(b)
    assert found.equal == (a == b)
