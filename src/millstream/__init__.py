"""Trading robots on live streams, that you can replay."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # as in typing, which takes longer to import than all of this page
if TYPE_CHECKING:
    from typing import Any

    from millstream.errors import MillstreamError
    from millstream.exchange import decoder, get_exchange_stream
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

# Everything is imported when it is first named: the command line begins at once, and nobody gets
# sockets and threads who has not asked for them. What is not here is in millstream.model.
_ELSEWHERE = {
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
    "MillstreamError": "millstream.errors",
}


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    if name in ("errors", "model"):
        return import_module(f"millstream.{name}")
    if name in __all__:
        return getattr(import_module(_ELSEWHERE.get(name, "millstream.model")), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
