"""What configuration files share: JSON that may hold // comments, typed, errors with a key path.

Secrets may come from the environment instead: `MILLSTREAM__STREAMS__0__API_KEY` sets the
key at `streams[0].api_key`. What a variable's name cannot have is written as _:
`MILLSTREAM__SERVICE_MM__SETTING__…` is in `"service.mm"`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from millstream.errors import ConfigError, did_you_mean

ENVIRONMENT_PREFIX = "MILLSTREAM__"


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the configuration; a key it does not have is an error."""


class StreamSection(Section, frozen=True):
    """One exchange's streams."""

    exchange: str  # "binance"
    currency_pairs: list[str]  # ["btc/usdt"]
    subscribe_channels: list[str]  # ["ticker", "trade", "book", "candle"]
    api_key: str = ""
    api_secret: str = ""
    api_auth_data: dict[str, str] | str = ""  # what else the venue wants: a passphrase
    api_host: str = ""  # instead of the venue's own: "ws://127.0.0.1:9443"
    reconnect_times: int = -1  # in a row; -1: for ever, 0: never
    subscribe_args: dict[str, Any] = {}  # the venue's own, see docs/exchanges

    def __repr__(self) -> str:
        return f"StreamSection({self.exchange!r})"  # its secrets are shown nowhere


def read_text(path: Path) -> str:
    """The text of a configuration file; raises ConfigError."""
    try:
        return path.read_text(encoding="utf-8-sig")  # some editors begin a file with a mark
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise ConfigError(f"{path}: is a folder; name a file in it") from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path}: is not text in UTF-8 (byte {error.start}); save it as UTF-8"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None


def parse_values(text: str, where: str, environment: Mapping[str, str]) -> Any:
    """The plain values of a configuration's text, with what the environment sets in them."""
    try:
        values = msgspec.json.decode(without_comments(text))
    except msgspec.DecodeError as error:
        raise ConfigError(f"{where}: {_json_error(error, text)}") from None
    for key, value in environment.items():
        if key.startswith(ENVIRONMENT_PREFIX):
            _set_in(values, key, value)
    return values


def check_address(setting: str, url: str, schemes: Sequence[str]) -> None:
    """Raise ConfigError, naming the setting, for an address that nothing could ever connect to.

    schemes: those it may have, the usual one first.
    """
    try:
        parts = urlsplit(url)
        whole = bool(parts.scheme in schemes and parts.hostname and parts.port != 0)
    except ValueError:  # a port or an IPv6 address that is none
        whole = False
    if not whole:
        raise ConfigError(
            f'{setting}: "{without_login(url)}" is not an address; '
            f'write it like "{schemes[0]}://127.0.0.1:9443"'
        )


def without_login(url: str) -> str:
    """An address without the name and the password that may be in it."""
    return re.sub(r"(^|//)[^/\s]*@", r"\1", url)


def without_comments(text: str) -> str:
    """JSON with // comments and trailing commas blanked out; every position stays where it was."""
    pieces: list[str] = []
    for token in re.finditer(r'"(?:\\.|[^"\\])*"|//[^\n]*|.', text, re.DOTALL):
        piece = token[0]
        pieces.append(" " * len(piece) if piece.startswith("//") else piece)
    bare = "".join(pieces)
    trailing = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])')
    return trailing.sub(lambda match: match[1] or " ", bare)


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
    if not without_comments(text).strip():
        return "is empty; begin with: millstream new-config"
    position = re.search(r"\(byte (\d+)\)", str(error))
    if position is None:  # msgspec says no position when the text only ends too early
        reason = f"it ends in {_open_at_the_end_of(text)}, before that is closed"
        return f"{_place(text.rstrip())}: is not JSON: {reason}"
    before = text.encode()[: int(position[1])].decode(errors="replace")
    reason = str(error)[: position.start()].removeprefix("JSON is malformed: ").strip()
    return f"{_place(before)}: is not JSON: {reason}"


def _place(before: str) -> str:
    return f"line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"


def _open_at_the_end_of(text: str) -> str:
    """The key path of what is still open there."""
    path: list[str | int] = []  # of each open object its latest key, of each list its latest index
    for token in re.finditer(r'"((?:\\.|[^"\\])*)"(\s*:)?|[{}\[\],]', without_comments(text)):
        match token[0]:
            case "{":
                path.append("")
            case "[":
                path.append(0)
            case "}" | "]":
                path = path[:-1]
            case ",":
                path[-1:] = [step + 1 if isinstance(step, int) else "" for step in path[-1:]]
            case _ if token[2]:
                path[-1:] = [token[1] for _ in path[-1:]]
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path if step != "")
    return "".join(steps).lstrip(".") or "the top level"


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
        meant = (key for key in place if re.sub("[.-]", "_", key).lower() == step)
        return place.setdefault(next(meant, step), {})
    if isinstance(place, list) and step.isdecimal() and int(step) < len(place):
        return place[int(step)]
    raise ConfigError(f'{variable}: the configuration has no "{step}" there')
