"""The way to Binance spot's REST without ccxt: nothing to install, nothing to import for a second.

Two threads, each with a connection of its own: one sends orders and cancels in their order, so that
a cancel is behind its placing; the other asks. A request is sent once, never again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal
from typing import Final

from millstream.errors import ConfigError, LoginRefused, StreamError
from millstream.model import CurrencyPair, Exchange, MyOrder
from millstream.orders.lines.answers import (
    Canceled,
    Evidence,
    InDoubt,
    NotAmended,
    NotCanceled,
    Placed,
    Rejected,
    Unsent,
    unlisted,
)
from millstream.orders.lines.base import AnsweringLine, may_rest
from millstream.orders.lines.binance.inquiry import Inquiry
from millstream.orders.lines.binance.rest import BinanceRest, NoAnswer, Refused
from millstream.orders.lines.binance.words import (
    Words,
    instrument_of,
    order_parameters,
    symbol_of,
)
from millstream.orders.lines.instrument import Instrument
from millstream.orders.lines.keys import Keys
from millstream.orders.lines.venues import FACTS

__all__ = ["BinanceLine"]

_log = logging.getLogger(__name__)
_EXCHANGE: Final = Exchange.BINANCE
_FACTS: Final = FACTS[_EXCHANGE]


class BinanceLine(AnsweringLine):
    """A `Line` to one account. `open` before it is used, `close` at the end.

    url: another place than the venue's own, like "http://127.0.0.1:9000".
    """

    def __init__(
        self,
        exchange: Exchange,
        keys: Keys,
        *,
        url: str = "",
        sandbox: bool = False,
        timeout_s: float = 10.0,
    ) -> None:
        if exchange is not _EXCHANGE:
            raise ConfigError(
                f'gateway.client: "own" speaks Binance spot only; {exchange} needs "ccxt"'
            )
        super().__init__()
        self._instruments: dict[CurrencyPair, Instrument] = {}
        self._pairs: dict[str, CurrencyPair] = {}
        place = {"url": url, "sandbox": sandbox, "timeout_s": timeout_s}
        self._trading = BinanceRest(keys.key, keys.secret, **place)  # type: ignore[arg-type]
        self._asking = BinanceRest(keys.key, keys.secret, **place)  # type: ignore[arg-type]
        self._unanswered: dict[str, Future[None]] = {}  # orders, by id
        self._trader = ThreadPoolExecutor(1, "orders-binance")
        self._asker = ThreadPoolExecutor(1, "evidence-binance")

    def open(self) -> None:
        """Learn the venue's instruments and try the keys.

        Raises LoginRefused when the venue does not take them, StreamError when it cannot be asked.
        """
        try:
            for rest in (self._trading, self._asking):
                rest.set_clock()
            told = self._asking.ask("GET", "/api/v3/exchangeInfo", {}, private=False)
            self._instruments = dict(instrument_of(one) for one in told["symbols"])
            self._pairs = {symbol_of(pair): pair for pair in self._instruments}
            self._asking.ask("GET", "/api/v3/account", {})
        except Refused as error:
            self.close()
            if not error.refusal.is_login:
                raise StreamError(f"gateway: binance cannot be asked ({error})") from None
            raise LoginRefused(
                f"gateway: binance does not take the key ({error}); check gateway.api_key and "
                "gateway.api_secret, and that the key may trade"
            ) from None
        except (NoAnswer, KeyError, TypeError, ValueError) as error:
            self.close()
            raise StreamError(
                f"gateway: binance cannot be asked ({error}); check the network and gateway.url, "
                "then start again"
            ) from None

    def close(self) -> None:
        """End what is under way, and the threads."""
        for worker in (self._trader, self._asker):
            worker.shutdown(wait=True, cancel_futures=True)
        for rest in (self._trading, self._asking):
            rest.close()

    # ---- what is asked, by the gateway's thread -------------------------------------------------

    def place(self, order: MyOrder) -> None:
        """Send an order, once."""
        placing = self._trader.submit(self._place, order)
        self._unanswered[order.order_id] = placing
        placing.add_done_callback(lambda _: self._unanswered.pop(order.order_id, None))

    def cancel(self, order: MyOrder) -> None:
        """Ask to cancel one, behind its placing if that is under way; one that waits never goes."""
        placing = self._unanswered.get(order.order_id)
        if placing is not None and placing.cancel():
            self._say(Unsent(order.order_id))
        else:
            self._trader.submit(self._cancel, order)

    def amend(self, order: MyOrder, price: Decimal | None, volume: Decimal | None) -> None:
        """Refused: this venue gives an order a new id then."""
        why = "this venue gives an order a new id then: cancel it and place another"
        self._say(NotAmended(order.order_id, why, in_doubt=False))

    def ask(
        self,
        orders: Sequence[MyOrder],
        symbols: Sequence[CurrencyPair],
        since_ns: int,
        holdings: bool,
    ) -> None:
        """Ask how these orders stand, for every open order, and for the pairs' fills."""
        self._asker.submit(self._ask, orders, symbols, since_ns, holdings)

    def cancel_all_after(self, seconds: int) -> None:
        """Nothing: this venue has no such timer."""

    def instrument(self, pair: CurrencyPair) -> Instrument | None:
        """The rules of a pair; None when the venue does not trade it."""
        return self._instruments.get(pair)

    # ---- what is done, in the line's own threads ------------------------------------------------

    def _place(self, order: MyOrder) -> None:
        say, order_id = self._say, order.order_id
        refusal = _FACTS.refuses(
            order.type, order.time_in_force, order.side.sign > 0, order.reduce_only
        )
        fitted = self._fit(order, self._instruments.get(order.symbol), refusal)
        if fitted is None:
            return
        try:
            made = self._trading.ask("POST", "/api/v3/order", order_parameters(fitted))
            say(Placed(order_id, str(made["orderId"]), _rests(order, made)))
        except Refused as error:
            say((Rejected if error.refusal.definite else InDoubt)(order_id, str(error)))
        except NoAnswer as error:
            say(InDoubt(order_id, str(error)))
        except Exception:
            _log.exception("binance: the answer to order %s cannot be read", order_id)
            say(InDoubt(order_id, "the venue's answer cannot be read"))

    def _cancel(self, order: MyOrder) -> None:
        named = {"symbol": symbol_of(order.symbol)}
        named |= (
            {"orderId": order.venue_id} if order.venue_id else {"origClientOrderId": order.order_id}
        )
        try:
            self._trading.ask("DELETE", "/api/v3/order", named)
        except (Refused, NoAnswer) as error:
            self._say(NotCanceled(order.order_id, str(error)))
        else:
            self._say(Canceled(order.order_id))

    def _ask(
        self,
        orders: Sequence[MyOrder],
        symbols: Sequence[CurrencyPair],
        since_ns: int,
        holdings: bool,
    ) -> None:
        asked_ns, symbols_ = time.time_ns(), frozenset(symbols)
        inquiry = Inquiry(self._asking, self._pairs)
        try:
            opened = inquiry.open()
            known, nameless = unlisted(orders, opened)
            ended = [one for order in known for one in inquiry.order(order)]
            for pair in nameless:
                ended += inquiry.all_orders(pair, since_ns // 1_000_000)
            fills = [one for pair in symbols for one in inquiry.fills(pair, since_ns // 1_000_000)]
            held = inquiry.holdings() if holdings else None
        except Exception:
            _log.exception("binance: its lists cannot be read")
            why = "its lists cannot be read"
            self._say(Evidence(asked_ns, time.time_ns(), symbols_, (), (), (), None, why))
            return
        told = (asked_ns, time.time_ns(), symbols_, tuple(opened), tuple(ended), tuple(fills))
        self._say(Evidence(*told, held, "; ".join(inquiry.failures)))


def _rests(order: MyOrder, made: Words) -> bool:
    """Whether a new order surely rests whole, as far as the venue's answer tells."""
    return may_rest(order) and made.get("status") == "NEW"
