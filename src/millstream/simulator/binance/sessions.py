"""Binance's websockets, one client each: market streams, and the WebSocket API. Pure.

Source: developers.binance.com, "WebSocket API", "User data stream requests".
"""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from millstream.simulator.binance.market import Parameters
from millstream.simulator.binance.problems import Problem, missing, of_fault
from millstream.simulator.binance.security import Security
from millstream.simulator.binance.streams import Session as Subscriptions
from millstream.simulator.faults import RequestFault


class StreamSession:
    """A client of the market streams."""

    def __init__(self, path: str) -> None:
        self.subscriptions = Subscriptions(path)
        self.outbox: list[bytes] = []
        self.private: list[tuple[bytes, bool]] = []  # nothing here is of an account

    def receive(self, text: bytes, now_ns: int) -> None:
        """Subscribe, unsubscribe, and what else there is to say."""
        self.outbox += self.subscriptions.receive(text)

    def changes_orders(self, text: bytes) -> bool:
        """Never."""
        return False

    def answer_fault(self, text: bytes, fault: RequestFault) -> None:
        """Nothing: no fault befalls a subscription."""

    def tell(self, stream: str, data: bytes) -> None:
        """A frame of a stream that it is subscribed to."""
        if stream in self.subscriptions.streams:
            if self.subscriptions.combined:
                data = b'{"stream":"%b","data":%b}' % (stream.encode(), data)
            self.outbox.append(data)


class Answers(Protocol):
    """What the WebSocket API needs of the venue's front."""

    security: Security

    def answer(self, name: str, account: str, given: Parameters, now_ns: int) -> Any:
        """What a request comes to."""
        ...

    def is_private(self, name: str) -> bool:
        """Whether it must be signed."""
        ...

    def rate_limits(self, account: str = "") -> list[dict[str, Any]]:
        """How much is used up."""
        ...


_PUBLIC = frozenset(
    {
        *("ping", "time", "exchangeInfo", "depth", "klines", "avgPrice"),
        *("trades.recent", "trades.aggregate", "ticker.24hr", "ticker.price", "ticker.book"),
    }
)
_CHANGES = frozenset(
    {
        *("order.place", "order.cancel", "order.cancelReplace"),
        *("order.amend.keepPriority", "openOrders.cancelAll"),
    }
)


class _Request(msgspec.Struct):
    method: str
    id: str | int | None = None
    params: dict[str, Any] = {}


_request = msgspec.json.Decoder(_Request).decode


class ApiSession:
    """A client of the WebSocket API. accounts: whose data each of its subscriptions carries."""

    def __init__(self, front: Answers) -> None:
        self.outbox: list[bytes] = []
        self.private: list[tuple[bytes, bool]] = []
        self.accounts: dict[int, str] = {}
        self._front = front
        self._next_subscription = 0

    def receive(self, text: bytes, now_ns: int) -> None:
        """One request, one answer."""
        try:
            request = _request(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._reply(None, Problem(-1000, "Malformed request."))
            return
        account = ""
        try:
            given = {name: _text(value) for name, value in request.params.items()}
            if self._front.is_private(request.method) and request.method != "currencies":
                account = self._front.security.websocket(given, now_ns // 1_000_000)
                answer = self._front.answer(request.method, account, given, now_ns)
            elif request.method in _PUBLIC:
                answer = self._front.answer(request.method, "", given, now_ns)
            else:
                answer = self._session(request.method, given, now_ns)
        except Problem as problem:
            self._reply(request.id, problem)
            return
        limits = self._front.rate_limits(account)
        self.outbox.append(
            msgspec.json.encode(
                {"id": request.id, "status": 200, "result": answer, "rateLimits": limits}
            )
        )

    def changes_orders(self, text: bytes) -> bool:
        """Whether it is an order, a cancel or a change."""
        try:
            return _request(text).method in _CHANGES
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False

    def answer_fault(self, text: bytes, fault: RequestFault) -> None:
        """Instead of what the request came to."""
        self._reply(_request(text).id, of_fault(fault))

    def tell(self, account: str, event: dict[str, Any], *, is_fill: bool) -> None:
        """An event of an account, once for each subscription to it."""
        for number, owner in self.accounts.items():
            if owner == account:
                frame = msgspec.json.encode({"subscriptionId": number, "event": event})
                self.private.append((frame, is_fill))

    def _session(self, method: str, given: Parameters, now_ns: int) -> Any:
        now_ms = now_ns // 1_000_000
        match method:
            case "userDataStream.subscribe.signature":
                account = self._front.security.websocket(given, now_ms)
                number, self._next_subscription = (
                    self._next_subscription,
                    self._next_subscription + 1,
                )
                self.accounts[number] = account
                return {"subscriptionId": number}
            case "userDataStream.unsubscribe":
                if number_text := given.get("subscriptionId", ""):
                    if not number_text.isdecimal() or int(number_text) not in self.accounts:
                        raise Problem(-1000, "No such subscription.")
                    del self.accounts[int(number_text)]
                else:
                    self.accounts.clear()
                return {}
            case "session.subscriptions":
                return [{"subscriptionId": number} for number in self.accounts]
            case "session.status":
                return {"apiKey": None, "authorizedSince": None, "connectedSince": now_ms}
            case "session.logon":
                if not given.get("apiKey"):
                    raise missing("apiKey")
                message = "session.logon takes Ed25519 keys only; these are HMAC keys."
                raise Problem(-4056, message)
            case "userDataStream.subscribe":
                raise Problem(-2015, "This session is not logged on.", 401)
        raise Problem(-1000, f"Unknown method '{method[:60]}'.")

    def _reply(self, number: str | int | None, problem: Problem) -> None:
        answer = {"id": number, "status": problem.status, "error": problem.words}
        self.outbox.append(msgspec.json.encode(answer))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return msgspec.json.encode(value).decode()
