"""An account at Kraken Futures: a challenge for each connection, signed with every request."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any, ClassVar

from tests.exchange.scripted.own import Account
from tests.exchange.scripted.tongue import dump

SECRET = base64.b64encode(b"a secret of some bytes").decode()


class KrakenFutureAccount(Account):
    """Its snapshots have open orders and the last fills; a full fill comes as is_cancel."""

    exchange = "kraken_future"
    quote = "USD"
    keys: ClassVar[dict[str, Any]] = {"api_key": "KEY", "api_secret": SECRET}
    wrong: ClassVar[dict[str, Any]] = {"api_secret": base64.b64encode(b"another").decode()}

    def hear(self, client: Any, message: Any) -> None:
        if message["event"] == "challenge":
            self.proofs.append(f"challenge {len(self.proofs)}")
            client.send(dump({"event": "challenge", "message": self.proofs[-1]}))
        elif message["event"] == "subscribe":
            digest = hashlib.sha256(self.proofs[-1].encode()).digest()
            good = hmac.new(base64.b64decode(SECRET), digest, hashlib.sha512).digest()
            if message["signed_challenge"] != base64.b64encode(good).decode():
                client.send(dump({"event": "alert", "message": "Invalid challenge"}))
                return
            client.send(dump({"event": "subscribed", "feed": message["feed"]}))
            if client not in self.listening:
                self.listening.append(client)
            if message["feed"] == "fills":
                fills = [self._fill(number) for number in self.fills]
                client.send(dump({"feed": "fills_snapshot", "account": "a", "fills": fills}))
            else:
                orders = [self._order(self.filled)] if self.filled < 2 else []
                client.send(dump({"feed": "open_orders_snapshot", "orders": orders}))

    def rest(self, method: str, target: str, headers: dict[str, str], body: str) -> tuple[int, Any]:
        assert target.startswith("/api/history/v2/orders")
        past = {"uid": "ORDER-1", "tradeable": "PF_XBTUSD"}
        new = past | {"quantity": str(2 - self.filled), "filled": str(self.filled)}
        reason = "full_fill" if self.filled == 2 else "partial_fill"
        old = past | {"quantity": "2", "filled": "0"}
        event = {"OrderUpdated": {"newOrder": new, "oldOrder": old, "reason": reason}}
        told = [{"uid": "e", "timestamp": str(self.now_ms), "event": event}]
        return 200, {"elements": told, "len": 1, "continuationToken": ""}

    def report(self, filled: int) -> list[bytes]:
        frames = [dump({"feed": "fills", "fills": [self._fill(filled)]})] if filled else []
        said: dict[str, Any] = {"feed": "open_orders"}
        if filled == 2:
            said |= {"order_id": "ORDER-1", "is_cancel": True, "reason": "full_fill"}
        else:
            reason = "partial_fill" if filled else "new_placed_order_by_user"
            said |= {"order": self._order(filled), "is_cancel": False, "reason": reason}
        return [*frames, dump(said)]

    def _order(self, filled: int) -> dict[str, Any]:
        said = {"instrument": "PF_XBTUSD", "time": self.now_ms, "last_update_time": self.now_ms}
        said |= {"qty": 2.0 - filled, "filled": float(filled), "limit_price": 100.0}
        said |= {"stop_price": 0.0, "type": "limit", "order_id": "ORDER-1", "direction": 0}
        return said | {"cli_ord_id": "ours", "reduce_only": False}

    def _fill(self, number: int) -> dict[str, Any]:
        said = {"instrument": "PF_XBTUSD", "time": self.now_ms, "price": 100.0, "buy": True}
        said |= {"qty": 1.0, "remaining_order_qty": 2.0 - number, "order_id": "ORDER-1"}
        said |= {"cli_ord_id": "ours", "fill_id": f"F{number}", "fill_type": "maker"}
        return said | {"fee_paid": 0.1, "fee_currency": "USD", "order_type": "limit"}
