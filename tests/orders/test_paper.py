from collections import defaultdict
from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.orders.sample import book, filled, order, ticker, trade

from millstream.model import (
    CurrencyPair,
    Liquidity,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
    Trade,
)
from millstream.orders import Happened, MemoryStore, PaperSettings, PaperVenue

H = Happened
ASKS = ((101.0, 1.0), (102.0, 2.0), (103.0, 5.0))
BIDS = ((99.0, 1.0), (98.0, 2.0), (97.0, 5.0))


def venue(**settings) -> PaperVenue:
    return PaperVenue(PaperSettings(**settings))


def placed(on, what, now_ns=10):
    """What a venue says at once about an order."""
    on.place(what, now_ns)
    return on.advance(now_ns)


def fills(reports):
    return [(str(r.fill.price), str(r.fill.volume)) for r in reports if r.fill is not None]


def said(reports):
    return [r.happened for r in reports]


# ---- taking -------------------------------------------------------------------------------------


def test_a_market_order_takes_level_by_level():
    on = venue()
    on.feed(book(5, BIDS, ASKS))
    reports = placed(on, order(price=None, volume="4"))
    assert fills(reports) == [("101.0", "1.0"), ("102.0", "2.0"), ("103.0", "1.0")]
    assert said(reports) == [H.ACCEPTED, H.FILLED, H.FILLED, H.FILLED]
    assert {r.fill.liquidity for r in reports if r.fill} == {Liquidity.TAKER}


def test_a_market_order_sells_into_the_bids():
    on = venue()
    on.feed(book(5, BIDS, ASKS))
    reports = placed(on, order(side=Side.SELL, price=None, volume="2"))
    assert fills(reports) == [("99.0", "1.0"), ("98.0", "1.0")]


def test_what_a_market_order_does_not_find_expires():
    on = venue()
    on.feed(book(5, BIDS, ASKS))
    reports = placed(on, order(price=None, volume="10"))
    assert said(reports)[-1] is H.EXPIRED
    assert sum(Decimal(volume) for _, volume in fills(reports)) == 8


def test_a_market_order_without_any_known_price_is_rejected():
    (only,) = placed(venue(), order(price=None))
    assert (only.happened, only.reason) == (H.REJECTED, "no price is known yet")


def test_the_tickers_best_volume_is_all_there_is_without_a_book():
    on = venue()
    on.feed(ticker(5, ask=101.0, ask_volume=0.7))
    reports = placed(on, order(price=None, volume="1"))
    assert fills(reports) == [("101.0", "0.7")]
    assert said(reports)[-1] is H.EXPIRED


def test_a_ticker_that_is_newer_than_the_book_counts():
    on = venue()
    on.feed(book(5, BIDS, ASKS))
    on.feed(ticker(6, ask=104.0, ask_volume=1.0))
    assert fills(placed(on, order(price=None, volume="2"))) == [("104.0", "1.0")]


def test_a_limit_order_takes_up_to_its_price_and_rests():
    on = venue()
    on.feed(book(5, BIDS, ASKS))
    reports = placed(on, order(price="102", volume="5"))
    assert said(reports) == [H.ACCEPTED, H.FILLED, H.FILLED]
    assert fills(reports) == [("101.0", "1.0"), ("102.0", "2.0")]
    assert fills(on.feed(trade(20, 101.5, 9.0))) == [("102", "2.0")]


def test_immediate_or_cancel_takes_what_is_there_and_expires():
    on = venue()
    on.feed(book(5, BIDS, ASKS))
    reports = placed(on, order(price="101", volume="5", tif=TimeInForce.IOC))
    assert said(reports) == [H.ACCEPTED, H.FILLED, H.EXPIRED]
    assert on.feed(trade(20, 90.0, 9.0)) == []


def test_fill_or_kill_takes_all_or_nothing():
    on = venue()
    on.feed(book(5, BIDS, ASKS))
    nothing = placed(on, order("a1", price="102", volume="3.1", tif=TimeInForce.FOK))
    assert said(nothing) == [H.ACCEPTED, H.EXPIRED]
    assert nothing[1].reason == "fill or kill: 3.0 of 3.1 could be filled"
    everything = placed(on, order("a2", price="102", volume="3", tif=TimeInForce.FOK))
    assert said(everything) == [H.ACCEPTED, H.FILLED, H.FILLED]


def test_post_only_is_rejected_when_it_would_take():
    on = venue()
    on.feed(book(5, BIDS, ASKS))
    (only,) = placed(on, order("a1", price="101", post_only=True))
    assert (only.happened, only.reason) == (H.REJECTED, "post-only order would take")
    assert said(placed(on, order("a2", price="100.99", post_only=True))) == [H.ACCEPTED]


def test_what_one_order_took_is_not_there_for_the_next_until_a_newer_book():
    on = venue()
    on.feed(book(5, BIDS, ASKS))
    assert fills(placed(on, order("a1", price=None, volume="0.4"))) == [("101.0", "0.4")]
    second = placed(on, order("a2", price=None, volume="1"))
    assert fills(second) == [("101.0", "0.6"), ("102.0", "0.4")]
    on.feed(ticker(11, ask=101.0, ask_volume=1.0))  # a ticker is no newer book
    assert fills(placed(on, order("a3", price="101"), 12)) == []
    on.feed(book(13, BIDS, ASKS))
    assert fills(placed(on, order("a4", price="101"), 14)) == [("101.0", "1.0")]


def test_one_pairs_market_is_not_anothers():
    on = venue()
    on.feed(book(5, BIDS, ASKS))
    (only,) = placed(on, order(price=None, symbol=CurrencyPair.ETH_USDT))
    assert only.happened is H.REJECTED


# ---- resting ------------------------------------------------------------------------------------


def test_a_trade_through_the_price_fills_up_to_its_volume():
    on = venue()
    on.feed(book(5, BIDS, ASKS))
    placed(on, order(price="99", volume="3"))
    (part,) = on.feed(trade(20, 98.9, 2.0))
    assert (str(part.fill.price), str(part.fill.volume)) == ("99", "2.0")
    assert part.fill.liquidity is Liquidity.MAKER
    assert fills(on.feed(trade(21, 98.9, 2.0))) == [("99", "1.0")]
    assert on.feed(trade(22, 98.9, 2.0)) == []


def test_at_its_price_the_queue_ahead_trades_first():
    on = venue()
    on.feed(book(5, BIDS, ASKS))
    placed(on, order(price="98", volume="1"))  # 2.0 are ahead
    assert on.feed(trade(20, 98.0, 1.5)) == []
    assert fills(on.feed(trade(21, 98.0, 0.75))) == [("98", "0.25")]
    assert fills(on.feed(trade(22, 98.0, 5.0))) == [("98", "0.75")]


def test_nobody_is_ahead_at_a_price_of_ones_own():
    on = venue()
    on.feed(book(5, BIDS, ASKS))
    placed(on, order(price="98.5", volume="1"))
    assert fills(on.feed(trade(20, 98.5, 0.25))) == [("98.5", "0.25")]


def test_a_trade_through_the_price_has_taken_the_queue_too():
    on = venue()
    on.feed(book(5, BIDS, ASKS))
    placed(on, order(price="98", volume="1"))
    on.feed(trade(20, 97.9, 0.1))
    assert fills(on.feed(trade(21, 98.0, 0.1))) == [("98", "0.1")]


def test_a_taker_of_the_same_side_does_not_reach_the_queue():
    on = venue()
    on.feed(book(5, BIDS, ASKS))
    placed(on, order(price="98.5", volume="1"))
    assert on.feed(trade(20, 98.5, 9.0, Side.BUY)) == []


def test_a_price_that_no_quote_reaches_waits_for_one_that_tells_the_queue():
    on = venue()
    on.feed(ticker(5))
    placed(on, order(price="90", volume="1"))
    assert on.feed(trade(20, 90.0, 9.0)) == []
    on.feed(ticker(21, bid=90.0, bid_volume=2.0))
    assert fills(on.feed(trade(22, 90.0, 2.5))) == [("90", "0.5")]


def test_own_orders_share_one_trade_by_price_and_then_time():
    on = venue()
    on.feed(ticker(5))
    for i, price in enumerate(("98.1", "98.2", "98.2", "98.3")):
        placed(on, order(f"a{i}", price=price, volume="1"), 10 + i)
    reports = on.feed(trade(20, 98.0, 2.5))
    assert [(r.order_id, str(r.fill.volume)) for r in reports] == [
        ("a3", "1"),
        ("a1", "1"),
        ("a2", "0.5"),
    ]


def test_own_orders_do_not_queue_twice_behind_the_same_strangers():
    on = venue()
    on.feed(book(5, BIDS, ASKS))
    for i in range(2):
        placed(on, order(f"a{i}", price="98", volume="1"), 10 + i)  # the same 2.0 ahead of both
    reports = on.feed(trade(20, 98.0, 3.5))
    assert [(r.order_id, str(r.fill.volume)) for r in reports] == [("a0", "1"), ("a1", "0.5")]


def test_a_canceled_order_fills_no_more():
    on = venue()
    on.feed(ticker(5))
    placed(on, order(price="98"))
    on.cancel("a1", 11)
    (only,) = on.advance(11)
    assert (only.happened, only.order_id) == (H.CANCELED, "a1")
    assert on.feed(trade(20, 97.0, 9.0)) == []
    on.cancel("a1", 21)
    assert on.advance(21) == []


def test_fees_are_in_quote_currency_and_exact():
    on = venue(maker_fee_bps=Decimal("1.5"), taker_fee_bps=Decimal(10))
    on.feed(book(5, BIDS, ASKS))
    taken = placed(on, order("a1", price=None, volume="0.3"))[1].fill
    assert (taken.fee, taken.fee_currency) == (Decimal("0.0303"), "USDT")
    placed(on, order("a2", price="98.5", volume="0.3"))
    made = on.feed(trade(20, 98.0, 1.0))[0].fill
    assert made.fee == Decimal("98.5") * Decimal("0.3") * Decimal("0.00015")


# ---- time ---------------------------------------------------------------------------------------


def test_a_request_takes_effect_after_the_latency_on_the_market_known_then():
    on = venue(latency_ns=100)
    on.feed(book(5, BIDS, ASKS))
    on.place(order(price=None), 10)
    assert on.advance(109) == []
    on.feed(book(100, BIDS, ((105.0, 9.0),)))
    reports = on.feed(book(200, BIDS, ((90.0, 9.0),)))  # shows that 110 has passed
    assert fills(reports) == [("105.0", "1")]
    assert reports[0].exchange_ns == 110


def test_a_trade_received_before_the_order_was_there_cannot_fill_it():
    on = venue(latency_ns=100)
    on.feed(ticker(5))
    on.place(order(price="98"), 10)
    on.advance(500)
    assert on.feed(trade(110, 90.0, 9.0)) == []  # came late through the queue
    assert len(on.feed(trade(111, 90.0, 9.0))) == 1


def test_a_cancel_takes_as_long_as_an_order_and_a_fill_may_come_first():
    on = venue(latency_ns=100)
    on.feed(ticker(5))
    on.place(order(price="98"), 10)
    on.cancel("a1", 20)
    assert said(on.feed(trade(115, 90.0, 0.25))) == [H.ACCEPTED, H.FILLED]
    assert said(on.feed(trade(121, 90.0, 9.0))) == [H.CANCELED]


def test_a_clock_that_is_set_back_lets_no_request_overtake_another():
    on = venue(latency_ns=100)
    on.feed(ticker(5))
    on.place(order(price="98"), 1000)
    on.cancel("a1", 10)
    assert on.advance(999) == []
    assert said(on.advance(1100)) == [H.ACCEPTED, H.CANCELED]


def test_orders_of_an_earlier_run_are_gone():
    (only,) = venue().recover([order(status=OrderStatus.WORKING)])
    assert (only.happened, only.reason) == (H.CANCELED, "paper venue restarted")


prices = st.integers(95, 105).map(float)
volumes = st.integers(1, 30).map(lambda tenths: tenths / 10)
sides = st.sampled_from(Side)
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("trade"), prices, volumes, sides),
        st.tuples(st.just("ticker"), prices, volumes, sides),
        st.tuples(st.just("book"), prices, volumes, sides),
        st.tuples(st.just("order"), prices, volumes, sides),
        st.tuples(st.just("market"), prices, volumes, sides),
        st.tuples(st.just("cancel"), prices, volumes, sides),
    ),
    max_size=60,
)


@given(happenings, st.integers(0, 5))
def test_nothing_is_filled_twice_from_nowhere_or_by_the_past(happened, latency_ns):
    """Fills stay within their order, within their trade, and after their order was there."""
    on = venue(latency_ns=latency_ns)
    orders, effective_ns, filled, trade_ids = {}, {}, defaultdict(Decimal), []
    taken = defaultdict(Decimal)  # of each level since the last book
    quoted = {}
    for now_ns, (kind, price, volume, side) in enumerate(happened, 1):
        reports = on.advance(now_ns)
        arrived = len(reports)
        event = None
        if kind == "trade":
            event = trade(now_ns, price, volume, side)
        elif kind == "ticker" and not quoted:
            event = ticker(now_ns, price - 1, volume, price + 1, volume)
        elif kind == "book":
            event = book(now_ns, ((price - 1, volume),), ((price + 1, volume), (price + 2, 1.0)))
        elif kind == "cancel":
            if orders:
                on.cancel(next(reversed(orders)), now_ns)
        else:
            market = kind == "market"
            one = order(f"o{now_ns}", side, str(volume), None if market else str(price))
            orders[one.order_id] = one
            effective_ns[one.order_id] = now_ns + latency_ns
            on.place(one, now_ns)
        if event is not None:
            reports += on.feed(event)
        made = Decimal(0)
        for i, report in enumerate(reports):
            if report.fill is None:
                continue
            one, fill = orders[report.order_id], report.fill
            filled[one.order_id] += fill.volume
            trade_ids.append(fill.trade_id)
            assert effective_ns[one.order_id] <= now_ns
            if one.price is not None:
                assert (one.price - fill.price) * one.side.sign >= 0
            if fill.liquidity is Liquidity.MAKER:
                assert i >= arrived
                assert isinstance(event, Trade)
                assert effective_ns[one.order_id] < event.received_ns
                assert (float(one.price) - event.price) * one.side.sign >= 0
                made += fill.volume
            elif quoted:
                level = (one.side, float(fill.price))
                taken[level] += fill.volume
                assert taken[level] <= Decimal(repr(quoted[level]))
        if event is not None and kind == "trade":
            assert made <= Decimal(repr(volume))
        if kind == "book":
            taken.clear()
            quoted = {(Side.SELL, level): v for level, v in event.bids}
            quoted |= {(Side.BUY, level): v for level, v in event.asks}
    assert all(volume <= orders[order_id].volume for order_id, volume in filled.items())
    assert len(trade_ids) == len(set(trade_ids))


# ---- amending a stop ----------------------------------------------------------------------------


def asleep(**changes):
    """A stop to sell, and the venue where it sleeps."""
    on, made = venue(), msgspec.structs.replace(order(side=Side.SELL), **changes)
    assert said(placed(on, made)) == [H.ACCEPTED]
    return on, made


def amended(on, made, price, volume):
    on.amend(made.order_id, price, volume, 20)
    return on.advance(20)


def test_a_sleeping_stop_is_amended_and_wakes_with_what_it_was_amended_to():
    on, made = asleep(type=OrderType.STOP_LIMIT, stop_price=Decimal(95))
    (report,) = amended(on, made, Decimal(94), Decimal("0.5"))
    assert (report.happened, report.price, report.volume) == (
        H.AMENDED,
        Decimal(94),
        Decimal("0.5"),
    )
    on.feed(book(25, [(94.5, 2.0)], [(96.0, 2.0)]))
    assert fills(on.feed(trade(30, 95.0, 1.0)) + on.advance(40)) == [("94.5", "0.5")]


def test_a_price_for_a_stop_without_one_is_refused_with_a_sentence():
    on, made = asleep(type=OrderType.STOP, price=None, stop_price=Decimal(95))
    (report,) = amended(on, made, Decimal(94), None)
    assert report.happened is H.NOTED
    assert report.reason.startswith("amend refused: it has a stop price alone")


# ---- reduce-only --------------------------------------------------------------------------------


def reducing(order_id, price="110", volume="1", robot="quoter", **more):
    one = order(order_id, Side.SELL, volume, price, robot=robot)
    return msgspec.structs.replace(one, reduce_only=True, **more)


def long_of(on, volume, robot="quoter"):
    on.feed(book(5, BIDS, ASKS))
    assert fills(placed(on, order(f"b{volume}", price="103", volume=volume, robot=robot), 6))


def test_a_reduce_only_order_shrinks_with_the_position():
    on = venue()
    long_of(on, "3")
    placed(on, reducing("a1", volume="3"))
    reports = placed(on, order("a2", Side.SELL, "2", None))
    assert said(reports) == [H.ACCEPTED, H.FILLED, H.FILLED, H.AMENDED]
    assert (reports[-1].order_id, reports[-1].volume) == ("a1", Decimal(1))
    assert fills(on.feed(trade(20, 111.0, 9.0, Side.BUY))) == [("110", "1.0")]


def test_a_reduce_only_order_is_canceled_when_the_position_is_gone():
    on = venue()
    long_of(on, "1")
    placed(on, reducing("a1"))
    placed(on, reducing("a2", price=None, type=OrderType.STOP, stop_price=Decimal(90)))
    reports = placed(on, order("a3", Side.SELL, "1", None))
    assert [(one.order_id, one.happened) for one in reports[-2:]] == [
        ("a1", H.CANCELED),
        ("a2", H.CANCELED),
    ]
    assert "no position is left" in reports[-1].reason
    assert on.feed(trade(20, 111.0, 9.0, Side.BUY)) == []


def test_one_trade_does_not_turn_the_position_by_two_reduce_only_orders():
    on = venue()
    long_of(on, "1")
    placed(on, reducing("a1"))
    placed(on, reducing("a2", price="109"))
    reports = on.feed(trade(20, 111.0, 9.0, Side.BUY))
    assert [(one.order_id, one.happened) for one in reports] == [
        ("a2", H.FILLED),
        ("a1", H.CANCELED),
    ]


def test_a_reduce_only_order_that_comes_too_late_is_refused_or_shrunk():
    on = venue()
    long_of(on, "1")
    assert said(placed(on, reducing("a1", volume="2", price="99"))) == [
        H.ACCEPTED,
        H.AMENDED,
        H.FILLED,
    ]
    assert said(placed(on, reducing("a2"))) == [H.REJECTED]


def test_a_reduce_only_order_is_held_against_its_own_robots_position_in_the_store():
    store = MemoryStore()
    store.insert([order("old", volume="2", robot="holder")])
    store.apply([filled("old", volume="2")], 2)
    on = PaperVenue(PaperSettings(), store)
    long_of(on, "1")  # another robot's
    assert said(placed(on, reducing("a1", volume="2", robot="holder"))) == [H.ACCEPTED]
    assert said(placed(on, reducing("a2", volume="2", robot="nobody"))) == [H.REJECTED]
