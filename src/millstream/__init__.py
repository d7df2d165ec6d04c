"""Trading robots on live streams, that you can replay."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from millstream.errors import MillstreamError
from millstream.model import (
    Action,
    AmendOrder,
    Book,
    CancelAll,
    CancelOrder,
    Candle,
    Channel,
    Connected,
    Control,
    CurrencyPair,
    Disconnected,
    Event,
    Exchange,
    Gap,
    Liquidity,
    MyOrder,
    MyOrderBatch,
    MyTrade,
    OrderStatus,
    OrderType,
    PlaceOrder,
    Refused,
    Resynced,
    Side,
    Stale,
    Ticker,
    TimeInForce,
    Timer,
    Trade,
)

if TYPE_CHECKING:
    from millstream.exchange import decoder, get_exchange_stream
    from millstream.robot import CandleBuilder, Market, Robot, round_down, round_up
    from millstream.service import ServiceBase, every
    from millstream.stream.base import StreamBase

__version__ = "0.1.0"

__all__ = [
    "Action",
    "AmendOrder",
    "Book",
    "CancelAll",
    "CancelOrder",
    "Candle",
    "CandleBuilder",
    "Channel",
    "Connected",
    "Control",
    "CurrencyPair",
    "Disconnected",
    "Event",
    "Exchange",
    "Gap",
    "Liquidity",
    "Market",
    "MillstreamError",
    "MyOrder",
    "MyOrderBatch",
    "MyTrade",
    "OrderStatus",
    "OrderType",
    "PlaceOrder",
    "Refused",
    "Resynced",
    "Robot",
    "ServiceBase",
    "Side",
    "Stale",
    "StreamBase",
    "Ticker",
    "TimeInForce",
    "Timer",
    "Trade",
    "decoder",
    "every",
    "get_exchange_stream",
    "round_down",
    "round_up",
]

# These bring sockets and threads with them, so they are imported when they are first named.
_LATER = {
    "CandleBuilder": "millstream.robot",
    "Market": "millstream.robot",
    "Robot": "millstream.robot",
    "round_down": "millstream.robot",
    "round_up": "millstream.robot",
    "ServiceBase": "millstream.service",
    "StreamBase": "millstream.stream.base",
    "decoder": "millstream.exchange",
    "every": "millstream.service",
    "get_exchange_stream": "millstream.exchange",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
