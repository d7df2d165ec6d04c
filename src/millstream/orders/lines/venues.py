"""What each venue guarantees about orders, and how it is asked. Facts, one line each; pure.

Sources: the venues' own REST pages and the unified methods of ccxt 4.5; `docs/orders.md` shows the
table to people. What is not known for sure is taken for the worse.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from millstream.model import CurrencyPair, Exchange, OrderType, TimeInForce

__all__ = ["FACTS", "VenueFacts"]

_PLAIN: Final = frozenset({OrderType.MARKET, OrderType.LIMIT})
_ALL: Final = _PLAIN | {OrderType.STOP, OrderType.STOP_LIMIT}
_GTC, _IOC, _FOK = TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK


class VenueFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One venue."""

    library_name: str  # its class in ccxt; "": it is not one of ccxt's
    client_id_parameter: str = "clientOrderId"  # how ours is passed
    client_id_scope: str  # where ours is unique
    cancels_by_client_id: bool = True  # False: only once the venue's id is known
    not_found_grace_s: int  # for so long "there is no such order" proves nothing
    cancel_on_disconnect: str  # what the venue does with resting orders when we are gone
    limits: str  # of requests
    contracts: bool = False  # it trades contracts that are linear in the quote currency
    types: frozenset[OrderType] = _PLAIN
    times: frozenset[TimeInForce] = frozenset({_GTC, _IOC, _FOK})
    times_in_lower_case: bool = False
    stop_parameter: str = ""
    market_buys_by_volume: bool = True
    market_buy_parameters: tuple[tuple[str, str], ...] = ()
    reduce_only: bool = False
    amends: bool = True
    ended: tuple[str, ...]  # the calls that tell of ended orders
    page_rows: int = 100  # of one answer of a list
    pages: Literal["", "since", "offset"] = ""  # how to ask for the rest; "": not at all
    fees_in_log: bool = False  # its fills tell none: `ccxt/kraken_future.py`
    tells_events: bool = False  # ended orders come as events, whole: `ccxt/kraken_future.py`
    growing_nonce: bool = False  # requests have to arrive in their order
    dead_man: bool = False  # it cancels all orders of the account when a timer is not renewed
    fills_by_stream: bool = True  # False: its stream has no fills of its own, only REST has

    def symbol(self, pair: CurrencyPair) -> str:
        """The pair as the library spells it."""
        linear = f":{pair.quote}" if self.contracts else ""
        return f"{pair.base}/{pair.quote}{linear}"

    def refuses(self, type_: OrderType, time: TimeInForce, buys: bool, reduces: bool) -> str:
        """Why an order of this kind cannot be placed here; "" when it can."""
        if type_ not in self.types:
            return f"{type_} orders are not placed on this venue"
        if type_ in (OrderType.LIMIT, OrderType.STOP_LIMIT) and time not in self.times:
            return f"{time} orders are not taken by this venue"
        if type_ is OrderType.MARKET and buys and not self.market_buys_by_volume:
            return "market buys by volume are not taken by this venue: wish a limit order with IOC"
        if reduces and not self.reduce_only:
            return "reduce-only orders need a futures account"
        return ""


_NOTHING_CANCELED: Final = "nothing: orders rest on"
_DEAD_MAN: Final = "nothing, unless gateway.cancel_all_after_s is set"

FACTS: Final[dict[Exchange, VenueFacts]] = {
    Exchange.BINANCE: VenueFacts(
        library_name="binance",
        page_rows=500,
        pages="since",
        client_id_scope="open orders of a pair",
        not_found_grace_s=90,  # seen: "does not exist" a minute after it was created
        cancel_on_disconnect=_NOTHING_CANCELED,
        limits="6000 weight/min per address, 100 orders/10 s per account",
        types=_ALL,
        stop_parameter="stopLossPrice",
        amends=False,  # only a smaller volume, or a new order with another id
        ended=("fetch_orders",),
    ),
    Exchange.BINANCE_FUTURE: VenueFacts(
        library_name="binanceusdm",
        page_rows=500,
        pages="since",
        client_id_scope="open orders of a pair",
        not_found_grace_s=90,
        cancel_on_disconnect=_NOTHING_CANCELED,
        limits="2400 weight/min per address, 300 orders/10 s per account",
        contracts=True,
        reduce_only=True,
        ended=("fetch_orders",),
    ),
    Exchange.KRAKEN: VenueFacts(
        library_name="kraken",
        page_rows=50,
        pages="offset",
        growing_nonce=True,
        client_id_scope="open orders of the account",
        not_found_grace_s=90,  # seen: REST a minute behind the stream
        cancel_on_disconnect=_DEAD_MAN,
        dead_man=True,
        limits="a counter per pair: 60, 125 or 180 by tier; a cancel within 5 s costs 8",
        types=_ALL,
        times=frozenset({_GTC, _IOC}),
        stop_parameter="stopLossPrice",
        ended=("fetch_closed_orders",),
    ),
    Exchange.KRAKEN_FUTURE: VenueFacts(
        library_name="krakenfutures",
        growing_nonce=True,
        client_id_scope="the account",
        cancels_by_client_id=False,
        not_found_grace_s=90,
        cancel_on_disconnect=_DEAD_MAN,
        dead_man=True,
        limits="500 points/10 s, an order is 10",
        contracts=True,
        types=_ALL,
        times=frozenset({_GTC, _IOC}),
        times_in_lower_case=True,  # an "IOC" would rest
        stop_parameter="triggerPrice",
        reduce_only=True,
        ended=("fetch_closed_orders",),
        tells_events=True,
        fees_in_log=True,
    ),
    Exchange.COINBASE: VenueFacts(
        library_name="coinbase",
        client_id_parameter="client_order_id",
        client_id_scope="the account: a second order with it is the first one's answer",
        cancels_by_client_id=False,
        not_found_grace_s=60,
        cancel_on_disconnect=_NOTHING_CANCELED,
        limits="30 private requests/s",
        market_buys_by_volume=False,
        ended=("fetch_orders",),
        fills_by_stream=False,
    ),
    Exchange.OKX: VenueFacts(
        library_name="okx",
        client_id_scope="the account",
        not_found_grace_s=60,
        cancel_on_disconnect=_DEAD_MAN,
        dead_man=True,
        limits="60 orders/2 s per pair, 1000/2 s per account",
        market_buy_parameters=(("tgtCcy", "base_ccy"),),
        ended=("fetch_closed_orders", "fetch_canceled_orders"),
    ),
    Exchange.OKX_SWAP: VenueFacts(
        library_name="okx",
        client_id_scope="the account",
        not_found_grace_s=60,
        cancel_on_disconnect=_DEAD_MAN,
        dead_man=True,
        limits="60 orders/2 s per pair, 1000/2 s per account",
        contracts=True,
        reduce_only=True,
        ended=("fetch_closed_orders", "fetch_canceled_orders"),
    ),
    Exchange.IB: VenueFacts(
        library_name="",
        client_id_parameter="orderRef",
        client_id_scope="nothing: ours is a note on the order, and TWS's own number counts",
        not_found_grace_s=90,
        cancel_on_disconnect=_NOTHING_CANCELED,
        limits="45 messages/s to TWS, about 15 working orders per contract and side",
        types=_ALL,
        ended=(),
    ),
}
