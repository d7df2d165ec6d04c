"""The fields of our frames, read by ib_async's own decoder: both must read the same."""

from decimal import Decimal

import pytest
from tests.exchange.ib import frames

from millstream.exchange.ib import wire
from millstream.exchange.ib.decode import IBDecoder
from millstream.model import Channel, CurrencyPair, Liquidity

ib_async = pytest.importorskip("ib_async")
EUR_USD = CurrencyPair.parse("eur/usd")


class Listener:
    """A wrapper that notes every call."""

    TimezoneTWS = None

    def __init__(self):
        from datetime import UTC

        self.calls, self.ib, self.defaultTimezone = [], self, UTC

    def __getattr__(self, name):
        return lambda *arguments: self.calls.append((name, *arguments))


def peer(*raws):
    from ib_async.decoder import Decoder

    listener = Listener()
    decoder = Decoder(listener, 178)
    for raw in raws:
        decoder.interpret(raw.decode().split("\0")[:-1])
    assert len(listener.calls) >= len(raws)
    return listener.calls


def ours(channel, *raws, pair=EUR_USD, **more):
    decoder = IBDecoder([pair], [channel], **more)
    return [event for raw in raws for event in decoder.feed(raw, 1)]


def test_ticks():
    request = wire.request_id(Channel.TICKER, 0)
    raws = frames.price(request, 1, "1.0912", "5"), frames.price(request, 2, "1.0913", "6")
    raws = *raws, frames.size(request, 3, "8")
    bid, ask, size = peer(*raws)
    assert bid[:3] == ("priceSizeTick", request, 1)
    last = ours(Channel.TICKER, *raws)[-1]
    assert (last.bid_price, last.bid_volume, last.ask_price) == (bid[3], bid[4], ask[3])
    assert size[0] == "tickSize"
    assert last.ask_volume == size[3]


def test_trades():
    stock = {"contracts": {"aapl/usd": {"sec_type": "STK"}}}
    raw = frames.trade(wire.request_id(Channel.TRADE, 0), 1795190290, "180.1", "100")
    ((name, _, _, second, price, size, *_),) = peer(raw)
    (trade,) = ours(Channel.TRADE, raw, pair=CurrencyPair.parse("aapl/usd"), **stock)
    assert name == "tickByTickAllLast"
    assert (trade.exchange_ns, trade.price, trade.volume) == (second * 10**9, price, size)


def test_depth_with_and_without_market_makers():
    request = wire.request_id(Channel.BOOK, 0)
    raws = (
        frames.row(request, 0, 0, 1, "1.1", "5"),
        frames.row_l2(request, 0, "A", 0, 0, "1.2", "6"),
    )
    bid, ask = peer(*raws)
    assert bid == ("updateMktDepth", request, 0, 0, 1, 1.1, 5.0)
    assert ask == ("updateMktDepthL2", request, 0, "A", 0, 0, 1.2, 6.0, True)
    book = ours(Channel.BOOK, *raws)[-1]
    assert (book.bids, book.asks) == (((1.1, 5.0),), ((1.2, 6.0),))


def test_bars():
    request, bar = wire.request_id(Channel.CANDLE, 0), (1795190280, 1, 3, 0.5, 2, 9, 1.5, 7)
    update = frames.bar_update(request, 8, 1795190280, 1, 2.5, 3, 0.5, 1.5, 11)
    _, said = peer(frames.bars(request, bar))[0][1:]
    _, changed = peer(update)[0][1:]
    events = ours(Channel.CANDLE, frames.bars(request, bar), update)
    for candle, one in zip(events, (said, changed), strict=True):
        assert candle.open_ns == int(one.date) * 10**9
        got = [candle.open, candle.high, candle.low, candle.close, candle.volume, candle.trades]
        assert got == [one.open, one.high, one.low, one.close, one.volume, one.barCount]


def test_fills_and_their_fees():
    fill = frames.execution("0000e0d5.5a.01.01", 9, reference="a1b2c3", liquidity=1)
    fee = frames.commission("0000e0d5.5a.01.01", "2.05")
    (_, _, contract, said), (_, report) = peer(fill, fee)
    (trade,) = ours(Channel.MY_TRADE, fill, fee)
    assert str(trade.symbol) == f"{contract.symbol}/{contract.currency}"
    assert (trade.trade_id, trade.order_id) == (said.execId, said.orderRef)
    assert (trade.price, trade.volume) == (Decimal(str(said.price)), Decimal(str(said.shares)))
    assert trade.exchange_ns == int(said.time.timestamp()) * 10**9
    assert (said.side, said.lastLiquidity, trade.liquidity) == ("BOT", 1, Liquidity.MAKER)
    assert (trade.fee, trade.fee_currency) == (Decimal(str(report.commission)), report.currency)


def test_the_state_and_errors_of_an_order():
    status = frames.status(3, 1774, "Submitted", "5000", "15000", "1.09115", "locate")
    ((name, order_id, state, filled, remaining, average, perm_id, *rest),) = peer(status)
    assert (name, order_id, state, remaining, perm_id) == (
        "orderStatus", 3, "Submitted", 15000.0, 1774
    )  # fmt: skip
    (first, last) = ours(Channel.MY_ORDER, frames.open_order(3, 1774), status)
    assert (float(last.filled_volume), float(last.average_price)) == (filled, average)
    assert (last.venue_id, last.reason, first.reason) == (str(perm_id), rest[3], "")
    assert peer(frames.error(3, 201, "margin")) == [("error", 3, 201, "margin", "")]


def test_an_open_order():
    raw = frames.open_order(3, 1774, reference="a1b2c3", tif="IOC")
    ((name, order_id, contract, order, _),) = peer(raw)
    (ours_,) = ours(Channel.MY_ORDER, raw)
    assert (name, order_id) == ("openOrder", 3)
    assert str(ours_.symbol) == f"{contract.symbol}/{contract.currency}"
    assert (ours_.venue_id, ours_.order_id) == (str(order.permId), order.orderRef)
    assert (float(ours_.volume), float(ours_.price)) == (order.totalQuantity, order.lmtPrice)
    assert (str(ours_.side), str(ours_.time_in_force)) == (order.action.lower(), order.tif.lower())
