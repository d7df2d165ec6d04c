"""Who sends a request, and whether it is signed and in time. Pure: the time comes in.

Source: developers.binance.com, "Request security" of the REST API and of the WebSocket API.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from millstream.simulator.binance.problems import Problem, missing
from millstream.simulator.front import Key, fields

_AHEAD_MS = 1_000
_LONGEST_MS = 60_000


class Security:
    """Knows the keys."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = {key.key: key for key in keys}

    def rest(self, key: str, query: str, body: str, now_ms: int) -> str:
        """The account of a signed REST request; raises Problem.

        What is signed is the query and then the body as sent, without the signature itself.
        """
        owner = self.known(key)
        payload, signature = [], ""
        for part in (query, body):
            kept = []
            for piece in part.split("&") if part else ():
                if piece.startswith("signature="):
                    signature = unquote(piece.removeprefix("signature="))
                else:
                    kept.append(piece)
            payload.append("&".join(kept))
        return self._check(owner, "".join(payload), signature, now_ms, fields("&".join(payload)))

    def websocket(self, parameters: Mapping[str, str], now_ms: int) -> str:
        """The account of a signed request of the WebSocket API; raises Problem."""
        if not parameters.get("apiKey"):
            raise missing("apiKey")
        owner = self.known(parameters["apiKey"])
        payload = "&".join(
            f"{name}={value}" for name, value in sorted(parameters.items()) if name != "signature"
        )
        return self._check(owner, payload, parameters.get("signature", ""), now_ms, parameters)

    def known(self, key: str) -> Key:
        """The owner of a key; raises Problem."""
        if not key:
            raise Problem(-2014, "API-key format invalid.", 401)
        owner = self._keys.get(key)
        if owner is None:
            raise Problem(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        return owner

    def _check(
        self, owner: Key, payload: str, signature: str, now_ms: int, given: Mapping[str, str]
    ) -> str:
        if not given.get("timestamp"):
            raise missing("timestamp")
        if not signature:
            raise missing("signature")
        window, timestamp = given.get("recvWindow", "5000"), given["timestamp"]
        try:
            window_ms, sent_ms = float(window), int(timestamp)
        except ValueError:
            raise Problem(-1100, "Illegal characters found in parameter 'timestamp'.") from None
        if sent_ms > 10**14:  # microseconds are taken as well
            sent_ms //= 1_000
        if not 0 < window_ms <= _LONGEST_MS:
            raise Problem(-1131, "recvWindow must be less than 60000.")
        if sent_ms >= now_ms + _AHEAD_MS:
            message = "Timestamp for this request was 1000ms ahead of the server's time."
            raise Problem(-1021, message)
        if now_ms - sent_ms > window_ms:
            raise Problem(-1021, "Timestamp for this request is outside of the recvWindow.")
        right = hmac.new(owner.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(right, signature.lower()):
            raise Problem(-1022, "Signature for this request is not valid.")
        return owner.account
