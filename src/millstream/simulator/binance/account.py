"""What Binance does for an account, by REST and WebSocket API: orders, fills, balances. Pure.

The names are the WebSocket API's; the routes of REST lead to the same.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeAlias

from millstream.model import CurrencyPair, Side, TimeInForce
from millstream.simulator.binance import words
from millstream.simulator.binance.market import Market, Parameters, count
from millstream.simulator.binance.problems import Problem, illegal, missing, of_refusal
from millstream.simulator.faults import FaultPlan
from millstream.simulator.front import number
from millstream.simulator.orders import ZERO, Fill, Order, Refused, Wish
from millstream.simulator.venue import Venue

Action: TypeAlias = Callable[[str, Parameters, int], Any]  # account, parameters, now_ns


class AccountRequests:
    """Does or answers what an account asks; raises Problem."""

    def __init__(self, venue: Venue, market: Market, plan: FaultPlan) -> None:
        self._venue, self._market, self._plan = venue, market, plan
        self._made_ids = 0  # client ids that we made up
        self.changes: dict[str, tuple[int, Action]] = {  # faults befall these; 1: counts as order
            "order.place": (1, self._place),
            "order.cancel": (0, self._cancel),
            "order.cancelReplace": (1, self._cancel_replace),
            "order.amend.keepPriority": (0, self._amend),
            "openOrders.cancelAll": (0, self._cancel_all),
        }
        self.questions: dict[str, tuple[int, Action]] = {  # and its weight
            "order.test": (1, self._test),
            "order.status": (4, self._status),
            "openOrders.status": (6, self._open_orders),
            "allOrders": (20, self._all_orders),
            "myTrades": (20, self._my_trades),
            "account.status": (20, self._account),
            "account.commission": (20, self._commission),
            "account.rateLimits.orders": (40, lambda account, given, now_ns: []),
            "currencies": (10, self._currencies),
        }

    # ---- changes --------------------------------------------------------------------------------

    def _place(self, account: str, given: Parameters, now_ns: int) -> Any:
        wish = self._wish(account, given)
        default = "FULL" if wish.kind in ("MARKET", "LIMIT") else "ACK"
        form = given.get("newOrderRespType", default)
        if form not in ("ACK", "RESULT", "FULL"):
            raise illegal("newOrderRespType")
        try:
            return words.placed(self._venue.place(wish, now_ns), form)
        except Refused as refused:
            raise of_refusal(refused) from None

    def _test(self, account: str, given: Parameters, now_ns: int) -> Any:
        try:
            self._venue.check(self._wish(account, given))
        except Refused as refused:
            raise of_refusal(refused) from None
        return {}

    def _cancel(self, account: str, given: Parameters, now_ns: int) -> Any:
        pair = self._market.pair(given)
        order = self._find(account, pair, given, now_ns)
        wanted = given.get("cancelRestrictions")
        if order is None or not order.open:
            raise Problem(-2011, "Unknown order sent.")
        if wanted and wanted != f"ONLY_{words.status_of(order)}":
            raise Problem(-2011, "Order was not canceled due to cancel restrictions.")
        asked_as = given.get("newClientOrderId") or self._made_id()
        self._venue.cancel(order, now_ns, asked_as=asked_as)
        return words.canceled(order, asked_as)

    def _cancel_all(self, account: str, given: Parameters, now_ns: int) -> Any:
        orders = self._venue.open_orders(account, self._market.pair(given))
        if not orders:
            raise Problem(-2011, "Unknown order sent.")
        answers = []
        for order in orders:
            asked_as = self._made_id()
            self._venue.cancel(order, now_ns, asked_as=asked_as)
            answers.append(words.canceled(order, asked_as))
        return answers

    def _cancel_replace(self, account: str, given: Parameters, now_ns: int) -> Any:
        mode = given.get("cancelReplaceMode", "")
        if mode not in ("STOP_ON_FAILURE", "ALLOW_FAILURE"):
            raise missing("cancelReplaceMode")
        self._wish(account, given)  # a request that cannot be read cancels nothing
        cancel = {
            "symbol": given["symbol"],
            "orderId": given.get("cancelOrderId", ""),
            "origClientOrderId": given.get("cancelOrigClientOrderId", ""),
            "newClientOrderId": given.get("cancelNewClientOrderId", ""),
        }
        cancel_result, canceled = self._attempt(self._cancel, account, cancel, now_ns)
        if cancel_result != "SUCCESS" and mode == "STOP_ON_FAILURE":
            raise replace_failed(cancel_result, canceled, "NOT_ATTEMPTED", None)
        place_result, placed = self._attempt(self._place, account, given, now_ns)
        if "FAILURE" in (cancel_result, place_result):
            raise replace_failed(cancel_result, canceled, place_result, placed)
        return {
            "cancelResult": cancel_result,
            "newOrderResult": place_result,
            "cancelResponse": canceled,
            "newOrderResponse": placed,
        }

    def _attempt(
        self, action: Action, account: str, given: Parameters, now_ns: int
    ) -> tuple[str, Any]:
        try:
            return "SUCCESS", action(account, given, now_ns)
        except Problem as problem:
            return "FAILURE", {"code": problem.code, "msg": problem.message}

    def _amend(self, account: str, given: Parameters, now_ns: int) -> Any:
        pair = self._market.pair(given)
        order = self._find(account, pair, given, now_ns)
        if order is None or not order.open:
            raise Problem(-2013, "Order does not exist.")
        volume = _number(given, "newQty")
        if not order.filled < volume < order.volume:
            raise Problem(-2038, "The requested quantity must be less than the order's quantity.")
        try:
            self._venue.amend(order, now_ns, volume=volume, price=None)
        except Refused as refused:
            raise of_refusal(refused) from None
        amended = {"orderId": order.id, "origQty": words.text(order.volume)}
        return {"transactTime": words.ms(now_ns), "amendedOrder": words.order(order) | amended}

    # ---- questions ------------------------------------------------------------------------------

    def _status(self, account: str, given: Parameters, now_ns: int) -> Any:
        order = self._find(account, self._market.pair(given), given, now_ns)
        if order is None:
            raise Problem(-2013, "Order does not exist.")
        return words.order(order)

    def _open_orders(self, account: str, given: Parameters, now_ns: int) -> Any:
        pair = self._market.pair(given) if given.get("symbol") else None
        orders = self._venue.open_orders(account, pair)
        return [words.order(one) for one in orders if not self._hidden(one, now_ns)]

    def _all_orders(self, account: str, given: Parameters, now_ns: int) -> Any:
        pair, limit = self._market.pair(given), count(given, "limit", 500, 1_000)
        first = count(given, "orderId", 0, 2**62)
        since, until = _between(given)
        orders = [
            order
            for order in self._venue.orders.values()
            if order.wish.account == account
            and order.wish.pair == pair
            and order.id >= first
            and since <= words.ms(order.created_ns) <= until
            and not self._hidden(order, now_ns)
        ]
        oldest_first = first or given.get("startTime")
        return [words.order(one) for one in (orders[:limit] if oldest_first else orders[-limit:])]

    def _my_trades(self, account: str, given: Parameters, now_ns: int) -> Any:
        pair, limit = self._market.pair(given), count(given, "limit", 500, 1_000)
        order_id, first = count(given, "orderId", 0, 2**62), count(given, "fromId", 0, 2**62)
        since, until = _between(given)

        def asked_for(fill: Fill) -> bool:
            return (
                fill.account == account
                and fill.pair == pair
                and order_id in (0, fill.order_id)
                and fill.trade_id >= first
                and since <= words.ms(fill.ns) <= until
            )

        fills = [words.my_trade(fill) for fill in self._venue.fills if asked_for(fill)]
        return fills[:limit] if first or given.get("startTime") else fills[-limit:]

    def _account(self, account: str, given: Parameters, now_ns: int) -> Any:
        rules = self._venue.rules
        rates = {"maker": words.text(rules.maker_fee), "taker": words.text(rules.taker_fee)}
        return {
            "makerCommission": int(rules.maker_fee * 10_000),
            "takerCommission": int(rules.taker_fee * 10_000),
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": rates | {"buyer": "0.00000000", "seller": "0.00000000"},
            "canTrade": True,
            "canWithdraw": False,
            "canDeposit": False,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": words.ms(now_ns),
            "accountType": "SPOT",
            "balances": words.balances(self._venue.balances[account]),
            "permissions": ["SPOT"],
            "uid": 1,
        }

    def _commission(self, account: str, given: Parameters, now_ns: int) -> Any:
        rules, pair = self._venue.rules, self._market.pair(given)
        rates = {"maker": words.text(rules.maker_fee), "taker": words.text(rules.taker_fee)}
        standard = rates | {"buyer": "0.00000000", "seller": "0.00000000"}
        return {"symbol": words.symbol(pair), "standardCommission": standard}

    def _currencies(self, account: str, given: Parameters, now_ns: int) -> Any:
        names = {name for pair in self._venue.pairs for name in (pair.base, pair.quote)}
        held = self._venue.balances[account]
        return [
            {
                "coin": name,
                "name": name,
                "free": words.text(held.of(name).free),
                "locked": words.text(held.of(name).held),
                "depositAllEnable": False,
                "withdrawAllEnable": False,
                "isLegalMoney": False,
                "trading": True,
                "networkList": [],
            }
            for name in sorted(names | set(held.all))
        ]

    # ---- reading requests -----------------------------------------------------------------------

    def _hidden(self, order: Order, now_ns: int) -> bool:
        return self._plan.hides(order.created_ns, now_ns)

    def _find(
        self, account: str, pair: CurrencyPair, given: Parameters, now_ns: int
    ) -> Order | None:
        """The order that a request names, if it can be seen by now."""
        order_id, client_id = given.get("orderId", ""), given.get("origClientOrderId", "")
        if not (order_id or client_id):
            message = (
                "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
            )
            raise Problem(-1102, message)
        by_id = count(given, "orderId", 0, 2**62) if order_id else None
        order = self._venue.find(account, by_id, client_id)
        if order is None or order.wish.pair != pair or self._hidden(order, now_ns):
            return None
        return order

    def _made_id(self) -> str:
        self._made_ids += 1
        return f"simulated{self._made_ids:013d}"

    def _wish(self, account: str, given: Parameters) -> Wish:
        pair, kind = self._market.pair(given), given.get("type", "")
        if not given.get("side"):
            raise missing("side")
        if given["side"] not in ("BUY", "SELL"):
            raise Problem(-1117, "Invalid side.")
        if not kind:
            raise missing("type")
        if kind not in words.TYPES:
            raise Problem(-1116, "Invalid orderType.")
        type_, post_only, takes_profit = words.TYPES[kind]
        limit, stop = kind.startswith("LIMIT") or kind.endswith("_LIMIT"), "_" in kind
        stop = stop and kind != "LIMIT_MAKER"
        time_word = given.get("timeInForce", "")
        if kind.endswith("LIMIT") and not time_word:
            raise missing("timeInForce")
        if time_word and time_word not in words.TIMES:
            raise Problem(-1115, "Invalid timeInForce.")
        if time_word and not kind.endswith("LIMIT"):
            raise Problem(-1106, "Parameter 'timeInForce' sent when not required.")
        if not limit and given.get("price"):
            raise Problem(-1106, "Parameter 'price' sent when not required.")
        by_quote = kind == "MARKET" and bool(given.get("quoteOrderQty"))
        client_id = given.get("newClientOrderId", "")
        if len(client_id) > 36:
            raise illegal("newClientOrderId")
        return Wish(
            account=account,
            pair=pair,
            side=Side.BUY if given["side"] == "BUY" else Side.SELL,
            type=type_,
            volume=ZERO if by_quote else _number(given, "quantity"),
            quote_volume=_number(given, "quoteOrderQty") if by_quote else ZERO,
            price=_number(given, "price") if limit else ZERO,
            stop_price=_number(given, "stopPrice") if stop else ZERO,
            time_in_force=words.TIMES.get(time_word, TimeInForce.GTC),
            post_only=post_only,
            client_id=client_id or self._made_id(),
            takes_profit=takes_profit,
            kind=kind,
        )


def _number(given: Parameters, name: str) -> Decimal:
    if not given.get(name):
        raise missing(name)
    try:
        value = number(given[name])
    except ValueError:
        raise illegal(name) from None
    if value != round(value, 8):
        raise Problem(-1111, f"Parameter '{name}' has too much precision.")
    return value


def _between(given: Parameters) -> tuple[int, int]:
    return count(given, "startTime", 0, 2**62), count(given, "endTime", 2**62, 2**62)


def replace_failed(cancel: str, canceled: Any, place: str, placed: Any) -> Problem:
    """A cancelReplace of which not everything went well: the parts are in the answer."""
    partly = "SUCCESS" in (cancel, place)
    message = "Order cancel-replace " + ("partially failed." if partly else "failed.")
    problem = Problem(-2021 if partly else -2022, message, 409 if partly else 400)
    problem.data = {
        "cancelResult": cancel,
        "newOrderResult": place,
        "cancelResponse": canceled,
        "newOrderResponse": placed,
    }
    return problem
