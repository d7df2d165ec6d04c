"""An account at Binance spot: the WebSocket API, signed; what was missed by REST, signed."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.exchange.scripted.own import Account
from tests.exchange.scripted.tongue import dump

STATES = ("NEW", "PARTIALLY_FILLED", "FILLED")
INVALID = {"code": -1022, "msg": "Signature for this request is not valid."}


class BinanceAccount(Account):
    """Knows our clock is not its own: what is signed names the venue's time."""

    exchange = "binance"

    def hear(self, client: Any, message: Any) -> None:
        answer = {"id": message["id"], "status": 200, "result": {"subscriptionId": 0}}
        signed = dict(message["params"])
        signature = signed.pop("signature")
        text = "&".join(f"{name}={value}" for name, value in sorted(signed.items()))
        if signature != sign(text) or abs(self.now_ms - signed["timestamp"]) > 1_000:
            answer = {"id": message["id"], "status": 400, "error": INVALID}
        else:
            self.proofs.append(f"{signature}{len(self.proofs)}")
            self.listening.append(client)
        client.send(dump(answer))

    def rest(self, method: str, target: str, headers: dict[str, str], body: str) -> tuple[int, Any]:
        parts = urlsplit(target)
        page = parts.path.rpartition("/")[2]
        if page == "time":
            return 200, {"serverTime": self.now_ms}
        if page == "listenKey":
            return self.listen_key(headers)
        text, _, signature = parts.query.rpartition("&signature=")
        wanted = parse_qs(text)
        if signature != sign(text) or abs(self.now_ms - int(wanted["timestamp"][0])) > 1_000:
            return 400, INVALID
        if wanted["symbol"] != ["BTCUSDT"]:
            return 200, []
        if page == "order":
            return 200, self.order()
        if page == "openOrders":
            return 200, [self.order()] if self.filled < 2 else []
        first = int(wanted.get("fromId", ["0"])[0])
        since = int(wanted.get("startTime", ["0"])[0])
        trades = [self.trade(number) for number in self.fills if number >= first]
        return 200, [one for one in trades if one["time"] >= since]

    def listen_key(self, headers: dict[str, str]) -> tuple[int, Any]:
        return 404, {}

    def order(self) -> dict[str, Any]:
        said = {"symbol": "BTCUSDT", "orderId": 7, "clientOrderId": "ours", "price": "100"}
        said |= {"origQty": "2", "executedQty": str(self.filled), "type": "LIMIT", "side": "BUY"}
        said |= {"cummulativeQuoteQty": str(100 * self.filled), "timeInForce": "GTC"}
        return said | {"status": STATES[self.filled], "updateTime": self.now_ms}

    def trade(self, number: int) -> dict[str, Any]:
        said = {"symbol": "BTCUSDT", "id": number, "orderId": 7, "price": "100", "qty": "1"}
        said |= {"commission": "0.1", "commissionAsset": "BNB", "time": self.now_ms}
        return said | {"isBuyer": True, "isMaker": True, "buyer": True, "maker": True}

    def report(self, filled: int) -> list[bytes]:
        said = {"e": "executionReport", "E": self.now_ms, "Z": str(100 * filled), "C": ""}
        return [dump({"subscriptionId": 0, "event": said | self.words(filled) | {"r": "NONE"}})]

    def expiry(self) -> bytes | None:
        return dump({"subscriptionId": 0, "event": {"e": "eventStreamTerminated", "E": 1}})

    def words(self, filled: int) -> dict[str, Any]:
        said = {"s": "BTCUSDT", "c": "ours", "S": "BUY", "o": "LIMIT", "f": "GTC", "q": "2"}
        said |= {"p": "100", "x": "TRADE" if filled else "NEW", "X": STATES[filled], "i": 7}
        said |= {"l": "1" if filled else "0", "L": "100" if filled else "0", "z": str(filled)}
        said |= {"T": self.now_ms, "t": filled or -1, "m": True, "n": "0.1", "N": "BNB"}
        return said


def sign(text: str) -> str:
    return hmac.new(b"secret", text.encode(), hashlib.sha256).hexdigest()
