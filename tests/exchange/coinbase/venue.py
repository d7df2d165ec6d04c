"""Advanced Trade on loopback: numbers its frames, acknowledges, refuses, and asks for tokens."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from typing import Any

from tests.exchange.coinbase import frames

PRODUCTS = {"BTC-USD", "ETH-USD"}


class AdvancedTrade:
    """What each connection was told, numbered as Coinbase numbers it.

    snapshot: gives the frames that come before the acknowledgement, each by its number.
    """

    def __init__(self, snapshot: Callable[[Any], Iterable[Callable[[int], bytes]]] = lambda m: ()):
        self.snapshot = snapshot
        self.tokens: list[dict[str, Any]] = []
        self._numbers: dict[int, int] = {}
        self._listed: dict[int, dict[str, list[str]]] = {}

    def __call__(self, client: Any, message: Any) -> None:
        channel = message["channel"]
        if message["type"] == "unsubscribe":
            return
        if channel == "user" and not self._admits(message):
            client.send(frames.ERROR)
            return
        for made in self.snapshot(message):
            self.tell(client, made)
        products = [one for one in message.get("product_ids", []) if one in PRODUCTS]
        # A pair in USDC is served as the one in USD.
        products += [one[:-1] for one in message.get("product_ids", []) if one[:-1] in PRODUCTS]
        listed = self._listed.setdefault(id(client), {})
        if channel in ("heartbeats", "user"):
            listed[channel] = [channel]
        elif products:
            listed[channel] = products
        self.tell(client, lambda number: frames.ack(number, **listed))

    def tell(self, client: Any, *made: Callable[[int], bytes]) -> None:
        """Send frames with this connection's next numbers."""
        for one in made:
            number = self._numbers.get(id(client), 0)
            self._numbers[id(client)] = number + 1
            client.send(one(number))

    def skip(self, client: Any, frames_lost: int = 1) -> None:
        """Lose so many frames."""
        self._numbers[id(client)] += frames_lost

    def _admits(self, message: Any) -> bool:
        parts = message.get("jwt", "").split(".")
        if len(parts) != 3:
            return False
        header, claims = (json.loads(base64.urlsafe_b64decode(one + "==")) for one in parts[:2])
        self.tokens.append(header | claims)
        return bool(claims["sub"] != "revoked")
