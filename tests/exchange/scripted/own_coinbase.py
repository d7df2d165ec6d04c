"""An account at Coinbase: a token in each message, numbered frames, orders without fills."""

from __future__ import annotations

import base64
import json
from typing import Any, ClassVar

from tests.exchange.coinbase.test_auth import private_key
from tests.exchange.scripted.own import Account
from tests.exchange.scripted.tongue import dump, iso

STATES = ("OPEN", "OPEN", "FILLED")


class CoinbaseAccount(Account):
    """Reads the tokens' claims; that their signature is right is shown in `test_auth.py`."""

    exchange = "coinbase"
    quote = "USD"
    keys: ClassVar[dict[str, Any]] = {"api_key": "name", "api_secret": private_key()}
    wrong: ClassVar[dict[str, Any]] = {"api_key": "revoked"}

    def hear(self, client: Any, message: Any) -> None:
        header, claims = (
            json.loads(base64.urlsafe_b64decode(part + "=="))
            for part in message["jwt"].split(".")[:2]
        )
        late = abs(claims["nbf"] - self.now_ms // 1_000) > 120
        if claims["sub"] != "name" or late or header["nonce"] in self.proofs:
            client.send(dump({"type": "error", "message": "authentication failure"}))
            return
        self.proofs.append(header["nonce"])
        if message["channel"] == "user":
            self.listening.append(client)
            self._numbers = 0
            orders = [self._order(self.filled)] if self.filled < 2 else []
            client.send(self._frame("user", {"type": "snapshot", "orders": orders}))
        listed = {"subscriptions": {message["channel"]: [message["channel"]]}}
        client.send(self._frame("subscriptions", listed))

    def rest(self, method: str, target: str, headers: dict[str, str], body: str) -> tuple[int, Any]:
        said = {"order_id": "v-1", "client_order_id": "ours", "product_id": "BTC-USD"}
        said |= {"status": STATES[self.filled], "side": "BUY", "filled_size": str(self.filled)}
        said |= {"filled_value": str(100 * self.filled), "total_fees": "0.1"}
        return 200, {"orders": [said] if "order_ids=v-1" in target else []}

    def report(self, filled: int) -> list[bytes]:
        return [self._frame("user", {"type": "update", "orders": [self._order(filled)]})]

    def _order(self, filled: int) -> dict[str, str]:
        said = {"order_id": "v-1", "client_order_id": "ours", "product_id": "BTC-USD"}
        said |= {"cumulative_quantity": str(filled), "leaves_quantity": str(2 - filled)}
        said |= {"avg_price": "100", "filled_value": str(100 * filled), "total_fees": "0.1"}
        said |= {"status": STATES[filled], "order_side": "BUY", "order_type": "Limit"}
        return said | {"limit_price": "100", "time_in_force": "GOOD_UNTIL_CANCELLED"}

    def _frame(self, channel: str, event: Any) -> bytes:
        number, self._numbers = self._numbers, self._numbers + 1
        said = {"channel": channel, "timestamp": iso(self.now_ms), "sequence_num": number}
        return dump(said | {"events": [event]})
