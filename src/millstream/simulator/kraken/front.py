"""Kraken spot, whole: REST and websocket v2. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from millstream.model import CurrencyPair
from millstream.simulator.faults import FaultPlan, RequestFault
from millstream.simulator.front import HttpAnswer, HttpRequest, Key, Session, fields
from millstream.simulator.history import History
from millstream.simulator.kraken import names, words
from millstream.simulator.kraken.account import AccountRequests
from millstream.simulator.kraken.limits import Limits
from millstream.simulator.kraken.market import Market
from millstream.simulator.kraken.problems import Problem, of_fault
from millstream.simulator.kraken.publish import Publisher
from millstream.simulator.kraken.security import TOKEN_LIFE_S, Security
from millstream.simulator.kraken.sessions import KrakenSession
from millstream.simulator.orders import Change, Fill
from millstream.simulator.venue import Venue

_PUBLIC, _PRIVATE = "/0/public/", "/0/private/"
_PATHS = ("/v2", "/v2/public", "/v2/private", "/")
_SNAPSHOT_TRADES = 50


class KrakenFront:
    """Speaks Kraken spot for a venue."""

    name = "kraken"

    def __init__(
        self,
        venue: Venue,
        histories: Mapping[CurrencyPair, History],
        keys: Iterable[Key],
        plan: FaultPlan,
        *,
        limits: bool = True,
    ) -> None:
        self._venue, self._plan = venue, plan
        self.security = Security(keys)
        self.market = Market(venue, histories)
        self._limits = Limits(limits)
        self.account = AccountRequests(venue, self.market, plan, self._limits)
        self.publisher = Publisher(venue, self.market)
        self._sessions: list[KrakenSession] = []
        self._ledger = 0
        venue.on_change.append(self._on_change)

    # ---- REST -----------------------------------------------------------------------------------

    def request(self, request: HttpRequest, now_ns: int) -> HttpAnswer:
        """The answer to a REST request."""
        try:
            result = self._answer(request, now_ns)
        except Problem as problem:
            return _problem(problem)
        return HttpAnswer(200, msgspec.json.encode({"error": [], "result": result}))

    def _answer(self, request: HttpRequest, now_ns: int) -> Any:
        given = _given(request)
        if request.path.startswith(_PUBLIC):
            ask = self.market.questions.get(request.path.removeprefix(_PUBLIC))
            if ask is None:
                raise Problem("EGeneral:Unknown method")
            return ask(given, now_ns)
        name = request.path.removeprefix(_PRIVATE)
        if not request.path.startswith(_PRIVATE) or request.method != "POST":
            raise Problem("EGeneral:Unknown method")
        account = self.security.rest(request, given)
        if name == "GetWebSocketsToken":
            token = self.security.new_token(account, now_ns)
            return {"token": token, "expires": TOKEN_LIFE_S}
        if name in self.account.changes:
            return self.change(name, account, given, now_ns)
        if name not in self.account.questions:
            raise Problem("EGeneral:Unknown method")
        cost, ask_account = self.account.questions[name]
        self._limits.call(account, cost, now_ns)
        return ask_account(account, given, now_ns)

    def changes_orders(self, request: HttpRequest) -> bool:
        """Whether it places, changes or cancels orders."""
        return request.path.removeprefix(_PRIVATE) in self.account.changes

    def fault(self, fault: RequestFault) -> HttpAnswer:
        """The venue's words for a seeded fault."""
        return _problem(of_fault(fault))

    # ---- websocket ------------------------------------------------------------------------------

    def open(self, path: str, now_ns: int) -> Session:
        """Websocket v2, public and private at one address."""
        if path.partition("?")[0] not in _PATHS:
            raise ValueError(f"the venue has nothing at {path}")
        session = KrakenSession(self)
        self._sessions.append(session)
        self.publisher.sessions.append(session)
        return session

    def close(self, session: Session) -> None:
        """It is gone."""
        assert isinstance(session, KrakenSession)
        self._sessions.remove(session)
        self.publisher.sessions.remove(session)

    def tell(self, now_ns: int) -> None:
        """Publish what the market did, and end the orders whose time is over."""
        self.account.keep_deadlines(now_ns)
        self.publisher.tell(now_ns)

    def change(self, name: str, account: str, given: Mapping[str, str], now_ns: int) -> Any:
        """Carry out a request about orders."""
        return self.account.changes[name](account, given, now_ns)

    def account_snapshot(self, channel: str, account: str, wants: Mapping[str, Any]) -> list[Any]:
        """What a private channel begins with."""
        if channel == "balances":
            return [
                self._balance(account, name) | {"wallets": self._wallets(account, name)}
                for name in self._venue.balances[account].all
            ]
        data: list[Any] = []
        if wants.get("snap_trades") is True:
            fills = [fill for fill in self._venue.fills if fill.account == account]
            for fill in fills[-_SNAPSHOT_TRADES:]:
                order = self._venue.orders[fill.order_id]
                data.append(words.fill(fill, order, words.STREAM_STATUS[order.status]))
        if wants.get("snap_orders", True) is not False:
            data += [
                words.whole(order, "new", order.updated_ns)
                for order in self._venue.open_orders(account)
            ]
        return data

    def _on_change(self, change: Change) -> None:
        account = change.order.wish.account
        for session in self._sessions:
            if session.private_channels.get("executions", ("", 0))[0] == account:
                for report, is_fill in words.reports(change):
                    session.tell("executions", "update", [report], is_fill=is_fill)
            if change.fill and session.private_channels.get("balances", ("", 0))[0] == account:
                session.tell("balances", "update", self._entries(change.fill), is_fill=False)

    def _balance(self, account: str, name: str) -> dict[str, Any]:
        one = self._venue.balances[account].of(name)
        amount = words.bare(one.free + one.held)
        return {"asset": name, "asset_class": "currency", "balance": amount}

    def _wallets(self, account: str, name: str) -> list[Any]:
        return [{"type": "spot", "id": "main", "balance": self._balance(account, name)["balance"]}]

    def _entries(self, fill: Fill) -> list[Any]:
        """The ledger's lines of a fill."""
        sign = fill.side.sign
        amounts = {fill.pair.base: sign * fill.volume}
        amounts[fill.pair.quote] = -sign * fill.volume * fill.price
        entries = []
        for name, amount in amounts.items():
            self._ledger += 1
            entry = self._balance(fill.account, name)
            entry |= {
                "amount": words.bare(amount),
                "fee": words.bare(fill.fee if name == fill.fee_currency else 0 * fill.fee),
                "ledger_id": names.trade_id(self._ledger, maker=False).replace("T", "L", 1),
                "ref_id": names.trade_id(fill.trade_id, fill.maker),
                "timestamp": names.iso(fill.ns),
                "type": "trade",
                "subtype": "",
                "category": "trade",
                "wallet_type": "spot",
                "wallet_id": "main",
            }
            entries.append(entry)
        return entries


def _given(request: HttpRequest) -> dict[str, str]:
    """Query and body; a body may be JSON."""
    if request.headers.get("content-type", "").startswith("application/json") and request.body:
        try:
            found = msgspec.json.decode(request.body, type=dict[str, Any])
        except msgspec.DecodeError:
            raise Problem("EGeneral:Invalid arguments") from None
        return {name: str(value) for name, value in found.items()}
    return fields(f"{request.query}&{request.body.decode('utf-8', 'replace')}")


def _problem(problem: Problem) -> HttpAnswer:
    body = msgspec.json.encode({"error": [problem.text]})
    return HttpAnswer(problem.status, body)
