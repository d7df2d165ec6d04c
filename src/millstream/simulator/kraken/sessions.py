"""Kraken's websocket v2, one client: subscriptions, orders, own events. Pure.

The public and the private address are the same here; a token makes the difference.
Source: docs.kraken.com, "Spot WebSocket v2".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from millstream.simulator.faults import RequestFault
from millstream.simulator.kraken import names
from millstream.simulator.kraken.market import INTERVALS, Market
from millstream.simulator.kraken.problems import Problem, of_fault
from millstream.simulator.kraken.publish import DEPTHS, Publisher, Topic
from millstream.simulator.kraken.security import Security

_CHANNELS = ("ticker", "book", "trade", "ohlc", "instrument")
_PRIVATE = ("executions", "balances")
_ORDERS = {  # the method, and the REST request it is like
    "add_order": "AddOrder",
    "amend_order": "AmendOrder",
    "edit_order": "EditOrder",
    "cancel_order": "CancelOrder",
    "cancel_all": "CancelAll",
    "cancel_all_orders_after": "CancelAllOrdersAfter",
}
_RENAMED = {  # parameters of orders: the websocket's word, REST's
    "symbol": "pair",
    "side": "type",
    "order_type": "ordertype",
    "order_qty": "volume",
    "time_in_force": "timeinforce",
    "order_id": "txid",
}


class Answers(Protocol):
    """What a session needs of the venue's front."""

    security: Security
    market: Market
    publisher: Publisher

    def change(self, name: str, account: str, given: Mapping[str, str], now_ns: int) -> Any:
        """Carry out a request about orders."""
        ...

    def account_snapshot(self, channel: str, account: str, wants: Mapping[str, Any]) -> list[Any]:
        """What a private channel begins with."""
        ...


class _Request(msgspec.Struct):
    method: str
    params: dict[str, Any] = {}
    req_id: int | None = None


_request = msgspec.json.Decoder(_Request).decode


class KrakenSession:
    """One client. private_channels: by channel, the account and the number of its last frame."""

    def __init__(self, front: Answers) -> None:
        self.outbox: list[bytes] = [_STATUS]
        self.private: list[tuple[bytes, bool]] = []
        self.topics: dict[Topic, None] = {}
        self.private_channels: dict[str, tuple[str, int]] = {}
        self._front = front
        self._tokens: set[str] = set()  # that this connection has shown

    def receive(self, text: bytes, now_ns: int) -> None:
        """One request; a subscription is answered for each symbol."""
        try:
            request = _request(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            refusal = {"error": "Malformed request", "success": False}
            self.outbox.append(msgspec.json.encode(refusal))
            return
        try:
            self._carry_out(request, now_ns)
        except Problem as problem:
            self._reply(request, now_ns, error=problem.text)

    def changes_orders(self, text: bytes) -> bool:
        """Whether it is a request about orders."""
        try:
            return _request(text).method in _ORDERS
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False

    def answer_fault(self, text: bytes, fault: RequestFault) -> None:
        """Instead of what the request came to."""
        self._reply(_request(text), 0, error=of_fault(fault).text)

    def tell(self, channel: str, kind: str, data: list[Any], *, is_fill: bool) -> None:
        """A numbered frame of a private channel."""
        account, number = self.private_channels[channel]
        self.private_channels[channel] = account, number + 1
        frame = {"channel": channel, "type": kind, "data": data, "sequence": number + 1}
        self.private.append((msgspec.json.encode(frame), is_fill))

    # ---- requests -------------------------------------------------------------------------------

    def _carry_out(self, request: _Request, now_ns: int) -> None:
        match request.method:
            case "ping":
                pong = {"method": "pong", "req_id": request.req_id}
                pong |= {"time_in": names.iso(now_ns), "time_out": names.iso(now_ns)}
                self.outbox.append(msgspec.json.encode(pong))
            case "subscribe" | "unsubscribe":
                self._subscribe(request, request.method == "subscribe", now_ns)
            case method if method in _ORDERS:
                self._order(request, now_ns)
            case _:
                raise Problem("Unsupported method")

    def _subscribe(self, request: _Request, wanted: bool, now_ns: int) -> None:
        channel = request.params.get("channel")
        if channel in _PRIVATE:
            self._subscribe_private(request, str(channel), wanted, now_ns)
            return
        if channel not in _CHANNELS:
            raise Problem("Unsupported channel")
        if channel == "instrument":
            self._change_topic(request, Topic("instrument"), wanted, now_ns)
            return
        symbols = request.params.get("symbol")
        if not isinstance(symbols, list) or not symbols:
            raise Problem("Symbol(s) not provided")
        argument = self._argument(channel, request.params)
        for symbol in symbols:
            pair = self._front.market.names.find(str(symbol))
            if pair is None or "/" not in str(symbol):
                text = f"Currency pair not supported {symbol}"
                self._reply(request, now_ns, error=text, symbol=str(symbol))
                continue
            self._change_topic(request, Topic(channel, pair, argument), wanted, now_ns)

    def _argument(self, channel: str, given: Mapping[str, Any]) -> int:
        if channel == "book":
            depth = given.get("depth", 10)
            if depth not in DEPTHS:
                raise Problem("Subscription depth not supported")
            return int(depth)
        if channel == "ohlc":
            interval = given.get("interval", 1)
            if interval not in INTERVALS:
                raise Problem("Subscription ohlc interval not supported")
            return int(interval)
        return 0

    def _change_topic(self, request: _Request, topic: Topic, wanted: bool, now_ns: int) -> None:
        result: dict[str, Any] = {"channel": topic.channel}
        if topic.pair is not None:
            result["symbol"] = str(topic.pair)
        if topic.argument:
            result["depth" if topic.channel == "book" else "interval"] = topic.argument
        if not wanted:
            if topic not in self.topics:
                self._reply(request, now_ns, error="Subscription Not Found", symbol=str(topic.pair))
                return
            del self.topics[topic]
            self._reply(request, now_ns, result=result)
            return
        if topic in self.topics:
            self._reply(request, now_ns, error="Already subscribed", symbol=str(topic.pair))
            return
        shown = request.params.get("snapshot", topic.channel != "trade") is not False
        self._reply(request, now_ns, result=result | {"snapshot": shown})
        self.topics[topic] = None
        frame = self._front.publisher.snapshot(topic, now_ns)
        if shown:
            self.outbox.append(frame)

    def _subscribe_private(
        self, request: _Request, channel: str, wanted: bool, now_ns: int
    ) -> None:
        given = request.params
        account = self._account(given, now_ns)
        if not wanted:
            if self.private_channels.pop(channel, None) is None:
                raise Problem("Subscription Not Found")
            self._reply(request, now_ns, result={"channel": channel})
            return
        if channel in self.private_channels:
            raise Problem("Already subscribed")
        asked = ("snap_orders", "snap_trades", "order_status", "ratecounter", "snapshot")
        result = {"channel": channel} | {name: given[name] for name in asked if name in given}
        self._reply(request, now_ns, result=result)
        self.private_channels[channel] = account, 0
        data = self._front.account_snapshot(channel, account, given)
        self.tell(channel, "snapshot", data, is_fill=False)

    def _account(self, given: Mapping[str, Any], now_ns: int) -> str:
        token = str(given.get("token", ""))
        account = self._front.security.of_token(token, now_ns, in_use=token in self._tokens)
        self._tokens.add(token)
        return account

    def _order(self, request: _Request, now_ns: int) -> None:
        given, method = request.params, request.method
        account = self._account(given, now_ns)
        name = _ORDERS[method]
        if method == "cancel_order":
            for word in ("order_id", "cl_ord_id"):
                for text in given.get(word) or ():
                    self._cancel(request, account, word, str(text), now_ns)
            return
        answer = self._front.change(name, account, _as_rest(method, given), now_ns)
        if method == "add_order":
            result = {"order_id": answer["txid"][0]} if "txid" in answer else {}
            if given.get("cl_ord_id"):
                result["cl_ord_id"] = given["cl_ord_id"]
        elif method == "edit_order":
            result = {"order_id": answer["txid"], "original_order_id": answer["originaltxid"]}
        elif method == "amend_order":
            ids = {word: given[word] for word in ("order_id", "cl_ord_id") if word in given}
            result = answer | ids
        else:
            result = answer
        self._reply(request, now_ns, result=result)

    def _cancel(self, request: _Request, account: str, word: str, text: str, now_ns: int) -> None:
        named = {_RENAMED.get(word, word): text}
        try:
            self._front.change("CancelOrder", account, named, now_ns)
        except Problem as problem:
            self._reply(request, now_ns, error=problem.text)
        else:
            self._reply(request, now_ns, result={word: text})

    def _reply(
        self,
        request: _Request,
        now_ns: int,
        *,
        result: Any = None,
        error: str = "",
        symbol: str = "",
    ) -> None:
        answer: dict[str, Any] = {"method": request.method, "success": not error}
        if request.req_id is not None:
            answer["req_id"] = request.req_id
        if error:
            answer["error"] = error
        else:
            answer["result"] = result
        if symbol:
            answer["symbol"] = symbol
        answer |= {"time_in": names.iso(now_ns), "time_out": names.iso(now_ns)}
        self.outbox.append(msgspec.json.encode(answer))


_STATUS = msgspec.json.encode(
    {
        "channel": "status",
        "type": "update",
        "data": [
            {
                "version": "2.0.10",
                "system": "online",
                "api_version": "v2",
                "connection_id": 15_113_583_034_416_118_705,
            }
        ],
    }
)


def _as_rest(method: str, given: Mapping[str, Any]) -> dict[str, str]:
    """Parameters of an order as REST has them."""
    found = {name: _text(value) for name, value in given.items() if name != "token"}
    if method in ("amend_order", "cancel_all_orders_after"):
        return {("txid" if name == "order_id" else name): text for name, text in found.items()}
    told = {_RENAMED.get(name, name): text for name, text in found.items()}
    limit = told.pop("limit_price", "")
    triggers = given.get("triggers")
    if isinstance(triggers, dict):
        told["price"], told["price2"] = _text(triggers.get("price", "")), limit
    elif limit:
        told["price"] = limit
    flags = ["post"] if given.get("post_only") is True else []
    if "cash_order_qty" in told:
        told["volume"] = told["cash_order_qty"]
        flags.append("viqc")
    told["oflags"] = ",".join(flags)
    return told


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()
