"""The services of a file, typed: "service.<name>" with its class and its setting. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from millstream.errors import ConfigError, UnknownName, did_you_mean
from millstream.model import Channel, CurrencyPair, Exchange
from millstream.settings import (
    ENVIRONMENT_PREFIX,
    Section,
    StreamSection,
    check_address,
    explain,
    parse_values,
)

PREFIX = "service."
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class ApiSection(Section, frozen=True):
    """An account on an exchange."""

    exchange: str
    api_key: str = ""
    api_secret: str = ""
    api_auth_data: Any = None  # what the exchange wants besides: a passphrase
    url: str = ""  # of REST, like "http://127.0.0.1:9000"; "": the venue's own
    sandbox: bool = False  # the venue's own test system

    def __repr__(self) -> str:
        return f"ApiSection({self.exchange!r})"  # its secrets are shown nowhere


class SubscriberSection(Section, frozen=True):
    """Events that another process publishes."""

    exchange: str
    channel: str
    symbols: list[str] = msgspec.field(default_factory=list)  # ["btc/usdt"]; none: all


class Setting(Section, frozen=True):
    """A service's `setting`, without the keys of its own."""

    apis: list[ApiSection] = msgspec.field(default_factory=list)
    streams: list[StreamSection] = msgspec.field(default_factory=list)
    ipc_subscribers: list[SubscriberSection] = msgspec.field(default_factory=list)
    ipc_publisher: bool | list[str] = False  # channels of its streams to publish; true: all
    ipc_command_publisher: str = ""  # the name under which it sends commands
    ipc_command_subscribers: list[str] = msgspec.field(default_factory=list)  # whose it serves
    on_error: Literal["continue", "restart", "stop"] = "continue"


class ServiceSection(Section, frozen=True):
    """One service."""

    class_name: Annotated[str, Meta(min_length=1)]
    setting: dict[str, Any] = msgspec.field(default_factory=dict)

    def __repr__(self) -> str:
        return f"ServiceSection({self.class_name!r})"  # secrets of the setting are shown nowhere


class Services(msgspec.Struct, frozen=True):
    """The services of one file, by their names; they share one process."""

    services: dict[str, ServiceSection]
    modules: list[str]  # where plain class names are looked up
    ipc_root: str  # the folder where processes meet; "": the user's own


TOP_KEYS = ("modules", "ipc_root")


def is_services(values: object) -> bool:
    """True for a file of services, False for one of robots."""
    return isinstance(values, dict) and any(str(key).startswith(PREFIX) for key in values)


def parse_services(text: str, where: str, environment: Mapping[str, str]) -> Services:
    """The services in a text; raises ConfigError: one sentence with the path of the key."""
    return read_services(parse_values(text, where, environment), where)


def read_services(values: Any, where: str) -> Services:
    """The services in a file's plain values."""
    if not isinstance(values, dict):
        raise ConfigError(f'{where}: expected an object with keys like "service.mm_demo"')
    services: dict[str, ServiceSection] = {}
    for key, value in values.items():
        if key in TOP_KEYS:
            continue
        name = key.removeprefix(PREFIX)
        if name == key:
            near = did_you_mean(key, TOP_KEYS) or f' Write "{PREFIX}{key}" for a service.'
            raise ConfigError(f'{where}: the top level: there is no key "{key}".{near}')
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f'{where}: "{key}": a service\'s name has letters, digits, _ and -, at most 64'
            )
        services[name] = _convert(value, ServiceSection, f"{where}: {key}")
    if not services:
        raise ConfigError(f'{where}: there is no service in it: a key like "service.mm_demo"')
    modules = _convert(values.get("modules", []), list[str], f"{where}: modules")
    root = _convert(values.get("ipc_root", ""), str, f"{where}: ipc_root")
    return Services(services, modules, root)


def read_setting(
    values: Mapping[str, Any], own: type[msgspec.Struct] | None, where: str
) -> tuple[Setting, Any]:
    """(What every service may have, this one's own keys as its `Settings`).

    own: the service's `Settings` struct; None: it has no keys of its own.
    """
    if "ws_apis" in values:
        raise ConfigError(
            f"{where}.ws_apis: there are no orders by websocket; self.<exchange>_api sends them "
            "by REST"
        )
    known = Setting.__struct_fields__
    if own is not None and not (isinstance(own, type) and issubclass(own, msgspec.Struct)):
        raise ConfigError(f"{where}: Settings of a service has to be a msgspec.Struct class")
    own_fields = own.__struct_encode_fields__ if own is not None else ()
    if shadowed := sorted(set(known) & set(own_fields)):
        raise ConfigError(
            f'{where}: the service\'s Settings cannot have the key "{shadowed[0]}": it is taken'
        )
    for key in values:
        if key not in known and key not in own_fields:
            near = did_you_mean(key, (*known, *own_fields))
            declare = near or " Keys of a service's own are declared by its Settings struct."
            raise ConfigError(f'{where}: there is no key "{key}".{declare}')
    shared = {key: value for key, value in values.items() if key in known}
    setting: Setting = _convert(shared, Setting, where)
    check_setting(setting, where)
    if own is None:
        return setting, None
    rest = {key: value for key, value in values.items() if key in own_fields}
    return setting, _convert(rest, own, where)


def check_setting(setting: Setting, where: str) -> None:
    """Raise ConfigError for what types cannot say: unknown names, missing credentials."""
    keyed: dict[Exchange, tuple[int, bool]] = {}
    for number, api in enumerate(setting.apis):
        exchange = _named(Exchange.parse, api.exchange, f"{where}.apis[{number}].exchange")
        if exchange in keyed:
            raise ConfigError(f"{where}.apis[{number}]: {exchange} is there twice")
        keyed[exchange] = number, bool(api.api_key)
    carried: set[Channel] = set()
    for number, stream in enumerate(setting.streams):
        here = f"{where}.streams[{number}]"
        exchange = _named(Exchange.parse, stream.exchange, f"{here}.exchange")
        _check_stream(stream, here)
        for at, pair in enumerate(stream.currency_pairs):
            _named(CurrencyPair.parse, pair, f"{here}.currency_pairs[{at}]")
        for at, name in enumerate(stream.subscribe_channels):
            channel = _named(Channel.parse, name, f"{here}.subscribe_channels[{at}]")
            carried.add(channel)
            if not channel.private or stream.api_key or exchange is Exchange.IB:
                continue
            if exchange not in keyed:
                raise ConfigError(
                    f'{here}.subscribe_channels[{at}]: "{channel}" is private; '
                    f'add {{"exchange": "{exchange}", "api_key": …, "api_secret": …}} to apis'
                )
            api_number, has_key = keyed[exchange]
            if not has_key:
                raise ConfigError(
                    f'{where}.apis[{api_number}].api_key: is empty; "{channel}" is private and '
                    f"needs it, here or in the environment as {_variable(where)}"
                    f"APIS__{api_number}__API_KEY"
                )
    _check_once(setting.streams, where)
    for number, subscriber in enumerate(setting.ipc_subscribers):
        here = f"{where}.ipc_subscribers[{number}]"
        _named(Exchange.parse, subscriber.exchange, f"{here}.exchange")
        _named(Channel.parse, subscriber.channel, f"{here}.channel")
        for at, pair in enumerate(subscriber.symbols):
            _named(CurrencyPair.parse, pair, f"{here}.symbols[{at}]")
    if setting.ipc_publisher and not setting.streams:
        raise ConfigError(f"{where}.ipc_publisher: there are no streams to publish")
    if isinstance(setting.ipc_publisher, list):
        for at, name in enumerate(setting.ipc_publisher):
            channel = _named(Channel.parse, name, f"{where}.ipc_publisher[{at}]")
            if channel not in carried:
                raise ConfigError(
                    f'{where}.ipc_publisher[{at}]: no stream of this service has "{channel}"'
                )
    if setting.ipc_command_subscribers and not setting.ipc_command_publisher:
        raise ConfigError(
            f"{where}.ipc_command_subscribers: commands are addressed to a name: "
            "give it in ipc_command_publisher"
        )


def _variable(where: str) -> str:
    """How the environment names what is in a service's setting."""
    name = where.rpartition(": ")[2].removesuffix(".setting")
    return f"{ENVIRONMENT_PREFIX}{re.sub('[.-]', '_', name).upper()}__SETTING__"


def _check_stream(stream: StreamSection, where: str) -> None:
    """Raise ConfigError for a stream that could bring nothing."""
    for key in ("currency_pairs", "subscribe_channels"):
        if not getattr(stream, key):
            raise ConfigError(f"{where}.{key}: is empty; name at least one")
    if stream.api_host:
        check_address(f"{where}.api_host", stream.api_host, ("ws", "wss", "tws"))


def _check_once(streams: Sequence[StreamSection], where: str) -> None:
    """Raise ConfigError when two streams would bring the same events."""
    seen: dict[str, int] = {}
    for number, stream in enumerate(streams):
        for name in stream.subscribe_channels:
            for pair in stream.currency_pairs:
                what = f"{Exchange.parse(stream.exchange)} {Channel.parse(name)}"
                what = f"{what} {CurrencyPair.parse(pair)}"
                first = seen.setdefault(f"{what} {stream.subscribe_args}", number)
                if first != number:
                    raise ConfigError(
                        f"{where}.streams[{number}]: {what} is in streams[{first}] already"
                    )


def _named(parse: Any, text: str, where: str) -> Any:
    try:
        return parse(text)
    except UnknownName as error:
        raise ConfigError(f"{where}: {error}") from None


def _convert(values: Any, kind: Any, where: str) -> Any:
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        sentence = explain(error)
        path, _, what = sentence.partition(": ")
        if path == "the top level":
            raise ConfigError(f"{where}: {what}") from None
        joint = "" if path.startswith("[") else "."
        raise ConfigError(f"{where}{joint}{path}: {what}") from None
