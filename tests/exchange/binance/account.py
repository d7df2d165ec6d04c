"""One account's REST pages on loopback, of spot and of futures, for tests."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

KEY, SECRET = "the-key", "the-secret"
REFUSED = {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}


class AccountPages:
    """What the venue knows; its clock is `skew_ms` from ours."""

    def __init__(self, skew_ms: int = 0) -> None:
        self.skew_ms = skew_ms
        self.orders: dict[int, dict] = {}
        self.trades: list[dict] = []
        self.asked: list[tuple[str, str]] = []
        self.refuses_renewal = False
        self.before_answer = lambda page, wanted: None
        self.keys_made = 0
        self.url = ""

    @property
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.skew_ms

    def answer(self, method: str, target: str, key: str | None) -> tuple[int, object]:
        parts = urlsplit(target)
        page = parts.path.rpartition("/")[2]
        self.asked.append((method, page))
        if page == "time":
            return 200, {"serverTime": self.now_ms}
        if key != KEY:
            return 401, REFUSED
        if page == "listenKey":
            if method == "PUT" and self.refuses_renewal:
                return 400, {"code": -1125, "msg": "This listenKey does not exist."}
            self.keys_made += method == "POST"
            return 200, {"listenKey": f"key{self.keys_made}"}
        text, _, signature = parts.query.rpartition("&signature=")
        wanted = {name: values[0] for name, values in parse_qs(text).items()}
        if hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest() != signature:
            return 400, {"code": -1022, "msg": "Signature for this request is not valid."}
        if not -1000 < self.now_ms - int(wanted["timestamp"]) < int(wanted["recvWindow"]):
            return 400, {"code": -1021, "msg": "Timestamp is outside of the recvWindow."}
        return self._account(page, wanted)

    def _account(self, page: str, wanted: dict[str, str]) -> tuple[int, object]:
        symbol = wanted["symbol"]
        if failure := self.before_answer(page, wanted):
            return failure
        if page == "order":
            order = self.orders.get(int(wanted["orderId"]))
            return (200, order) if order else (400, {"code": -2013, "msg": "Order does not exist."})
        if page == "openOrders":
            is_open = ("NEW", "PARTIALLY_FILLED")
            orders = [one for one in self.orders.values() if one["symbol"] == symbol]
            return 200, [one for one in orders if one["status"] in is_open]
        first = int(wanted.get("fromId", 0))
        since = int(wanted.get("startTime", 0))
        mine = [one for one in self.trades if one["symbol"] == symbol]
        after = [one for one in mine if one["id"] >= first and one["time"] >= since]
        return 200, after[: int(wanted["limit"])]


@contextmanager
def account_pages(skew_ms: int = 0):
    made = AccountPages(skew_ms)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, answer = made.answer(self.command, self.path, self.headers["X-MBX-APIKEY"])
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_PUT = do_GET  # noqa: N815

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def order(order_id, status="NEW", filled="0.0", updated_ms=1000, **more):
    return {
        "symbol": "ETHUSDT",
        "orderId": order_id,
        "clientOrderId": f"run{order_id}",
        "price": "2500.0",
        "origQty": "1.0",
        "executedQty": filled,
        "type": "LIMIT",
        "cummulativeQuoteQty": str(2500 * float(filled)),
        "status": status,
        "side": "BUY",
        "timeInForce": "GTC",
        "updateTime": updated_ms,
        **more,
    }


def trade(trade_id, order_id, time_ms, quantity="0.5"):
    return {
        "symbol": "ETHUSDT",
        "id": trade_id,
        "orderId": order_id,
        "price": "2500.0",
        "qty": quantity,
        "commission": "0.1",
        "commissionAsset": "BNB",
        "time": time_ms,
        "isBuyer": True,
        "isMaker": True,
    }


def report(order_id, status="NEW", filled="0.0", time_ms=1000, trade_id=-1):
    fill = trade_id > 0
    return {
        "e": "executionReport",
        "s": "ETHUSDT",
        "c": f"run{order_id}",
        "S": "BUY",
        "o": "LIMIT",
        "f": "GTC",
        "q": "1.0",
        "p": "2500.0",
        "x": "TRADE" if fill else "NEW",
        "X": status,
        "i": order_id,
        "l": "0.5" if fill else "0",
        "L": "2500.0" if fill else "0",
        "z": filled,
        "T": time_ms,
        "t": trade_id,
        "m": True,
        "n": "0.1",
        "N": "BNB",
        "E": time_ms,
        "Z": str(2500 * float(filled)),
        "C": "",
        "r": "NONE",
    }
