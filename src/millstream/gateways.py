"""From a configuration to the order store, the limits, the venue and the kill switch.

For whoever runs the orders: a session, or a process that does nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from millstream.config import Config, GatewaySection, LimitsSection, PaperSection, RiskSection
from millstream.errors import ConfigError
from millstream.model import Event, Exchange
from millstream.orders.gateway import Venue
from millstream.orders.kill_http import KillServer
from millstream.orders.kill_switch import Heartbeat, KillSwitch
from millstream.orders.paper import PaperSettings, PaperVenue
from millstream.orders.risk import RiskBook, RiskLimits
from millstream.orders.sqlite import SqliteStore
from millstream.orders.store import OrderRecord, OrderStore

__all__ = ["open_kill_switch", "open_store", "open_venue", "risk_book", "store_file"]


def store_file(address: str, directory: Path) -> Path:
    """The file of the order store at an address; a relative one lies in the session's folder."""
    kind, _, place = address.partition(":")
    if kind != "sqlite" or not place:
        raise ConfigError(f'order_store: "{address}" is not "sqlite:FILE"')
    return directory / place


def open_store(address: str, directory: Path) -> OrderStore:
    """The order store at an address. Raises StoreError."""
    return SqliteStore(store_file(address, directory))


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
        return _paper_venue(config.paper)
    # Imported here: the library knows a hundred venues, and takes a second to say so.
    from millstream.orders.ccxt_line import CcxtLine, Keys
    from millstream.orders.live import LiveSettings, LiveVenue

    exchange = _exchange(section)
    line = CcxtLine(
        exchange,
        Keys(section.api_key, section.api_secret, section.api_auth_data),
        url=section.url,
        sandbox=section.sandbox,
        timeout_s=section.timeout_s,
        paced=section.kind == "live",
    )
    opened.callback(line.close)
    line.open()
    settings = LiveSettings(exchange, section.reconcile_s * 10**9, section.compare_balances)
    return LiveVenue(settings, line, record, tell)


def open_kill_switch(
    config: Config, directory: Path, heartbeat: Heartbeat, opened: ExitStack
) -> KillSwitch:
    """The kill switch beside the order store; listens by HTTP if a port is configured."""
    section = config.kill
    files = [directory / section.file] if section.file else []
    switch = KillSwitch(store_file(config.order_store, directory), files, heartbeat)
    if section.port:
        opened.callback(KillServer(switch, section.port, section.token).close)
    return switch


def _paper_venue(section: PaperSection) -> PaperVenue:
    """The venue that fills orders against the market events."""
    return PaperVenue(
        PaperSettings(
            maker_fee_bps=section.maker_fee_bps,
            taker_fee_bps=section.taker_fee_bps,
            latency_ns=section.latency_ms * 1_000_000,
        )
    )


def _exchange(section: GatewaySection) -> Exchange:
    if not section.exchange:
        raise ConfigError(f'gateway.exchange: a gateway of the kind "{section.kind}" needs one')
    if not section.api_key or not section.api_secret:
        raise ConfigError(
            "gateway.api_key and gateway.api_secret are needed to send orders; set them, or "
            "MILLSTREAM__GATEWAY__API_KEY and MILLSTREAM__GATEWAY__API_SECRET"
        )
    if section.kind == "simulator" and not section.url:
        raise ConfigError('gateway.url: a simulator needs one, like "http://127.0.0.1:9000"')
    return Exchange.parse(section.exchange)


def _limits(section: LimitsSection) -> RiskLimits:
    return RiskLimits(**{name: getattr(section, name) for name in RiskLimits.__struct_fields__})
