"""From a configuration to the order store, the limits, the venue and the kill switch.

For whoever runs the orders: a session, or a process that does nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import monotonic_ns
from typing import TYPE_CHECKING

from millstream.config import (
    Config,
    GatewaySection,
    LimitsSection,
    PaperSection,
    RiskSection,
    without_password,
)
from millstream.errors import ConfigError
from millstream.model import Event, Exchange
from millstream.orders.gateway import Venue
from millstream.orders.kill_http import KillServer
from millstream.orders.kill_switch import Heartbeat, KillSwitch
from millstream.orders.lines.keys import Keys
from millstream.orders.lines.venues import FACTS
from millstream.orders.paper import PaperSettings, PaperVenue
from millstream.orders.risk import RiskBook, RiskLimits
from millstream.orders.sqlite import SqliteStore
from millstream.orders.store import OrderRecord, OrderStore

if TYPE_CHECKING:
    from millstream.orders.lines.binance.line import BinanceLine
    from millstream.orders.lines.ccxt.line import CcxtLine
    from millstream.orders.lines.ib.line import IBLine
    from millstream.orders.mongo.commands import CommandBox
    from millstream.orders.mongo.mailbox import OrderMailbox

_IB_CLIENT_ID = 2  # the streams' is 1: TWS takes each but once

__all__ = [
    "exchange_of",
    "is_on_server",
    "open_command_box",
    "open_kill_switch",
    "open_mailbox",
    "open_store",
    "open_venue",
    "risk_book",
    "store_file",
]


ON_SERVER = "orders.mongodb"  # no file: beside it lie the files about a store on a server


def store_file(address: str, directory: Path) -> Path:
    """The file of the order store at an address; a relative one lies in the session's folder.

    A store on a server has none: then it is the name beside which files about it lie.
    """
    if is_on_server(address):
        return directory / ON_SERVER
    kind, _, place = address.partition(":")
    if kind != "sqlite" or not place:
        shown = without_password(address).rpartition("@")[2]  # without a scheme it is no URL
        raise ConfigError(
            f'order_store: "{shown}" is not "sqlite:FILE" or '
            '"mongodb://HOST:PORT/DATABASE?replicaSet=NAME"'
        )
    return directory / place


def is_on_server(address: str) -> bool:
    """True when an order store's address names a MongoDB replica set."""
    return address.startswith(("mongodb://", "mongodb+srv://"))


def open_store(address: str, directory: Path, keep_days: int = 90) -> OrderStore:
    """The order store at an address. Raises ConfigError or StoreError.

    keep_days: how long a server keeps each change; see `MongoStore`.
    """
    if not is_on_server(address):
        return SqliteStore(store_file(address, directory))
    try:  # imported here: who keeps orders in a file need not have the driver
        from millstream.orders.mongo.store import MongoStore
    except ImportError:
        raise ConfigError(
            "order_store: MongoDB needs a driver that is not installed; "
            "pip install 'millstream[mongo]'"
        ) from None
    return MongoStore(address, keep_days=keep_days)


def open_mailbox(config: Config, opened: ExitStack) -> OrderMailbox | None:
    """Where other programs put orders; None when the store is a file, which they cannot reach."""
    if not is_on_server(config.order_store):
        return None
    from millstream.orders.mongo.mailbox import OrderMailbox

    mailbox = OrderMailbox(config.order_store, config.gateway.oldest_intent_s)
    opened.callback(mailbox.close)
    return mailbox


def open_command_box(
    config: Config,
    opened: ExitStack,
    process: str = "robots",
    seats: Callable[[str], bool] | None = None,
    first: bool = True,
) -> CommandBox | None:
    """Where other programs put commands for robots; None when the store is a file.

    process, seats, first: of several robots processes; see `CommandBox`.
    """
    if not is_on_server(config.order_store):
        return None
    from millstream.orders.mongo.commands import CommandBox

    box = CommandBox(config.order_store, process, seats, first)
    opened.callback(box.close)
    return box


def risk_book(section: RiskSection) -> RiskBook:
    """The limits in front of every order."""
    by_robot = {name: _limits(limits) for name, limits in section.robots.items()}
    return RiskBook(_limits(section), by_robot, _limits(section.account))


def open_venue(
    config: Config,
    record: OrderRecord,
    tell: Callable[[Sequence[Event]], object],
    opened: ExitStack,
) -> Venue:
    """Where orders go.

    tell: given what the venue says beside the life of orders. opened: closes what is opened here.
    Raises ConfigError, LoginRefused or StreamError when the venue cannot be reached.
    """
    section = config.gateway
    if section.kind == "paper":
        return _paper_venue(config.paper, record)
    from millstream.orders.live import LiveSettings, LiveVenue

    exchange = exchange_of(section)
    line = _ib_line(config) if exchange is Exchange.IB else _line(section, exchange)
    opened.callback(line.close)
    line.open()
    if section.cancel_all_after_s and not FACTS[exchange].dead_man:
        raise ConfigError(
            f"gateway.cancel_all_after_s: {exchange} has no timer that cancels orders; leave it out"
        )
    settings = LiveSettings(
        exchange,
        section.reconcile_s * 10**9,
        section.compare_balances,
        section.cancel_all_after_s,
    )
    return LiveVenue(settings, line, record, tell, monotonic_ns)


def _line(section: GatewaySection, exchange: Exchange) -> CcxtLine | BinanceLine:
    """The way to the venue. Raises ConfigError."""
    keys = Keys(section.api_key, section.api_secret, section.api_auth_data)
    timeout_s = float(section.timeout_s)
    if section.client == "own":
        from millstream.orders.lines.binance.line import BinanceLine

        return BinanceLine(
            exchange, keys, url=section.url, sandbox=section.sandbox, timeout_s=timeout_s
        )
    try:
        # Imported here: the library knows a hundred venues, and takes a second to say so.
        from millstream.orders.lines.ccxt.line import CcxtLine
    except ImportError:
        raise ConfigError(
            "gateway: orders go to a venue by ccxt, which is not installed: pip install "
            '"millstream[live]"; for Binance spot "client": "own" does without it'
        ) from None
    return CcxtLine(
        exchange,
        keys,
        url=section.url,
        sandbox=section.sandbox,
        timeout_s=timeout_s,
        paced=section.kind == "live",
    )


def _ib_line(config: Config) -> IBLine:
    """The way to TWS, with the contracts that its streams name. Raises ConfigError."""
    section = config.gateway
    try:
        from millstream.orders.lines.ib.line import IBLine
    except ImportError:
        raise ConfigError(
            "gateway: orders go to Interactive Brokers by ib_async, which is not installed: "
            'pip install "millstream[ib]"'
        ) from None
    from millstream.exchange.ib.trading import TradedContracts, tws_address

    host, port = tws_address(section.url, sandbox=section.sandbox)
    try:
        client_id = int(section.api_auth_data or _IB_CLIENT_ID)
    except ValueError:
        raise ConfigError(
            "gateway.api_auth_data: Interactive Brokers takes its client id there, a whole number "
            "like 2, and another than the streams'"
        ) from None
    streams = (one for one in config.streams if Exchange.parse(one.exchange) is Exchange.IB)
    named = [one.subscribe_args.get("contracts", {}) for one in streams]
    return IBLine(
        host,
        port,
        client_id,
        TradedContracts(named),
        account=section.api_key,
        timeout_s=float(section.timeout_s),
    )


def open_kill_switch(
    config: Config, directory: Path, heartbeat: Heartbeat, opened: ExitStack
) -> KillSwitch:
    """The kill switch beside the order store; listens by HTTP if a port is configured."""
    section = config.kill
    files = [directory / section.file] if section.file else []
    store = store_file(config.order_store, directory)
    if is_on_server(config.order_store):
        store.touch()  # `millstream kill` knows by it whose folder this is
    switch = KillSwitch(store, files, heartbeat)
    if section.port:
        opened.callback(KillServer(switch, section.port, section.token).close)
    return switch


def _paper_venue(section: PaperSection, record: OrderRecord) -> PaperVenue:
    """The venue that fills orders against the market events."""
    return PaperVenue(
        PaperSettings(
            maker_fee_bps=section.maker_fee_bps,
            taker_fee_bps=section.taker_fee_bps,
            latency_ns=section.latency_ms * 1_000_000,
        ),
        record,
    )


def exchange_of(section: GatewaySection) -> Exchange:
    """The venue of a gateway that is no paper. Raises ConfigError or UnknownName."""
    if not section.exchange:
        raise ConfigError(f'gateway.exchange: a gateway of the kind "{section.kind}" needs one')
    exchange = Exchange.parse(section.exchange)
    if exchange is Exchange.IB:  # TWS is logged in: no keys, no address but its own
        return exchange
    if not section.api_key or not section.api_secret:
        raise ConfigError(
            "gateway.api_key and gateway.api_secret are needed to send orders; set them, or "
            "MILLSTREAM__GATEWAY__API_KEY and MILLSTREAM__GATEWAY__API_SECRET"
        )
    if section.kind == "simulator" and not section.url:
        raise ConfigError('gateway.url: a simulator needs one, like "http://127.0.0.1:9000"')
    return exchange


def _limits(section: LimitsSection) -> RiskLimits:
    return RiskLimits(**{name: getattr(section, name) for name in RiskLimits.__struct_fields__})
