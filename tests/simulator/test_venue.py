"""The matching engine: priority, money, and every kind of order."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millstream.model import CurrencyPair, OrderStatus, OrderType, Side, TimeInForce
from millstream.simulator.orders import (
    PairRules,
    Reason,
    Refused,
    SelfTrade,
    VenueRules,
    Wish,
)
from millstream.simulator.venue import Venue

D = Decimal
PAIR = CurrencyPair("BTC", "USD")
RULES = VenueRules(D("0.001"), D("0.002"), False, SelfTrade.EXPIRE_MAKER, True)
PAIR_RULES = PairRules(PAIR, D("0.01"), D("0.001"), D("0.001"), D(1))
BUY, SELL = Side.BUY, Side.SELL


def venue(**changes):
    rules = msgspec.structs.replace(RULES, **changes)
    start = {"BTC": D(100), "USD": D(100_000)}
    return Venue(rules, [PAIR_RULES], {"ann": dict(start), "bob": dict(start)})


def wish(side=BUY, price="100", volume="1", account="ann", kind=OrderType.LIMIT, **more):
    price = D(0) if kind in (OrderType.MARKET, OrderType.STOP) else D(price)
    more = {name: D(value) if isinstance(value, str) and name != "client_id" else value
            for name, value in more.items()}  # fmt: skip
    return Wish(
        account=account, pair=PAIR, side=side, type=kind, price=price, volume=D(volume), **more
    )


def refusal(of, order):
    with pytest.raises(Refused) as refused:
        of.place(order, 1)
    return refused.value.reason


def test_a_better_price_trades_before_an_earlier_order():
    v = venue()
    early = v.place(wish(price="99"), 1)
    better = v.place(wish(price="100"), 2)
    v.place(wish(SELL, "99", "1", "bob"), 3)
    assert (better.status, early.status) == (OrderStatus.FILLED, OrderStatus.WORKING)


def test_at_one_price_the_earlier_order_trades_first_ours_or_the_markets():
    v = venue()
    v.set_level(PAIR, BUY, D(100), D(2), 1)
    mine = v.place(wish(price="100", volume="1"), 2)
    v.set_level(PAIR, BUY, D(100), D(5), 3)  # three more, behind mine
    v.take(PAIR, SELL, D(100), D("2.5"), 4)
    assert mine.filled == D("0.5")
    v.take(PAIR, SELL, D(100), D(1), 5)
    assert mine.status is OrderStatus.FILLED
    assert v.books[PAIR].bids.volume(D(100)) == D("2.5")


def test_a_cancel_of_the_market_leaves_from_the_end_of_the_queue():
    v = venue()
    v.set_level(PAIR, BUY, D(100), D(2), 1)
    mine = v.place(wish(volume="1"), 2)
    v.set_level(PAIR, BUY, D(100), D(5), 3)  # three more, behind mine
    v.set_level(PAIR, BUY, D(100), D(2), 4)  # these three leave
    v.take(PAIR, SELL, D(100), D(2), 5)
    assert mine.filled == 0
    v.take(PAIR, SELL, D(100), D(1), 6)
    assert mine.status is OrderStatus.FILLED


def test_a_trade_through_an_own_order_fills_it_at_its_own_price():
    v = venue()
    mine = v.place(wish(price="100", volume="1"), 1)
    v.take(PAIR, SELL, D(95), D(3), 2)
    assert mine.status is OrderStatus.FILLED
    assert mine.fills[0].price == 100
    assert mine.fills[0].maker


def test_a_market_level_that_crosses_an_own_order_trades_with_it():
    v = venue()
    mine = v.place(wish(SELL, "101", "1"), 1)
    v.set_level(PAIR, BUY, D(102), D(3), 2)
    assert mine.status is OrderStatus.FILLED
    assert v.books[PAIR].bids.levels(1) == [(D(102), D(2))]


def test_a_buyer_pays_and_gets_exactly_and_the_fee_is_of_what_is_received():
    v = venue()
    v.set_level(PAIR, SELL, D(100), D(5), 1)
    v.place(wish(kind=OrderType.MARKET, volume="2"), 2)
    held = v.balances["ann"]
    assert held.of("USD").free == 100_000 - 200
    assert held.of("BTC").free == 100 + 2 - 2 * D("0.002")


def test_a_fee_in_the_quote_currency_is_held_and_what_is_too_much_comes_back():
    v = venue(fee_in_quote=True)
    order = v.place(wish(price="100", volume="1"), 1)
    assert v.balances["ann"].of("USD").held == D("100.2")
    v.take(PAIR, SELL, D(100), D(1), 2)
    assert order.fills[0].fee == D("0.1")  # the maker's
    assert v.balances["ann"].of("USD").free == 100_000 - D("100.1")
    assert v.balances["ann"].of("USD").held == 0


def test_what_rests_holds_its_money_and_a_cancel_gives_it_back():
    v = venue()
    order = v.place(wish(price="50000", volume="2"), 1)
    assert v.balances["ann"].of("USD").free == 0
    assert refusal(v, wish(price="1", volume="1")) is Reason.NO_BALANCE
    v.cancel(order, 2)
    assert v.balances["ann"].of("USD").free == 100_000
    with pytest.raises(Refused):
        v.cancel(order, 3)


def test_rules_are_refused_by_name():
    v = venue()
    assert refusal(v, wish(price="100.001")) is Reason.PRICE_TICK
    assert refusal(v, wish(volume="1.0005")) is Reason.VOLUME_LOT
    assert refusal(v, wish(volume="0.0001")) is Reason.VOLUME_MINIMUM
    assert refusal(v, wish(price="1", volume="0.1")) is Reason.NOTIONAL_MINIMUM
    v.place(wish(client_id="mine"), 1)
    assert refusal(v, wish(client_id="mine")) is Reason.DUPLICATE_CLIENT_ID


def test_a_client_id_is_free_again_when_its_order_is_done():
    v = venue()
    v.cancel(v.place(wish(client_id="mine"), 1), 2)
    assert v.place(wish(client_id="mine"), 3).open


def test_post_only_never_takes():
    v = venue()
    v.set_level(PAIR, SELL, D(100), D(1), 1)
    assert refusal(v, wish(price="100", post_only=True)) is Reason.WOULD_TAKE
    assert v.place(wish(price="99.99", post_only=True), 2).open


def test_ioc_takes_what_is_there_and_fok_all_or_nothing():
    v = venue()
    v.set_level(PAIR, SELL, D(100), D(1), 1)
    fok = v.place(wish(price="100", volume="2", time_in_force=TimeInForce.FOK), 2)
    assert (fok.status, fok.filled) == (OrderStatus.EXPIRED, 0)
    ioc = v.place(wish(price="100", volume="2", time_in_force=TimeInForce.IOC), 3)
    assert (ioc.status, ioc.filled) == (OrderStatus.EXPIRED, 1)
    assert v.balances["ann"].of("USD").held == 0


def test_a_market_order_by_quote_volume_spends_no_more():
    v = venue()
    v.set_level(PAIR, SELL, D(100), D(1), 1)
    v.set_level(PAIR, SELL, D(200), D(9), 1)
    order = v.place(wish(kind=OrderType.MARKET, volume="0", quote_volume="299"), 2)
    assert (order.filled, order.quote_filled) == (D("1.995"), D(299))


@pytest.mark.parametrize(
    ("side", "takes_profit", "asleep_at", "awake_at"),
    [(SELL, False, 96, 95), (BUY, False, 104, 105), (SELL, True, 104, 105), (BUY, True, 96, 95)],
)
def test_a_stop_sleeps_until_its_price_is_traded(side, takes_profit, asleep_at, awake_at):
    v = venue()
    v.take(PAIR, BUY, D(100), D(1), 1)
    v.set_level(PAIR, side.opposite, D(100), D(50), 1)
    stop = v.place(
        wish(side, kind=OrderType.STOP, stop_price=str(awake_at), takes_profit=takes_profit), 2
    )
    v.books[PAIR] = type(v.books[PAIR])()  # nobody is in the way of the next trades
    v.take(PAIR, BUY, D(asleep_at), D(1), 3)
    assert stop.asleep
    v.set_level(PAIR, side.opposite, D(awake_at), D(50), 4)
    v.take(PAIR, side, D(awake_at), D(1), 5)
    assert stop.status is OrderStatus.FILLED


def test_who_meets_himself_loses_the_resting_order_or_the_new_one():
    v = venue()
    resting = v.place(wish(SELL, "100"), 1)
    new = v.place(wish(BUY, "100"), 2)
    assert (resting.status, new.status) == (OrderStatus.EXPIRED, OrderStatus.WORKING)
    v = venue(self_trade=SelfTrade.CANCEL_NEWEST)
    resting = v.place(wish(SELL, "100"), 1)
    new = v.place(wish(BUY, "100"), 2)
    assert (resting.status, new.status) == (OrderStatus.WORKING, OrderStatus.CANCELED)
    assert v.fills == []


def test_a_smaller_volume_keeps_its_place_and_a_larger_one_does_not():
    v = venue()
    first, second = v.place(wish(volume="2"), 1), v.place(wish(volume="1", account="bob"), 2)
    v.amend(first, 3, volume=D(1), price=None)
    v.take(PAIR, SELL, D(100), D("0.5"), 4)
    assert first.filled == D("0.5")
    v.amend(first, 5, volume=D(3), price=None)
    v.take(PAIR, SELL, D(100), D(1), 6)
    assert second.status is OrderStatus.FILLED
    assert first.filled == D("0.5")


def test_an_amendment_that_cannot_be_paid_changes_nothing():
    v = venue()
    order = v.place(wish(volume="2"), 1)
    with pytest.raises(Refused):
        v.amend(order, 2, volume=D(99_999), price=None)
    assert (order.volume, v.balances["ann"].of("USD").held) == (2, 200)
    v.take(PAIR, SELL, D(100), D(2), 3)
    assert order.status is OrderStatus.FILLED


steps = st.lists(
    st.tuples(
        st.sampled_from(["place", "cancel", "amend", "level", "take", "market", "stop"]),
        st.sampled_from(["ann", "bob"]),
        st.sampled_from([BUY, SELL]),
        st.integers(90, 110),
        st.integers(1, 2_000),
        st.integers(0, 50),
    ),
    max_size=40,
)


@settings(deadline=None, max_examples=150)
@given(steps, st.sampled_from(list(SelfTrade)), st.booleans())
def test_money_is_never_made_nor_lost_and_books_never_cross(steps, self_trade, fee_in_quote):
    v = venue(self_trade=self_trade, fee_in_quote=fee_in_quote)
    for ns, (what, account, side, price, lots, number) in enumerate(steps, 1):
        volume = D(lots) / 1000
        orders = list(v.orders.values())
        try:
            if what == "level":
                v.set_level(PAIR, side, D(price), volume, ns)
            elif what == "take":
                v.take(PAIR, side, D(price), volume, ns)
            elif what == "place":
                v.place(wish(side, str(price), str(volume), account), ns)
            elif what == "market":
                v.place(wish(side, "0", str(volume), account, OrderType.MARKET), ns)
            elif what == "stop":
                stop = {"kind": OrderType.STOP, "stop_price": str(price)}
                v.place(wish(side, "0", str(volume), account, **stop), ns)
            elif orders and what == "cancel":
                v.cancel(orders[number % len(orders)], ns)
            elif orders:
                v.amend(orders[number % len(orders)], ns, volume=volume, price=D(price))
        except Refused:
            pass
        book = v.books[PAIR]
        if book.bids.best is not None and book.asks.best is not None:
            assert book.bids.best < book.asks.best
        for name, held in v.balances.items():
            open_orders = v.open_orders(name)
            for currency in ("BTC", "USD"):
                holding = [one.held for one in open_orders if one.pays_with == currency]
                assert held.of(currency).held == sum(holding)
                assert held.of(currency).free >= 0
            bought = sum(f.side.sign * f.volume for f in v.fills if f.account == name)
            paid = sum(f.side.sign * f.volume * f.price for f in v.fills if f.account == name)
            fees = {c: sum(f.fee for f in v.fills if f.account == name and f.fee_currency == c)
                    for c in ("BTC", "USD")}  # fmt: skip
            assert held.of("BTC").free + held.of("BTC").held == 100 + bought - fees["BTC"]
            assert held.of("USD").free + held.of("USD").held == 100_000 - paid - fees["USD"]
        for order in v.orders.values():
            assert order.filled == sum(f.volume for f in order.fills) <= order.volume
            assert order.open == (order in v.open_orders(order.wish.account))
