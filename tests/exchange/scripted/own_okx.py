"""An account at OKX: a signed login that names the time, the orders channel, REST for the rest."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any, ClassVar

from tests.exchange.scripted.own import Account
from tests.exchange.scripted.tongue import dump

STATES = ("live", "partially_filled", "filled")


class OkxAccount(Account):
    """A login more than 30 s from the venue's clock is refused."""

    exchange = "okx"
    instrument: ClassVar[tuple[str, str]] = ("BTC-USDT", "SPOT")
    unit: ClassVar[int] = 1  # what a size of base currency is counted in
    keys: ClassVar[dict[str, Any]] = {
        "api_key": "KEY",
        "api_secret": "secret",
        "api_auth_data": "phrase",
    }

    def hear(self, client: Any, message: Any) -> None:
        if message == "ping":
            client.send(b"pong")
        elif message["op"] == "login":
            asked = message["args"][0]
            signed = f"{asked['timestamp']}GET/users/self/verify".encode()
            good = base64.b64encode(hmac.digest(b"secret", signed, hashlib.sha256)).decode()
            code, why = "0", ""
            if asked["sign"] != good:
                code, why = "60007", "Invalid sign"
            elif abs(int(asked["timestamp"]) - self.now_ms // 1_000) > 30:
                code, why = "60006", "Timestamp request expired"
            else:
                self.proofs.append(f"{good}{len(self.proofs)}")
            event = "login" if code == "0" else "error"
            client.send(dump({"event": event, "code": code, "msg": why, "connId": "a"}))
        elif message["op"] == "subscribe":
            self.listening.append(client)
            for argument in message["args"]:
                client.send(dump({"event": "subscribe", "arg": argument, "connId": "a"}))

    def rest(self, method: str, target: str, headers: dict[str, str], body: str) -> tuple[int, Any]:
        page, data = target.partition("?")[0].rpartition("/")[2], []
        if page == "instruments":
            words = {"ctMult": "1", "ctType": "linear", "ctVal": "0.125"}
            data = [{"instId": self.instrument[0]} | words]
        else:
            signed = f"{headers['ok-access-timestamp']}{method}{target}{body}".encode()
            good = base64.b64encode(hmac.digest(b"secret", signed, hashlib.sha256)).decode()
            if headers["ok-access-sign"] != good:
                return 401, {"code": "50113", "msg": "Invalid Sign", "data": []}
        if page == "order" or (page == "orders-pending" and self.filled < 2):
            data = [self._order(self.filled)]
        elif page in ("fills-history", "fills"):
            data = [self._fill(number) for number in reversed(self.fills)]
        return 200, {"code": "0", "msg": "", "data": data}

    def report(self, filled: int) -> list[bytes]:
        fill = {"tradeId": str(filled), "fillPx": "100", "fillSz": str(self.unit)}
        fill |= {"fillFee": "-0.1", "fillFeeCcy": "USDT", "fillTime": str(self.now_ms)}
        said = self._order(filled) | (fill if filled else {})
        return [
            dump({"arg": {"channel": "orders", "instType": self.instrument[1]}, "data": [said]})
        ]

    def _order(self, filled: int) -> dict[str, str]:
        said = {"instId": self.instrument[0], "ordId": "7", "clOrdId": "ours", "side": "buy"}
        said |= {"ordType": "limit", "state": STATES[filled], "px": "100", "tradeId": ""}
        said |= {"sz": str(2 * self.unit), "accFillSz": str(filled * self.unit), "avgPx": "100"}
        return said | {"uTime": str(self.now_ms), "fillSz": "0", "fillPx": ""}

    def _fill(self, number: int) -> dict[str, str]:
        said = {"instId": self.instrument[0], "tradeId": str(number), "ordId": "7", "side": "buy"}
        said |= {"clOrdId": "ours", "fillPx": "100", "fillSz": str(self.unit), "fee": "-0.1"}
        return said | {"feeCcy": "USDT", "execType": "M", "ts": str(self.now_ms), "billId": "1"}
