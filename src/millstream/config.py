"""The configuration: JSON that may hold // comments, typed, read once.

Secrets may come from the environment instead: `MILLSTREAM__STREAMS__0__API_KEY` sets the
key at `streams[0].api_key`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from millstream.errors import ConfigError, did_you_mean

ENVIRONMENT_PREFIX = "MILLSTREAM__"
SECRET_KEYS = frozenset(
    {"api_key", "api_secret", "api_auth_data", "ws_token", "password", "jwt_secret_key"}
)

NotNegative = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(gt=0)]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the configuration; a key it does not have is an error."""


class StreamSection(Section, frozen=True):
    """One exchange's streams."""

    exchange: str  # "binance"
    currency_pairs: list[str]  # ["btc/usdt"]
    subscribe_channels: list[str]  # ["ticker", "trade", "book", "candle"]
    api_key: str = ""
    api_secret: str = ""
    api_host: str = ""  # instead of the venue's own: "ws://127.0.0.1:9443"
    reconnect_times: int = -1  # in a row; -1: for ever, 0: never
    subscribe_args: dict[str, str | int] = {}  # the venue's own, see docs/exchanges


class RobotSection(Section, frozen=True):
    """One robot."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    robot: str  # "package.module:Class"
    markets: Annotated[list[str], Meta(min_length=1)]  # ["binance@btc/usdt"]
    parameters: dict[str, Any] = {}  # the robot's own
    unguarded: bool = False  # True: seat it though its source asks for the time, chance or files


class RiskSection(Section, frozen=True):
    """Limits in front of the gateway, for each robot. Left out: no limit."""

    max_orders_per_second: Positive | None = 20
    max_open_orders: Positive | None = 20
    max_order_notional: Decimal | None = None  # in quote currency
    max_position_notional: Decimal | None = None  # in quote currency


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
    """Where the parts meet: inproc:// in one process, ipc:// or tcp://127.0.0.1:PORT across."""

    robo: str = "inproc://robo"  # everything a robot hears of
    market: str = "inproc://market"  # market events for the gateway
    wishes: str = "inproc://wishes"  # the robots' wishes for orders
    control: str = "inproc://control"  # commands to robots


class Config(Section, frozen=True):
    """A whole session."""

    robots: Annotated[list[RobotSection], Meta(min_length=1)]
    streams: Annotated[list[StreamSection], Meta(min_length=1)]
    seed: int = 1  # of the robots' own random numbers
    order_store: str = "sqlite:orders.sqlite"
    bus: BusSection = BusSection()
    risk: RiskSection = RiskSection()
    paper: PaperSection = PaperSection()
    journal: JournalSection = JournalSection()


def load_config(path: Path, environment: Mapping[str, str] = os.environ) -> Config:
    """The configuration in a file; raises ConfigError: one sentence with the path of the key."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    return parse_config(text, str(path), environment)


def parse_config(text: str, where: str, environment: Mapping[str, str]) -> Config:
    """The configuration in a text; `where` names it in errors."""
    try:
        values = msgspec.json.decode(without_comments(text))
    except msgspec.DecodeError as error:
        raise ConfigError(f"{where}: {_json_error(error, text)}") from None
    for key, value in environment.items():
        if key.startswith(ENVIRONMENT_PREFIX):
            _set_in(values, key, value)
    try:
        return msgspec.convert(values, Config, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {explain(error)}") from None


def without_comments(text: str) -> str:
    """JSON with // comments and trailing commas blanked out; every position stays where it was."""
    pieces: list[str] = []
    for token in re.finditer(r'"(?:\\.|[^"\\])*"|//[^\n]*|.', text, re.DOTALL):
        piece = token[0]
        pieces.append(" " * len(piece) if piece.startswith("//") else piece)
    bare = "".join(pieces)
    trailing = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])')
    return trailing.sub(lambda match: match[1] or " ", bare)


def without_secrets(config: Config) -> dict[str, Any]:
    """The configuration as plain values with every secret left out, fit for a journal."""

    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: clean(part) for key, part in value.items() if key not in SECRET_KEYS}
        if isinstance(value, list):
            return [clean(part) for part in value]
        return value

    plain: dict[str, Any] = clean(msgspec.to_builtins(config))
    return plain


def explain(error: msgspec.ValidationError) -> str:
    """What msgspec says, as one sentence: key path first, and the name that was meant."""
    text, _, path = str(error).partition(" - at `")
    path = path.rstrip("`").removeprefix("$").lstrip(".") or "the top level"
    unknown = re.search(r"unknown field `([^`]*)`", text)
    if unknown:
        known = sorted(set(_all_keys()) - {unknown[1]})
        return f'{path}: there is no key "{unknown[1]}".{did_you_mean(unknown[1], known)}'
    missing = re.search(r"missing required field `([^`]*)`", text)
    if missing:
        return f'{path}: the key "{missing[1]}" is missing'
    return f"{path}: {text[0].lower()}{text[1:]}"


def _all_keys() -> Iterator[str]:
    """Every key anywhere in the configuration: what an unknown one may have meant."""
    for section in Section.__subclasses__():
        yield from section.__struct_fields__


def _json_error(error: msgspec.DecodeError, text: str) -> str:
    position = re.search(r"\(byte (\d+)\)", str(error))
    if position is None:
        return f"is not JSON: {error}"
    before = text.encode()[: int(position[1])].decode(errors="replace")
    line = before.count("\n") + 1
    column = len(before) - before.rfind("\n")
    reason = str(error)[: position.start()].removeprefix("JSON is malformed: ").strip()
    return f"line {line}, column {column}: is not JSON: {reason}"


def _set_in(values: Any, variable: str, value: str) -> None:
    """Set the key that an environment variable names."""
    *path, last = variable.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
    place = values
    for step in path:
        place = _step(place, step, variable)
    if isinstance(place, list):
        if not last.isdecimal() or int(last) >= len(place):
            raise ConfigError(f"{variable}: the configuration has no item {last} there")
        place[int(last)] = value
    elif isinstance(place, dict):
        place[last] = value
    else:
        raise ConfigError(f"{variable}: there is nothing below that key")


def _step(place: Any, step: str, variable: str) -> Any:
    if isinstance(place, dict):
        return place.setdefault(step, {})
    if isinstance(place, list) and step.isdecimal() and int(step) < len(place):
        return place[int(step)]
    raise ConfigError(f'{variable}: the configuration has no "{step}" there')
