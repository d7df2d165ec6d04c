"""One connection to Binance spot's REST: a request goes out once, and what comes back is told."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import msgspec

from millstream.errors import ConfigError
from millstream.orders.lines.binance.words import Refusal, refusal_of, signed

__all__ = ["BinanceRest", "NoAnswer", "Refused"]

_HOST: Final = "https://api.binance.com"
_TESTS: Final = "https://testnet.binance.vision"
_IDLE_S: Final = 5.0  # after which the venue may have closed the connection
_FORM: Final = "application/x-www-form-urlencoded"


class Refused(Exception):
    """The venue read the request and said no."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


class NoAnswer(Exception):
    """Nobody knows what became of the request: no answer, or one of 500 and above."""


class BinanceRest:
    """For one thread. url: another place than the venue's own; sandbox: the venue's test system.

    Nothing that was signed is in any error.
    """

    def __init__(
        self, key: str, secret: str, *, url: str = "", sandbox: bool = False, timeout_s: float
    ) -> None:
        parts = urlsplit(url or (_TESTS if sandbox else _HOST))
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f'gateway.url: "{url}" is not like "http://127.0.0.1:9000"')
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._connection = kind(parts.hostname, parts.port, timeout=timeout_s)
        self._key, self._secret = key, secret
        self._used_s = 0.0
        self._behind_ms = 0  # our clock, of the venue's

    def __repr__(self) -> str:
        return f"BinanceRest({self._connection.host})"

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def set_clock(self) -> None:
        """Learn the venue's time. Raises Refused or NoAnswer."""
        told = self.ask("GET", "/api/v3/time", {}, private=False)
        self._behind_ms = int(told["serverTime"]) - _now_ms()

    def ask(
        self, method: str, path: str, parameters: Mapping[str, str], *, private: bool = True
    ) -> Any:
        """The decoded answer. Raises Refused or NoAnswer."""
        query = urlencode(parameters)
        headers = {}
        if private:
            query = signed(parameters, self._secret, _now_ms() + self._behind_ms)
            headers["X-MBX-APIKEY"] = self._key
        body = None
        if method == "POST":
            body, headers["Content-Type"] = query, _FORM
        elif query:
            path = f"{path}?{query}"
        status, told = self._exchange(method, path, body, headers)
        if status >= 500:
            raise NoAnswer(f"the venue answered {status}")
        if status >= 400:
            refusal = refusal_of(told) or Refusal(-1000, f"the venue answered {status}")
            if refusal.is_late:
                with suppress(Refused, NoAnswer):
                    self.set_clock()
            raise Refused(refusal)
        try:
            return msgspec.json.decode(told)
        except msgspec.DecodeError:
            raise NoAnswer("the venue's answer is not JSON") from None

    def _exchange(
        self, method: str, path: str, body: str | None, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        connection = self._connection
        if time.monotonic() - self._used_s > _IDLE_S:
            connection.close()  # a request into a connection that the venue has left is in doubt
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            status, told = answer.status, answer.read()
        except (OSError, HTTPException) as error:
            connection.close()
            why = getattr(error, "strerror", None) or type(error).__name__
            raise NoAnswer(f"the connection failed: {why}") from None
        self._used_s = time.monotonic()
        return status, told


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
