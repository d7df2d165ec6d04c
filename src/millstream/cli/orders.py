"""`millstream orders`: what the order store says, while it is written by another process."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.table import Table

from millstream.analysis.folders import journals_in
from millstream.analysis.stores import STORE_HELP, store_address, with_password
from millstream.errors import ConfigError, JournalError, StoreError
from millstream.journal import Journal
from millstream.model import MyOrder, MyTrade
from millstream.orders.machine import is_open
from millstream.orders.sqlite_follow import SqliteFollower
from millstream.orders.store import Change, OrderRecord, watch
from millstream.session.gateways import is_on_server, store_file

STORE = "orders.sqlite"


@click.command()
@click.argument("place", metavar="DIR_OR_STORE")
@click.option("--robot", help="Only this robot's orders.")
@click.option("--open", "open_only", is_flag=True, help="Only orders that may still fill.")
@click.option("--follow", is_flag=True, help="Go on with every change, until Ctrl-C.")
@click.option("--store", "given", default="", help=STORE_HELP)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def orders(
    place: str, robot: str | None, open_only: bool, follow: bool, given: str, as_json: bool
) -> int:
    """Show the orders of the session DIR, or of an order store: a file, or mongodb://…

    They are read from the store itself, also while a session writes it.
    """
    store = _opened(place, given)
    try:
        seen = store.revision
        found = store.orders(robot, open_only)
        if as_json:
            for order in found:
                click.echo(_json(order))
        else:
            _print(found)
        if follow:
            _follow(store, seen, robot, open_only, as_json)
    except KeyboardInterrupt:
        pass
    finally:
        store.close()
    return 0


def _opened(place: str, given: str) -> OrderRecord:
    """The store that is meant, to be read. Raises StoreError or ConfigError."""
    if given or "://" in place:
        return _at(given or with_password(place, os.environ), Path(place))
    folder = Path(place)
    if not folder.is_dir():
        return SqliteFollower(folder)
    if (folder / STORE).exists():
        return SqliteFollower(folder / STORE)
    try:
        (journal, *_) = journals_in([folder])
        address = store_address(Journal.open(journal).manifest)
    except JournalError:
        address = ""
    if is_on_server(address) or (address and store_file(address, folder).exists()):
        return _at(address, folder)
    raise StoreError(f"{place}: there is no {STORE} in it; name the order store's file or address")


def _at(address: str, folder: Path) -> OrderRecord:
    if not is_on_server(address):
        return SqliteFollower(store_file(address, folder))
    try:
        from millstream.orders.mongo.follow import MongoFollower
    except ImportError:
        raise ConfigError(
            "these orders are on MongoDB, whose driver is not installed: "
            "pip install 'millstream[mongo]'"
        ) from None
    store = MongoFollower(address)
    try:
        store.require()
    except BaseException:
        store.close()
        raise
    return store


def _follow(
    store: OrderRecord, after: int, robot: str | None, open_only: bool, as_json: bool
) -> None:
    for change in watch(store, after, robot, lambda: False):
        if open_only and isinstance(change, MyOrder) and not is_open(change):
            continue
        click.echo(_json(change) if as_json else _line(change))
        sys.stdout.flush()


def _json(change: Change) -> str:
    plain = msgspec.to_builtins(change, builtin_types=(int,), str_keys=True)
    names = type(change).__struct_fields__
    values = dict(zip(names, plain[1:] if isinstance(plain, list) else plain, strict=True))
    for name in ("exchange", "side", "type", "time_in_force", "status", "liquidity", "symbol"):
        if name in values:
            values[name] = str(getattr(change, name))
    return msgspec.json.encode(values).decode()


def _line(change: Change) -> str:
    where = f"{change.revision:>7}  {_time(change.received_ns)}  {change.robot}  {change.order_id}"
    if isinstance(change, MyTrade):
        return f"{where}  fill {change.side} {change.volume:f} at {change.price:f} {change.symbol}"
    reason = f"  ({change.reason})" if change.reason else ""
    filled = f"{change.filled_volume:f} of {change.volume:f} {change.symbol}"
    return f"{where}  {change.status}  {filled}{reason}"


def _print(found: Iterable[MyOrder]) -> None:
    table = Table(box=None, pad_edge=False)
    for title in ("time", "robot", "order", "market", "side", "type"):
        table.add_column(title, no_wrap=True)
    for title in ("price", "volume", "filled"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("status", no_wrap=True)
    table.add_column("reason")
    for order in found:
        price = order.price if order.price is not None else order.stop_price
        wished = " (cancel wished)" if order.cancel_wished and is_open(order) else ""
        table.add_row(
            _time(order.received_ns), order.robot, order.order_id,
            f"{order.exchange}@{order.symbol}", str(order.side), str(order.type),
            "" if price is None else f"{price:f}", f"{order.volume:f}",
            f"{order.filled_volume:f}", f"{order.status}{wished}", order.reason,
        )  # fmt: skip
    Console(width=None if sys.stdout.isatty() else 240).print(table)
    click.echo(f"{table.row_count} orders")


def _time(ns: int) -> str:
    return f"{datetime.fromtimestamp(ns / 1e9, UTC):%H:%M:%S.%f}"[:-3]
