"""Orders, reports and market events of one pair, made short."""

from decimal import Decimal

from millstream.model import (
    Book,
    CurrencyPair,
    Exchange,
    Liquidity,
    MyOrder,
    OrderStatus,
    OrderType,
    Output,
    PlaceOrder,
    Side,
    Ticker,
    TimeInForce,
    Trade,
)
from millstream.orders import Fill, Happened, OrderReport

BTC = CurrencyPair.BTC_USDT
VENUE = Exchange.BINANCE


def order(
    order_id="a1",
    side=Side.BUY,
    volume="1",
    price: str | None = "100",
    status=OrderStatus.INTENT,
    robot="quoter",
    tif=TimeInForce.GTC,
    post_only=False,
    symbol=BTC,
) -> MyOrder:
    return MyOrder(
        received_ns=1,
        exchange=VENUE,
        symbol=symbol,
        robot=robot,
        order_id=order_id,
        venue_id="",
        side=side,
        type=OrderType.MARKET if price is None else OrderType.LIMIT,
        time_in_force=tif,
        post_only=post_only,
        price=None if price is None else Decimal(price),
        volume=Decimal(volume),
        status=status,
        filled_volume=Decimal(0),
        average_price=None,
        reason="",
        revision=0,
    )


def fill(trade_id="t1", price="100", volume="0.4") -> Fill:
    return Fill(
        trade_id, Decimal(price), Decimal(volume), Decimal("0.01"), "USDT", Liquidity.MAKER, 7
    )


def filled(order_id="a1", trade_id="t1", price="100", volume="0.4", venue_id="") -> OrderReport:
    return OrderReport(order_id, Happened.FILLED, venue_id, fill(trade_id, price, volume))


def report(order_id="a1", happened=Happened.SENT, **more) -> OrderReport:
    return OrderReport(order_id, happened, **more)


def wish(
    order_id="a1",
    side=Side.BUY,
    volume="1",
    price: str | None = "100",
    robot="quoter",
    cause=1,
    symbol=BTC,
) -> Output:
    body = PlaceOrder(
        VENUE,
        symbol,
        side,
        OrderType.MARKET if price is None else OrderType.LIMIT,
        Decimal(volume),
        None if price is None else Decimal(price),
        order_id=order_id,
    )
    return Output(cause, robot, body)


def ticker(ns, bid=99.0, bid_volume=1.0, ask=101.0, ask_volume=1.0, symbol=BTC) -> Ticker:
    return Ticker(ns, VENUE, symbol, 0, bid, bid_volume, ask, ask_volume)


def trade(ns, price, volume, side=Side.SELL, symbol=BTC) -> Trade:
    return Trade(ns, VENUE, symbol, 0, price, volume, side, str(ns))


def book(ns, bids=(), asks=(), symbol=BTC) -> Book:
    return Book(ns, VENUE, symbol, 0, tuple(bids), tuple(asks), ns)
