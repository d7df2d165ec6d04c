"""Binance spot, whole: REST routes, market streams, the WebSocket API. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from millstream.model import CurrencyPair
from millstream.simulator.binance import words
from millstream.simulator.binance.account import AccountRequests
from millstream.simulator.binance.market import Market, Parameters
from millstream.simulator.binance.problems import Problem, of_fault, too_many, too_many_orders
from millstream.simulator.binance.publish import Publisher
from millstream.simulator.binance.security import Security
from millstream.simulator.binance.sessions import ApiSession, StreamSession
from millstream.simulator.faults import FaultPlan, RequestFault
from millstream.simulator.front import HttpAnswer, HttpRequest, Key, RequestLimit, Session, fields
from millstream.simulator.history import History
from millstream.simulator.orders import Change, ChangeKind
from millstream.simulator.venue import Venue

_ROUTES = {
    ("GET", "/api/v3/ping"): "ping",
    ("GET", "/api/v3/time"): "time",
    ("GET", "/api/v3/exchangeInfo"): "exchangeInfo",
    ("GET", "/api/v3/depth"): "depth",
    ("GET", "/api/v3/trades"): "trades.recent",
    ("GET", "/api/v3/historicalTrades"): "trades.recent",
    ("GET", "/api/v3/aggTrades"): "trades.aggregate",
    ("GET", "/api/v3/klines"): "klines",
    ("GET", "/api/v3/uiKlines"): "klines",
    ("GET", "/api/v3/avgPrice"): "avgPrice",
    ("GET", "/api/v3/ticker/24hr"): "ticker.24hr",
    ("GET", "/api/v3/ticker/price"): "ticker.price",
    ("GET", "/api/v3/ticker/bookTicker"): "ticker.book",
    ("POST", "/api/v3/order"): "order.place",
    ("POST", "/api/v3/order/test"): "order.test",
    ("DELETE", "/api/v3/order"): "order.cancel",
    ("GET", "/api/v3/order"): "order.status",
    ("POST", "/api/v3/order/cancelReplace"): "order.cancelReplace",
    ("PUT", "/api/v3/order/amend/keepPriority"): "order.amend.keepPriority",
    ("GET", "/api/v3/openOrders"): "openOrders.status",
    ("DELETE", "/api/v3/openOrders"): "openOrders.cancelAll",
    ("GET", "/api/v3/allOrders"): "allOrders",
    ("GET", "/api/v3/myTrades"): "myTrades",
    ("GET", "/api/v3/account"): "account.status",
    ("GET", "/api/v3/account/commission"): "account.commission",
    ("GET", "/api/v3/rateLimit/order"): "account.rateLimits.orders",
    ("GET", "/sapi/v1/capital/config/getall"): "currencies",
    ("GET", "/sapi/v1/margin/allPairs"): "margin",
    ("GET", "/sapi/v1/margin/isolated/allPairs"): "margin",
    ("GET", "/fapi/v1/exchangeInfo"): "futures",
    ("GET", "/dapi/v1/exchangeInfo"): "futures",
}


class BinanceFront:
    """Speaks Binance spot for a venue."""

    name = "binance"

    def __init__(
        self,
        venue: Venue,
        histories: Mapping[CurrencyPair, History],
        keys: Iterable[Key],
        plan: FaultPlan,
        *,
        limits: bool = True,
    ) -> None:
        self._venue = venue
        self.security = Security(keys)
        self.market = Market(venue, histories)
        self.account = AccountRequests(venue, self.market, plan)
        self._publisher = Publisher(venue, histories, self.market)
        self._limits = limits
        self._weight = RequestLimit(6_000, 60)
        self._orders = {name: RequestLimit(100, 10) for name in venue.balances}
        self._day_orders = {name: RequestLimit(200_000, 86_400) for name in venue.balances}
        self._sessions: set[ApiSession] = set()
        self._executions = 0
        venue.on_change.append(self._on_change)

    # ---- requests of both doors -----------------------------------------------------------------

    def answer(self, name: str, account: str, given: Parameters, now_ns: int) -> Any:
        """What a question or a wish comes to; raises Problem. account: "" for the market's."""
        if name in self.market.questions:
            self._use(self.market.questions[name][0], now_ns)
            return self.market.questions[name][1](given, now_ns)
        if name in self.account.questions:
            weight, ask = self.account.questions[name]
            self._use(weight, now_ns)
            return ask(account, given, now_ns)
        orders, change = self.account.changes[name]
        self._use(1, now_ns)
        if orders:
            for limit in (self._orders[account], self._day_orders[account]):
                if not limit.use(1, now_ns) and self._limits:
                    raise too_many_orders(limit.retry_after_s(now_ns))
        return change(account, given, now_ns)

    def is_private(self, name: str) -> bool:
        """Whether a request must be signed."""
        return name in self.account.questions or name in self.account.changes

    def rate_limits(self, account: str = "") -> list[dict[str, Any]]:
        """How much is used up."""
        limits = [("REQUEST_WEIGHT", "MINUTE", 1, self._weight)]
        if account:
            limits.append(("ORDERS", "SECOND", 10, self._orders[account]))
            limits.append(("ORDERS", "DAY", 1, self._day_orders[account]))
        return [
            {
                "rateLimitType": kind,
                "interval": interval,
                "intervalNum": times,
                "limit": limit.most,
                "count": limit.used,
            }
            for kind, interval, times, limit in limits
        ]

    def _use(self, weight: int, now_ns: int) -> None:
        if not self._weight.use(weight, now_ns) and self._limits:
            raise too_many(self._weight.retry_after_s(now_ns))

    # ---- REST -----------------------------------------------------------------------------------

    def request(self, request: HttpRequest, now_ns: int) -> HttpAnswer:
        """The answer to a REST request."""
        account = ""
        try:
            name = _ROUTES.get((request.method, request.path))
            if name is None:
                known = any(path == request.path for _, path in _ROUTES)
                message = (
                    "Request method not supported." if known else f"Nothing is at {request.path}."
                )
                raise Problem(-1000, message, 405 if known else 404)
            body = request.body.decode("utf-8", "replace")
            if self.is_private(name):
                key = request.headers.get("x-mbx-apikey", "")
                account = self.security.rest(key, request.query, body, words.ms(now_ns))
            given = fields(f"{request.query}&{body}")
            answer = self.answer(name, account, given, now_ns)
        except Problem as problem:
            return _problem(problem)
        headers = {"x-mbx-used-weight-1m": str(self._weight.used)}
        if account:
            headers["x-mbx-order-count-10s"] = str(self._orders[account].used)
        return HttpAnswer(200, msgspec.json.encode(answer), headers)

    def changes_orders(self, request: HttpRequest) -> bool:
        """Whether it places, changes or cancels orders."""
        return _ROUTES.get((request.method, request.path), "") in self.account.changes

    def fault(self, fault: RequestFault) -> HttpAnswer:
        """The venue's words for a seeded fault."""
        return _problem(of_fault(fault))

    # ---- websockets -----------------------------------------------------------------------------

    def open(self, path: str, now_ns: int) -> Session:
        """Market streams at /ws and /stream, the WebSocket API at /ws-api/v3."""
        if path.partition("?")[0].rstrip("/") == "/ws-api/v3":
            session = ApiSession(self)
            self._sessions.add(session)
            return session
        stream = StreamSession(path)
        self._publisher.sessions.add(stream)
        return stream

    def close(self, session: Session) -> None:
        """It is gone."""
        if isinstance(session, ApiSession):
            self._sessions.discard(session)
        elif isinstance(session, StreamSession):
            self._publisher.sessions.discard(session)

    def tell(self, now_ns: int) -> None:
        """Publish what the market did."""
        self._publisher.tell(now_ns)

    def _on_change(self, change: Change) -> None:
        self._executions += 1
        account, pair = change.order.wish.account, change.order.wish.pair
        listening = [one for one in self._sessions if account in one.accounts.values()]
        if not listening:
            return
        report = words.report(change, self._executions)
        balances = self._venue.balances[account]
        position = words.position(balances, (pair.base, pair.quote), change.ns)
        for session in listening:
            session.tell(account, report, is_fill=change.kind is ChangeKind.FILLED)
            if change.kind is not ChangeKind.TRIGGERED:
                session.tell(account, position, is_fill=False)


def _problem(problem: Problem) -> HttpAnswer:
    headers = {"retry-after": str(problem.retry_after_s)} if problem.retry_after_s else {}
    return HttpAnswer(problem.status, problem.body, headers)
