"""The tables of the order store's file, and an order or a fill as their rows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, Protocol, TypeAlias

import msgspec

from millstream.model import CurrencyPair, Exchange, MyOrder, MyTrade
from millstream.model.codec import encode
from millstream.orders.store import Change, SavedRobot

__all__ = [
    "OPEN",
    "ORDERS",
    "ROBOTS",
    "SAVED_ROBOTS",
    "SCHEMA",
    "TRADES",
    "Row",
    "change_row",
    "order_row",
    "position_of_all",
    "robot_row",
    "saved_robot",
    "text",
    "trade_row",
    "update_row",
]

Row: TypeAlias = tuple[Any, ...]
SCHEMA: Final = """
CREATE TABLE changes (
    revision INTEGER PRIMARY KEY, kind TEXT, order_id TEXT, robot TEXT,
    body BLOB  -- the MyOrder or MyTrade, encoded
);
CREATE TABLE orders (
    order_id TEXT PRIMARY KEY, robot TEXT, exchange TEXT, symbol TEXT, side TEXT, type TEXT,
    time_in_force TEXT, post_only INTEGER, price TEXT, volume TEXT, status TEXT,
    filled_volume TEXT, average_price TEXT, venue_id TEXT, reason TEXT, received_ns INTEGER,
    revision INTEGER,  -- of the latest change
    inserted INTEGER,  -- the revision of the first
    stop_price TEXT, reduce_only INTEGER, cancel_wished INTEGER
) WITHOUT ROWID;
CREATE TABLE trades (
    revision INTEGER PRIMARY KEY, robot TEXT, order_id TEXT, exchange TEXT, symbol TEXT,
    side TEXT, price TEXT, volume TEXT, fee TEXT, fee_currency TEXT, liquidity TEXT,
    exchange_ns INTEGER, received_ns INTEGER, trade_id TEXT,
    UNIQUE (exchange, symbol, trade_id, side)
);
CREATE TABLE positions (
    robot TEXT, exchange TEXT, symbol TEXT, volume TEXT,
    PRIMARY KEY (robot, exchange, symbol)
) WITHOUT ROWID;
"""
ROBOTS: Final = """
CREATE TABLE IF NOT EXISTS robots (
    number INTEGER PRIMARY KEY, name TEXT UNIQUE, robot TEXT,
    markets TEXT, parameters TEXT,  -- JSON
    standing TEXT, who TEXT, why TEXT, saved_ns INTEGER, process TEXT
)"""
SAVED_ROBOTS: Final = "SELECT * FROM robots ORDER BY number"
ORDERS: Final = "SELECT body FROM orders JOIN changes USING (revision)"
OPEN: Final = """
WHERE status IN ('intent', 'sent', 'working', 'partial', 'unknown') ORDER BY inserted"""
TRADES: Final = "SELECT body FROM trades JOIN changes USING (revision)"
_POSITIONS: Final = "SELECT volume FROM positions WHERE exchange = ? AND symbol = ?"


class _Connection(Protocol):
    def execute(self, sql: str, args: Row) -> Any: ...


def position_of_all(connection: _Connection, exchange: Exchange, symbol: CurrencyPair) -> Decimal:
    """What the fills of all robots in a pair add up to, in base currency."""
    rows = connection.execute(_POSITIONS, (str(exchange), str(symbol)))
    return sum((Decimal(volume) for (volume,) in rows), Decimal(0))


def order_row(order: MyOrder) -> Row:
    """A row of `orders` for a new order."""
    return (
        order.order_id,
        order.robot,
        str(order.exchange),
        str(order.symbol),
        str(order.side),
        str(order.type),
        str(order.time_in_force),
        order.post_only,
        text(order.price),
        text(order.volume),
        str(order.status),
        text(order.filled_volume),
        text(order.average_price),
        order.venue_id,
        order.reason,
        order.received_ns,
        order.revision,
        order.revision,
        text(order.stop_price),
        order.reduce_only,
        order.cancel_wished,
    )


def update_row(order: MyOrder) -> Row:
    """What `UPDATE orders` sets, then the id."""
    return (
        str(order.status),
        text(order.filled_volume),
        text(order.average_price),
        order.venue_id,
        order.reason,
        order.received_ns,
        order.revision,
        text(order.price),
        text(order.volume),
        order.cancel_wished,
        order.order_id,
    )


def trade_row(trade: MyTrade) -> Row:
    """A row of `trades`."""
    return (
        trade.revision,
        trade.robot,
        trade.order_id,
        str(trade.exchange),
        str(trade.symbol),
        str(trade.side),
        text(trade.price),
        text(trade.volume),
        text(trade.fee),
        trade.fee_currency,
        str(trade.liquidity),
        trade.exchange_ns,
        trade.received_ns,
        trade.trade_id,
    )


def change_row(change: Change) -> Row:
    """A row of `changes`: the event as it travels."""
    kind = "order" if isinstance(change, MyOrder) else "trade"
    return (change.revision, kind, change.order_id, change.robot, encode(change))


def text(number: Decimal | None) -> str | None:
    """A number as a person writes it: never 1E-7."""
    return None if number is None else format(number, "f")


def robot_row(robot: SavedRobot) -> Row:
    """A row of `robots`."""
    return (
        robot.name, robot.robot,
        msgspec.json.encode(robot.markets).decode(), msgspec.json.encode(robot.parameters).decode(),
        robot.standing, robot.who, robot.why, robot.saved_ns, robot.process,
    )  # fmt: skip


def saved_robot(row: Row) -> SavedRobot:
    """The set-up in a row of `robots`; a file of before processes were kept has a column less."""
    _, name, robot, markets, parameters, standing, who, why, saved_ns, *process = row
    return SavedRobot(
        name=name,
        robot=robot,
        markets=tuple(msgspec.json.decode(markets)),
        parameters=msgspec.json.decode(parameters),
        standing=standing,
        who=who,
        why=why,
        saved_ns=saved_ns,
        process=(process[0] if process else "") or "",
    )
