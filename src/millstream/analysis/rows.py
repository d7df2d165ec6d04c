"""Events and actions as rows of `tables.py`."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from enum import Enum, IntEnum
from functools import lru_cache
from typing import Any, Final

import msgspec

from millstream.analysis.tables import Row
from millstream.journal.divergence import kind_of
from millstream.model import (
    AnyEvent,
    Book,
    CandleHistory,
    CurrencyPair,
    Exchange,
    LogLine,
    Output,
    PlaceOrder,
    RobotFailed,
    Ticker,
    Trade,
)
from millstream.model.actions import Checkpoint

__all__ = ["action_row", "event_row", "is_decision", "json_of", "log_row", "plain"]

_EXCHANGES: Final = {exchange: str(exchange) for exchange in Exchange}
_SIDES: Final = {1: "buy", 2: "sell"}
_NO_DECISION: Final = (LogLine, Checkpoint)
# Fields that have columns of their own in `events`.
_IN_COLUMNS: Final = frozenset(
    {"received_ns", "exchange", "symbol", "robot", "order_id", "exchange_ns", "pair"}
)


def plain(value: Any) -> Any:
    """A message or a state as JSON can hold it, in words: names of enums, exact decimals.

    Bytes are told by their length: frames are not for reading.
    """
    if value is None or type(value) in (str, int, float, bool):
        return value
    if isinstance(value, Decimal):
        return format(value, "f") if value.is_finite() else str(value)
    if isinstance(value, CurrencyPair):
        return str(value)
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, dict):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((plain(item) for item in value), key=str)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"{len(value)} bytes"
    if isinstance(value, Enum):
        return str(value) if isinstance(value, IntEnum) else plain(value.value)
    return plain(msgspec.to_builtins(value))


def json_of(value: Any) -> str:
    """JSON text of a value."""
    return msgspec.json.encode(plain(value)).decode()


def event_row(run_id: str, sequence: int, event: AnyEvent) -> Row:
    """A row of `events`."""
    made = _HOT.get(type(event))
    return made(run_id, sequence, event) if made is not None else _other(run_id, sequence, event)


@lru_cache(maxsize=65_536)
def _symbol(pair: CurrencyPair) -> str:
    return str(pair)


def _ticker(run_id: str, sequence: int, event: Ticker) -> Row:
    return (
        run_id, sequence, event.received_ns, "ticker", _EXCHANGES[event.exchange],
        _symbol(event.symbol), None, None, event.exchange_ns or None,
        event.bid_price, event.bid_volume, event.ask_price, event.ask_volume,
        None, None, None, None,
    )  # fmt: skip


def _trade(run_id: str, sequence: int, event: Trade) -> Row:
    return (
        run_id, sequence, event.received_ns, "trade", _EXCHANGES[event.exchange],
        _symbol(event.symbol), None, None, event.exchange_ns or None,
        None, None, None, None,
        event.price, event.volume, _SIDES[event.side], None,
    )  # fmt: skip


def _book(run_id: str, sequence: int, event: Book) -> Row:
    bid, bid_volume = event.bids[0] if event.bids else (None, None)
    ask, ask_volume = event.asks[0] if event.asks else (None, None)
    return (
        run_id, sequence, event.received_ns, "book", _EXCHANGES[event.exchange],
        _symbol(event.symbol), None, None, event.exchange_ns or None,
        bid, bid_volume, ask, ask_volume,
        None, None, None, None,
    )  # fmt: skip


_HOT: Final[dict[type, Callable[[str, int, Any], Row]]] = {
    Ticker: _ticker,
    Trade: _trade,
    Book: _book,
}


def _other(run_id: str, sequence: int, event: AnyEvent) -> Row:
    exchange = getattr(event, "exchange", None)
    symbol = getattr(event, "symbol", None)
    price = getattr(event, "price", None)
    if price is None:
        price = getattr(event, "close", None)
    volume = getattr(event, "volume", None)
    if isinstance(event, CandleHistory):
        price = volume = None
    side = getattr(event, "side", None)
    return (
        run_id, sequence, event.received_ns, kind_of(event),
        None if exchange is None else str(exchange),
        str(symbol) if symbol is not None else getattr(event, "pair", None) or None,
        getattr(event, "robot", None) or None,
        getattr(event, "order_id", None) or None,
        getattr(event, "exchange_ns", 0) or None,
        None, None, None, None,
        _real(price), _real(volume), None if side is None else str(side), _body(event),
    )  # fmt: skip


def _body(event: AnyEvent) -> str:
    if isinstance(event, CandleHistory):
        ends = event.open_ns[:1] + event.open_ns[-1:]
        return json_of(
            {"interval": event.interval, "candles": len(event.open_ns), "first_and_last_ns": ends}
        )
    fields = (name for name in event.__struct_fields__ if name not in _IN_COLUMNS)
    return json_of({name: getattr(event, name) for name in fields})


def _real(number: Decimal | float | None) -> float | None:
    return None if number is None else float(number)


def is_decision(output: Output) -> bool:
    """Whether an answer does something: neither a log line nor a checkpoint."""
    return not isinstance(output.body, _NO_DECISION)


def action_row(run_id: str, number: int, received_ns: int, output: Output) -> Row:
    """A row of `actions`. number: among the answers to the same event."""
    body = output.body
    order = body if isinstance(body, PlaceOrder) else None
    return (
        run_id, output.cause, number, received_ns, output.robot, kind_of(body),
        getattr(body, "order_id", None),
        str(order.exchange) if order else None,
        str(order.symbol) if order else None,
        str(order.side) if order else None,
        _real(order.price) if order else None,
        _real(order.volume) if order else None,
        json_of(body),
    )  # fmt: skip


def log_row(run_id: str, number: int, received_ns: int, output: Output) -> Row | None:
    """A row of `log`; None when the answer is not a log line."""
    body = output.body
    if isinstance(body, LogLine):
        level, text = body.level, body.text
    elif isinstance(body, RobotFailed):
        level, text = "error", body.error
    else:
        return None
    return (run_id, output.cause, number, received_ns, output.robot, level, text)
