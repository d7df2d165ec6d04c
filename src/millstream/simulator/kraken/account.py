"""What Kraken does for an account, by REST and by websocket: orders, fills, balances. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeAlias

from millstream.model import Side, TimeInForce
from millstream.simulator.faults import FaultPlan
from millstream.simulator.front import number
from millstream.simulator.kraken import names, words
from millstream.simulator.kraken.limits import Limits
from millstream.simulator.kraken.market import Market, whole_number
from millstream.simulator.kraken.problems import Problem, invalid, of_refusal
from millstream.simulator.orders import ZERO, Fill, Order, Refused, Wish
from millstream.simulator.venue import Venue

Given: TypeAlias = Mapping[str, str]
Action: TypeAlias = Callable[[str, Given, int], Any]  # account, parameters, now_ns
_PAGE = 50


class AccountRequests:
    """Does or answers what an account asks; raises Problem."""

    def __init__(self, venue: Venue, market: Market, plan: FaultPlan, limits: Limits) -> None:
        self._venue, self._market, self._plan, self._limits = venue, market, plan, limits
        self.deadlines: dict[str, int] = {}  # by account: when all its orders are canceled
        self.changes: dict[str, Action] = {  # faults befall these
            "AddOrder": self._add,
            "AmendOrder": self._amend,
            "EditOrder": self._edit,
            "CancelOrder": self._cancel,
            "CancelAll": self._cancel_all,
            "CancelAllOrdersAfter": self._cancel_all_after,
        }
        self.questions: dict[str, tuple[int, Action]] = {  # and what they cost
            "OpenOrders": (1, self._open_orders),
            "ClosedOrders": (2, self._closed_orders),
            "QueryOrders": (1, self._query_orders),
            "TradesHistory": (2, self._trades),
            "QueryTrades": (1, self._query_trades),
            "Balance": (1, self._balance),
            "BalanceEx": (1, self._balance_ex),
            "TradeVolume": (1, self._volume),
        }

    # ---- changes --------------------------------------------------------------------------------

    def _add(self, account: str, given: Given, now_ns: int) -> Any:
        wish = self._wish(account, given)
        self._limits.order(account, wish.pair, now_ns)
        try:
            if given.get("validate") in ("true", "1"):
                self._venue.check(wish)
                return {"descr": {"order": f"{words.side(wish.side)} {wish.kind}"}}
            order = self._venue.place(wish, now_ns)
        except Refused as refused:
            raise of_refusal(refused) from None
        answer: dict[str, Any] = {"descr": {"order": words.description(order)["order"]}}
        answer["txid"] = [names.order_id(order.id)]
        if wish.client_id:
            answer["cl_ord_id"] = wish.client_id
        return answer

    def _amend(self, account: str, given: Given, now_ns: int) -> Any:
        order = self._named(account, given, now_ns)
        volume = _maybe(given, "order_qty")
        price = _maybe(given, "limit_price")
        if volume is None and price is None:
            raise invalid("order_qty")
        self._limits.amend(account, order.wish.pair, now_ns - order.created_ns, now_ns)
        try:
            self._venue.amend(order, now_ns, volume=volume, price=price)
        except Refused as refused:
            raise of_refusal(refused) from None
        return {"amend_id": names.trade_id(now_ns // 1_000, maker=False)}

    def _edit(self, account: str, given: Given, now_ns: int) -> Any:
        """Cancels and places anew: a new id, the last place in line, and no client id."""
        old = self._named(account, given, now_ns)
        if not old.open:
            raise Problem("EOrder:Unknown order")
        kept = {
            "pair": names.key(old.wish.pair),
            "type": words.side(old.wish.side),
            "ordertype": old.wish.kind,
            "volume": given.get("volume") or str(old.left),
            "price": given.get("price") or words.description(old)["price"],
            "price2": given.get("price2") or words.description(old)["price2"],
            "oflags": given.get("oflags") or ("post" if old.wish.post_only else ""),
        }
        wish = self._wish(account, kept)
        self._limits.order(account, wish.pair, now_ns)
        try:
            self._venue.check(wish)
            self._venue.cancel(old, now_ns, reason="Order replaced")
            order = self._venue.place(wish, now_ns)
        except Refused as refused:
            raise of_refusal(refused) from None
        return {
            "status": "ok",
            "txid": names.order_id(order.id),
            "originaltxid": names.order_id(old.id),
            "volume": names.fixed(order.volume, 8),
            "price": kept["price"],
            "orders_cancelled": 1,
            "descr": {"order": words.description(order)["order"]},
        }

    def _cancel(self, account: str, given: Given, now_ns: int) -> Any:
        order = self._named(account, given, now_ns)
        if not order.open:
            raise Problem("EOrder:Unknown order")
        self._end(order, now_ns)
        return {"count": 1}

    def _cancel_all(self, account: str, given: Given, now_ns: int) -> Any:
        orders = self._venue.open_orders(account)
        for order in orders:
            self._end(order, now_ns)
        return {"count": len(orders)}

    def _cancel_all_after(self, account: str, given: Given, now_ns: int) -> Any:
        timeout_s = whole_number(given, "timeout", 0, 86_400)
        if timeout_s:
            self.deadlines[account] = now_ns + timeout_s * 10**9
        else:
            self.deadlines.pop(account, None)
        until = names.iso(self.deadlines[account]) if timeout_s else "0"
        return {"currentTime": names.iso(now_ns), "triggerTime": until}

    def keep_deadlines(self, now_ns: int) -> None:
        """Cancel all orders of those whose time is over."""
        for account, deadline_ns in list(self.deadlines.items()):
            if now_ns >= deadline_ns:
                del self.deadlines[account]
                for order in self._venue.open_orders(account):
                    self._end(order, now_ns)

    def _end(self, order: Order, now_ns: int) -> None:
        age_ns = now_ns - order.created_ns
        self._limits.cancel(order.wish.account, order.wish.pair, age_ns, now_ns)
        self._venue.cancel(order, now_ns)

    # ---- questions ------------------------------------------------------------------------------

    def _open_orders(self, account: str, given: Given, now_ns: int) -> Any:
        client_id, trades = given.get("cl_ord_id"), given.get("trades") == "true"
        return {
            "open": {
                names.order_id(one.id): words.order(one, trades)
                for one in reversed(self._venue.open_orders(account))
                if not self._hidden(one, now_ns) and client_id in (None, one.wish.client_id)
            }
        }

    def _closed_orders(self, account: str, given: Given, now_ns: int) -> Any:
        client_id, trades = given.get("cl_ord_id"), given.get("trades") == "true"
        since, until = _moment(given, "start", 0.0), _moment(given, "end", 1e12)
        closed = [
            one
            for one in reversed(self._venue.orders.values())
            if one.wish.account == account
            and not one.open
            and client_id in (None, one.wish.client_id)
            and since <= one.updated_ns / 1e9 <= until
            and not self._hidden(one, now_ns)
        ]
        first = whole_number(given, "ofs", 0, 10**9)
        page = closed[first : first + _PAGE]
        told = {names.order_id(one.id): words.order(one, trades) for one in page}
        return {"closed": told, "count": len(closed)}

    def _query_orders(self, account: str, given: Given, now_ns: int) -> Any:
        trades = given.get("trades") == "true"
        if given.get("cl_ord_id") and not given.get("txid"):
            found = [self._named(account, given, now_ns)]
        else:
            texts = given.get("txid", "").split(",")
            if not texts[0] or len(texts) > _PAGE:
                raise invalid("txid")
            found = [self._named(account, {"txid": text}, now_ns) for text in texts]
        return {names.order_id(one.id): words.order(one, trades) for one in found}

    def _trades(self, account: str, given: Given, now_ns: int) -> Any:
        since, until = _moment(given, "start", 0.0), _moment(given, "end", 1e12)
        fills = [
            fill
            for fill in reversed(self._venue.fills)
            if fill.account == account and since < fill.ns / 1e9 <= until
        ]
        first = whole_number(given, "ofs", 0, 10**9)
        return {"trades": self._told(fills[first : first + _PAGE]), "count": len(fills)}

    def _query_trades(self, account: str, given: Given, now_ns: int) -> Any:
        wanted = set(given.get("txid", "").split(","))
        fills = [fill for fill in self._venue.fills if fill.account == account]
        return {name: told for name, told in self._told(fills).items() if name in wanted}

    def _told(self, fills: list[Fill]) -> dict[str, Any]:
        return {
            names.trade_id(fill.trade_id, fill.maker): words.trade(
                fill, self._venue.orders[fill.order_id]
            )
            for fill in fills
        }

    def _balance(self, account: str, given: Given, now_ns: int) -> Any:
        held = self._venue.balances[account].all
        return {
            names.asset(name): names.fixed(one.free + one.held, 10) for name, one in held.items()
        }

    def _balance_ex(self, account: str, given: Given, now_ns: int) -> Any:
        return {
            names.asset(name): {
                "balance": names.fixed(one.free + one.held, 10),
                "hold_trade": names.fixed(one.held, 10),
            }
            for name, one in self._venue.balances[account].all.items()
        }

    def _volume(self, account: str, given: Given, now_ns: int) -> Any:
        rules = self._venue.rules
        pairs = given.get("pair", "").split(",") if given.get("pair") else []

        def fees(rate: Decimal) -> dict[str, Any]:
            fee = names.fixed(rate * 100, 4)
            told = {"fee": fee, "minfee": fee, "maxfee": fee, "nextfee": None}
            return {names.key(self._market.pair(name)): told for name in pairs}

        taker, maker = fees(rules.taker_fee), fees(rules.maker_fee)
        return {"currency": "ZUSD", "volume": "0.0000", "fees": taker, "fees_maker": maker}

    # ---- reading requests -----------------------------------------------------------------------

    def _hidden(self, order: Order, now_ns: int) -> bool:
        return self._plan.hides(order.created_ns, now_ns)

    def _named(self, account: str, given: Given, now_ns: int) -> Order:
        """The order that a request names; raises Problem when it cannot be seen."""
        txid, client_id = given.get("txid", ""), given.get("cl_ord_id", "")
        if not txid and not client_id:
            raise invalid("txid")
        if txid:
            order_id = names.number_of(txid)
            if order_id is None:  # REST takes a client id in this place, too
                order = self._venue.find(account, client_id=txid)
            else:
                order = self._venue.find(account, order_id)
        else:
            order = self._venue.find(account, client_id=client_id)
        if order is None or self._hidden(order, now_ns):
            raise Problem("EOrder:Unknown order")
        return order

    def _wish(self, account: str, given: Given) -> Wish:
        if not given.get("pair"):
            raise invalid("pair")
        pair, kind = self._market.pair(given["pair"]), given.get("ordertype", "")
        if given.get("type") not in ("buy", "sell"):
            raise invalid("type")
        if kind not in words.TYPES:
            raise invalid("ordertype")
        if given.get("leverage", "none") != "none" or given.get("reduce_only") == "true":
            raise Problem("EOrder:Margin allowance exceeded")  # spot only: there is no margin here
        type_, takes_profit = words.TYPES[kind]
        flags = set(filter(None, given.get("oflags", "").split(",")))
        if not flags <= {"post", "fciq", "fcib", "nompp", "viqc"}:
            raise invalid("oflags")
        time_word = given.get("timeinforce", "").lower()
        if time_word and time_word not in words.TIMES:
            raise invalid("timeinforce")
        stop, limit = "-" in kind, kind.endswith("limit")
        if "post" in flags and kind != "limit":
            raise invalid("oflags")
        client_id = given.get("cl_ord_id", "")
        if len(client_id) > 36:
            raise invalid("cl_ord_id")
        by_quote = "viqc" in flags and kind == "market"
        volume = _needed(given, "volume")
        return Wish(
            account=account,
            pair=pair,
            side=Side.BUY if given["type"] == "buy" else Side.SELL,
            type=type_,
            volume=ZERO if by_quote else volume,
            quote_volume=volume if by_quote else ZERO,
            price=_needed(given, "price2" if stop else "price") if limit else ZERO,
            stop_price=_needed(given, "price") if stop else ZERO,
            time_in_force=words.TIMES.get(time_word, TimeInForce.GTC),
            post_only="post" in flags,
            client_id=client_id,
            takes_profit=takes_profit,
            kind=kind,
        )


def _needed(given: Given, name: str) -> Decimal:
    try:
        return number(given.get(name, ""))
    except ValueError:
        raise invalid(name) from None


def _maybe(given: Given, name: str) -> Decimal | None:
    return _needed(given, name) if given.get(name) else None


def _moment(given: Given, name: str, default: float) -> float:
    """Seconds since 1970, or the id of an order or trade, which is not taken here."""
    if not given.get(name):
        return default
    return float(_needed(given, name))
