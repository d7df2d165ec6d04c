"""The configuration: JSON that may hold // comments, typed, read once.

Secrets may come from the environment instead: `MILLSTREAM__STREAMS__0__API_KEY` sets the
key at `streams[0].api_key`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from millstream.errors import ConfigError
from millstream.frames.settings import ApiServerSection, ConsumerSection
from millstream.settings import (
    ENVIRONMENT_PREFIX,
    Section,
    StreamSection,
    explain,
    parse_values,
    read_text,
    without_comments,
)

__all__ = [
    "ENVIRONMENT_PREFIX",
    "BusSection",
    "Config",
    "GatewaySection",
    "JournalSection",
    "KillSection",
    "LimitsSection",
    "PaperSection",
    "RiskSection",
    "RobotSection",
    "Section",
    "StreamSection",
    "explain",
    "load_config",
    "parse_config",
    "without_comments",
    "without_password",
    "without_secrets",
]

SECRET_KEYS = frozenset(
    {
        "api_key",
        "api_secret",
        "api_auth_data",
        "ws_token",
        "password",
        "jwt_secret_key",
        "read_only_token",
        "token",
        "username",
    }
)

# Of MongoDB's addresses: a key file's password, a cloud's session token.
_SECRET_OPTION = re.compile(
    r"([?&](?:tlsCertificateKeyFilePassword|authMechanismProperties)=)[^&\s]*", re.IGNORECASE
)

NotNegative = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(gt=0)]


class RobotSection(Section, frozen=True):
    """One robot."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    robot: str  # "package.module:Class"
    markets: Annotated[list[str], Meta(min_length=1)]  # ["binance@btc/usdt"]
    parameters: dict[str, Any] = msgspec.field(default_factory=dict)  # the robot's own
    process: str = ""  # which robots process it is in, where parts run apart
    unguarded: bool = False  # True: seat it though its source asks for the time, chance or files


class LimitsSection(Section, frozen=True):
    """Limits of one robot, or of the account. Left out: no limit."""

    max_orders_per_second: Positive | None = None
    max_open_orders: Positive | None = None
    max_order_notional: Decimal | None = None  # in quote currency
    max_position_notional: Decimal | None = None  # in quote currency, per pair
    max_position_volume: Decimal | None = None  # in base currency, per pair
    max_drawdown: Decimal | None = None  # in quote currency; beyond it only ways out
    price_collar_bps: Decimal | None = None  # how far beyond the market a price may take


class RiskSection(LimitsSection, frozen=True):
    """Limits in front of the gateway, for each robot. Left out: no limit."""

    max_orders_per_second: Positive | None = 20
    max_open_orders: Positive | None = 20
    robots: dict[str, LimitsSection] = msgspec.field(
        default_factory=dict
    )  # by name, instead of the above
    account: LimitsSection = LimitsSection()  # of all robots together


class GatewaySection(Section, frozen=True):
    """Where orders go: nowhere ("paper"), to a simulated exchange, or to a real one ("live")."""

    kind: Literal["paper", "simulator", "live"] = "paper"
    exchange: str = ""  # "binance"; of simulator and live
    client: Literal["ccxt", "own"] = "ccxt"  # "own": Binance spot without ccxt
    api_key: str = ""
    api_secret: str = ""
    api_auth_data: str = ""  # the passphrase, where a venue has one; client id of ib
    url: str = ""  # of REST or TWS, like "http://127.0.0.1:9000"; "": the venue's own
    sandbox: bool = False  # the venue's own test system
    timeout_s: Positive = 10
    reconcile_s: Positive = 60  # how often the account is compared with the store
    oldest_intent_s: Positive = 10  # an older wish is not sent any more
    compare_balances: bool = True  # the account against the sum of the robots
    cancel_all_after_s: NotNegative = 0  # of our silence the venue cancels all after; 0: never

    def __repr__(self) -> str:
        return f"GatewaySection(kind={self.kind!r}, exchange={self.exchange!r}, ...)"


class KillSection(Section, frozen=True):
    """The kill switch, beside `millstream kill` and SIGUSR1 which always work."""

    port: NotNegative = 0  # of HTTP on 127.0.0.1; 0: none
    token: str = ""  # what HTTP wants to see
    file: str = ""  # trading halts as soon as it exists; relative to the session's folder
    heartbeat_s: NotNegative = 30  # robots that hang for longer halt trading; 0: never

    def __repr__(self) -> str:
        return f"KillSection(port={self.port}, file={self.file!r}, heartbeat_s={self.heartbeat_s})"


class PaperSection(Section, frozen=True):
    """The paper gateway's fees and delay."""

    maker_fee_bps: Decimal = Decimal(10)
    taker_fee_bps: Decimal = Decimal(10)
    latency_ms: NotNegative = 20


class JournalSection(Section, frozen=True):
    """Where and how a session is remembered."""

    directory: str = "journal"
    segment_mib: Positive = 64
    compress: bool = True


class BusSection(Section, frozen=True):
    """Where the parts meet: inproc:// in one process, ipc:// or tcp://127.0.0.1:PORT across.

    "{process}" in `robo` and `control` stands for the robots' `process`.
    """

    robo: str = "inproc://robo"  # everything a robot hears of
    own: str = "inproc://own"  # their own orders and commands: heard before everything else
    market: str = "inproc://market"  # market events for the gateway
    wishes: str = "inproc://wishes"  # the robots' wishes for orders
    control: str = "inproc://control"  # commands to robots
    answers: str = "inproc://answers"  # of the robots to who commands them
    frames: str = "inproc://frames"  # frames that robots publish
    changes: str = "inproc://changes"  # where parts hear that the order store has changed
    keys: str = ""  # a folder that `millstream keys` made; "": tcp:// is of this machine only


class Config(Section, frozen=True):
    """A whole session."""

    robots: Annotated[list[RobotSection], Meta(min_length=1)]
    streams: Annotated[list[StreamSection], Meta(min_length=1)]
    seed: int = 1  # of the robots' own random numbers
    order_store: str = "sqlite:orders.sqlite"
    order_changes_days: NotNegative = 90  # how long MongoDB keeps each change; 0: for ever
    bus: BusSection = BusSection()
    risk: RiskSection = RiskSection()
    gateway: GatewaySection = GatewaySection()
    kill: KillSection = KillSection()
    paper: PaperSection = PaperSection()
    journal: JournalSection = JournalSection()
    api_server: ApiServerSection = ApiServerSection()  # serves our robots' frames
    external_message_consumer: ConsumerSection = ConsumerSection()  # follows other bots' frames


def load_config(path: Path, environment: Mapping[str, str] = os.environ) -> Config:
    """The configuration in a file; raises ConfigError: one sentence with the path of the key."""
    return parse_config(read_text(path), str(path), environment)


def parse_config(text: str, where: str, environment: Mapping[str, str]) -> Config:
    """The configuration in a text; `where` names it in errors."""
    values = parse_values(text, where, environment)
    try:
        return msgspec.convert(values, Config, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {explain(error)}") from None
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None


def without_secrets(config: Config) -> dict[str, Any]:
    """The configuration as plain values with every secret left out, fit for a journal."""

    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: clean(part) for key, part in value.items() if key not in SECRET_KEYS}
        if isinstance(value, list):
            return [clean(part) for part in value]
        return without_password(value) if isinstance(value, str) else value

    plain: dict[str, Any] = clean(msgspec.to_builtins(config))
    return plain


def without_password(text: str) -> str:
    """A text in which no URL has a user, a password or a driver's secret option any more."""
    return _SECRET_OPTION.sub(r"\1", re.sub(r"://\S*@", "://", text))
