"""`millstream orders`: what the order store says, while it is written by another process."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

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
TITLES = (
    "time", "order", "robot", "market", "pair", "side", "type", "price", "volume", "filled",
    "status", "reason",
)  # fmt: skip
LEFT_OUT = (  # the first that makes the table narrow enough
    {"pair"}, {"pair", "type"}, {"market", "type"}, {"market", "type", "time"},
    {"market", "type", "time", "reason"}, {"market", "type", "time", "reason", "filled"},
    {"market", "type", "time", "reason", "filled", "robot"},
    {"market", "type", "time", "reason", "filled", "robot", "volume", "pair"},
    {"market", "type", "time", "reason", "filled", "robot", "volume", "pair", "price"},
)  # fmt: skip
GAP = 2  # between columns
LEAST_REASON = 20  # letters; longer ones go on in the next line


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
    inner = sorted(folder.glob(f"*/{STORE}"))
    if len(inner) == 1:
        return SqliteFollower(inner[0])
    if inner:
        raise StoreError(
            f"{place} holds {len(inner)} sessions: name one of them, like {inner[-1].parent}"
        )
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
    rows = [_row(order) for order in found]
    console = Console(width=None if sys.stdout.isatty() else 240)
    console.print(_table(rows, console.width), highlight=False, markup=False)
    click.echo(f"{len(rows)} orders")


def _row(order: MyOrder) -> dict[str, str]:
    price = order.price if order.price is not None else order.stop_price
    wished = " (cancel wished)" if order.cancel_wished and is_open(order) else ""
    return {
        "order": order.order_id,
        "robot": order.robot,
        "market": f"{order.exchange}@{order.symbol}",
        "pair": str(order.symbol),
        "side": str(order.side),
        "type": str(order.type),
        "price": "" if price is None else _plain(price),
        "volume": _plain(order.volume),
        "filled": _plain(order.filled_volume),
        "status": f"{order.status}{wished}",
        "time": _time(order.received_ns),
        "reason": order.reason,
    }


def _table(rows: list[dict[str, str]], width: int) -> Table:
    """As many columns as there is room for: an id that was cut could not be given to `why`."""
    needed = {title: max([len(title), *(len(row[title]) for row in rows)]) for title in TITLES}
    needed["reason"] = min(needed["reason"], LEAST_REASON)
    for left_out in LEFT_OUT:
        shown = [title for title in TITLES if title not in left_out]
        fits = sum(needed[title] + GAP for title in shown) - GAP <= width
        if fits:
            break
    table = Table(box=None, pad_edge=False, padding=(0, GAP if fits else 1, 0, 0))
    for title in shown:
        table.add_column(
            title, justify="right" if title in ("price", "volume", "filled") else "left",
            no_wrap=title != "reason",
            min_width=needed[title] if title in ("order", "status") else None,
        )  # fmt: skip
    for row in rows:
        table.add_row(*(Text(row[title]) for title in shown))
    return table


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


def _time(ns: int) -> str:
    return f"{datetime.fromtimestamp(ns / 1e9, UTC):%H:%M:%S.%f}"[:-3]
