"""An account at Kraken spot: a token by REST for each connection, then the executions channel."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any, ClassVar
from urllib.parse import parse_qs

from tests.exchange.scripted.own import Account
from tests.exchange.scripted.tongue import dump, iso

SECRET = base64.b64encode(b"a secret of some bytes").decode()
STATES = ("new", "partially_filled", "filled")


class KrakenAccount(Account):
    """A token is good for one connection; the snapshot has open orders or the last fills."""

    exchange = "kraken"
    quote = "USD"
    keys: ClassVar[dict[str, Any]] = {"api_key": "KEY", "api_secret": SECRET}
    wrong: ClassVar[dict[str, Any]] = {"api_secret": base64.b64encode(b"another").decode()}

    def hear(self, client: Any, message: Any) -> None:
        if message["method"] != "subscribe":
            return
        asked = message["params"]
        if asked["token"] != self.proofs[-1] or client in self.listening:
            why = {"success": False, "error": "ESession:Invalid session"}
            client.send(dump({"method": "subscribe", "req_id": message["req_id"]} | why))
            return
        self.listening.append(client)
        self._numbers = 1
        result = {"channel": "executions", "snapshot": True}
        answer = {"method": "subscribe", "req_id": message["req_id"], "success": True}
        client.send(dump(answer | {"result": result}))
        told = [self._order(self.filled)] if asked["snap_orders"] and self.filled < 2 else []
        told += [self._fill(number) for number in self.fills] if asked["snap_trades"] else []
        said = {"channel": "executions", "type": "snapshot", "sequence": 1, "data": told}
        client.send(dump(said))

    def rest(self, method: str, target: str, headers: dict[str, str], body: str) -> tuple[int, Any]:
        form = parse_qs(body)
        digest = target.encode() + hashlib.sha256((form["nonce"][0] + body).encode()).digest()
        good = hmac.new(base64.b64decode(SECRET), digest, hashlib.sha512).digest()
        if headers["api-sign"] != base64.b64encode(good).decode():
            return 200, {"error": ["EAPI:Invalid signature"]}
        if target.endswith("QueryOrders"):
            status = "closed" if self.filled == 2 else "open"
            told = {"status": status, "vol_exec": str(self.filled), "price": "100", "reason": None}
            return 200, {"error": [], "result": {"ORDER-1": told}}
        self.proofs.append(f"TOKEN{len(self.proofs)}")
        return 200, {"error": [], "result": {"token": self.proofs[-1], "expires": 900}}

    def report(self, filled: int) -> list[bytes]:
        data = [self._order(filled)] if not filled else [self._fill(filled), self._order(filled)]
        self._numbers += 1
        said = {"channel": "executions", "type": "update", "sequence": self._numbers}
        return [dump(said | {"data": data})]

    def _order(self, filled: int) -> dict[str, Any]:
        kind = "filled" if filled == 2 else "pending_new" if not filled else "status"
        said = {"order_id": "ORDER-1", "cl_ord_id": "ours", "symbol": "BTC/USD", "side": "buy"}
        said |= {"order_qty": 2.0, "cum_qty": float(filled), "order_type": "limit"}
        said |= {"limit_price": 100.0, "time_in_force": "GTC", "exec_type": kind}
        return said | {"order_status": STATES[filled], "timestamp": iso(self.now_ms)}

    def _fill(self, number: int) -> dict[str, Any]:
        said = {"order_id": "ORDER-1", "symbol": "BTC/USD", "side": "buy", "exec_type": "trade"}
        said |= {"exec_id": f"T{number}", "last_qty": 1.0, "last_price": 100.0}
        said |= {"liquidity_ind": "m", "fees": [{"asset": "USD", "qty": 0.1}]}
        return said | {"order_status": STATES[number], "timestamp": iso(self.now_ms)}
