"""The two sections of shared frames: what a producer serves, and which producers a bot follows.

The keys that freqtrade has mean here what they mean there, with the defaults of its documents.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Final

import msgspec

from millstream.durations import parse_duration
from millstream.errors import ConfigError
from millstream.settings import Section

MIB: Final = 1 << 20
MAX_LIMIT: Final = 1500  # rows of a frame that are asked for
_HOST: Final = re.compile(r"[A-Za-z0-9._:-]{1,253}")
_WELL_KNOWN_SECRETS: Final = frozenset(
    {"super-secret", "somethingrandom", "somethingRandomSomethingRandom123"}
)
SHORTEST_JWT_SECRET: Final = 32


class ApiServerSection(Section, frozen=True):
    """What a producer serves, and to whom: `api_server`."""

    enabled: bool = False
    listen_ip_address: str = "127.0.0.1"
    listen_port: int = 8080
    username: str = ""
    password: str = ""
    jwt_secret_key: str = ""  # at least 32 characters; "": nobody can log in for tokens
    ws_token: str | list[str] = ""  # full access to the websocket; "": only tokens of a login
    read_only_token: str | list[str] = ""  # the frames and the pairs, and nothing else
    CORS_origins: list[str] = msgspec.field(default_factory=list)  # pages: "https://desk.example"
    verbosity: str = "error"  # or "info": one line for each request, without its query
    enable_openapi: bool = False  # freqtrade's; there is none here
    message_size_limit: int = 16  # MiB of one message to us
    certificate_file: str = ""  # PEM; with key_file: the server speaks TLS
    key_file: str = ""
    allow_public: bool = False  # True: listen on a public address without TLS or a token

    def __post_init__(self) -> None:
        where = "api_server"
        _address(self.listen_ip_address, f"{where}.listen_ip_address")
        if self.listen_port != 0:
            _between(self.listen_port, 1024, 65535, f"{where}.listen_port", " (or 0: any free one)")
        if self.jwt_secret_key and len(self.jwt_secret_key) < SHORTEST_JWT_SECRET:
            raise ConfigError(
                f"{where}.jwt_secret_key: has {len(self.jwt_secret_key)} characters; it needs at "
                f"least {SHORTEST_JWT_SECRET}."
            )
        if self.verbosity not in ("error", "info"):
            raise ConfigError(f'{where}.verbosity: is "{self.verbosity}"; write "error" or "info".')
        _between(self.message_size_limit, 1, 64, f"{where}.message_size_limit")
        if bool(self.certificate_file) != bool(self.key_file):
            raise ConfigError(
                f"{where}: TLS needs both certificate_file and key_file; one of them is missing."
            )
        for key, tokens in (("ws_token", self.ws_token), ("read_only_token", self.read_only_token)):
            if isinstance(tokens, list) and "" in tokens:
                raise ConfigError(f"{where}.{key}: an empty text is no token.")
        shared = set(self.tokens) & set(self.read_only_tokens)
        if shared:
            raise ConfigError(f"{where}.read_only_token: it is a ws_token too; it must differ.")
        if self.enabled:
            self._check_exposure()

    def _check_exposure(self) -> None:
        if self.is_local or self.allow_public:
            return
        reason = ""
        if not self.certificate_file:
            reason = "without TLS everyone on the way can read its tokens"
        elif not (self.tokens or self.read_only_tokens or self.jwt_secret_key):
            reason = "without a token it is open to nobody or to everybody"
        elif self.jwt_secret_key in _WELL_KNOWN_SECRETS:
            reason = "its jwt_secret_key is one that everybody knows"
        if reason:
            raise ConfigError(
                f"api_server.listen_ip_address: {self.listen_ip_address} is not this machine "
                f"alone, and {reason}; listen on 127.0.0.1, or set certificate_file, key_file and "
                'ws_token, or say "allow_public": true.'
            )

    @property
    def is_local(self) -> bool:
        """Only this machine can reach it."""
        return ipaddress.ip_address(self.listen_ip_address).is_loopback

    @property
    def tokens(self) -> tuple[str, ...]:
        """Every token with full access."""
        return _tokens(self.ws_token)

    @property
    def read_only_tokens(self) -> tuple[str, ...]:
        """Every token for frames and pairs only."""
        return _tokens(self.read_only_token)

    def __repr__(self) -> str:
        return f"ApiServerSection({self.listen_ip_address}:{self.listen_port})"  # no secrets


class ProducerEntry(Section, frozen=True):
    """One producer to follow."""

    name: str
    host: str
    ws_token: str
    port: int = 8080
    secure: bool = False  # True: wss://
    certificate_file: str = ""  # PEM of who may have signed the producer's; "": the system's
    columns: list[str] = msgspec.field(default_factory=list)  # `date` always; []: all
    max_age: str = ""  # "15m": an older frame is no frame; "": it never gets too old
    fast: bool = True  # False: speak only freqtrade's wire, also with another Millstream

    def __post_init__(self) -> None:
        where = f'external_message_consumer.producers: "{self.name[:40]}"'
        if not self.name:
            raise ConfigError(
                'external_message_consumer.producers: a producer has no name; write "default".'
            )
        if not _HOST.fullmatch(self.host):
            raise ConfigError(
                f'{where}: host is "{self.host[:60]}"; write a name or an address, such as '
                "127.0.0.1, without ws:// and port."
            )
        _between(self.port, 1, 65535, f"{where}: port")
        if not self.ws_token:
            raise ConfigError(f"{where}: ws_token is empty; copy it from the producer's.")
        if self.max_age:
            try:
                parse_duration(self.max_age)
            except ConfigError as error:
                raise ConfigError(f"{where}: max_age: {error}") from None

    @property
    def max_age_ns(self) -> int:
        """How old a frame may get; 0: any age."""
        return parse_duration(self.max_age) if self.max_age else 0

    def __repr__(self) -> str:
        return f"ProducerEntry({self.name!r}, {self.host}:{self.port})"  # no secrets


class ConsumerSection(Section, frozen=True):
    """Which producers a bot follows: `external_message_consumer`."""

    enabled: bool = False
    producers: list[ProducerEntry] = msgspec.field(default_factory=list)
    wait_timeout: int = 300  # seconds without a message before we ask whether it is there
    ping_timeout: int = 10  # seconds to wait for that answer
    sleep_time: int = 10  # seconds between attempts to connect, at first and with jitter
    remove_entry_exit_signals: bool = False  # True: signals of producers are set to 0
    initial_candle_limit: int = MAX_LIMIT  # rows of each frame to ask for at first
    message_size_limit: int = 8  # MiB of one message

    def __post_init__(self) -> None:
        where = "external_message_consumer"
        for key in ("wait_timeout", "ping_timeout", "sleep_time"):
            _between(getattr(self, key), 0, 86_400, f"{where}.{key}", " seconds")
        _between(self.initial_candle_limit, 0, MAX_LIMIT, f"{where}.initial_candle_limit")
        _between(self.message_size_limit, 1, 20, f"{where}.message_size_limit", " MiB")
        if self.enabled and not self.producers:
            raise ConfigError(
                f"{where}.producers: there is none; name at least one producer to follow."
            )
        names = [producer.name for producer in self.producers]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigError(
                f"{where}.producers: more than one is named {', '.join(twice)}; "
                "give each a name of its own."
            )

    @property
    def message_bytes(self) -> int:
        """`message_size_limit` in bytes."""
        return self.message_size_limit * MIB


def _tokens(tokens: str | list[str]) -> tuple[str, ...]:
    return tuple(tokens) if isinstance(tokens, list) else ((tokens,) if tokens else ())


def _address(text: str, where: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise ConfigError(
            f'{where}: "{text[:60]}" is not an IP address; write 127.0.0.1 for this machine alone.'
        ) from None


def _between(value: Any, least: int, most: int, where: str, unit: str = "") -> None:
    if not least <= value <= most:
        raise ConfigError(f"{where}: is {value}; it must be between {least} and {most}{unit}.")
