"""The way to a crypto venue's REST by ccxt, in a thread of its own: nobody waits for it.

A request is sent once, never again: what came of one that failed on the way is for evidence to
say. An answer of 500 and above is no answer, whatever its body says.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any, Final

import ccxt.async_support as library
import msgspec

from millstream.errors import ConfigError, LoginRefused, StreamError
from millstream.model import CurrencyPair, Exchange, MyOrder
from millstream.orders.lines.answers import (
    Amended,
    Canceled,
    Evidence,
    InDoubt,
    NotAmended,
    NotCanceled,
    Placed,
    Rejected,
    SeenFill,
    Unsent,
    unlisted,
)
from millstream.orders.lines.base import LoopLine, may_rest
from millstream.orders.lines.ccxt.client import before_sending, make_client
from millstream.orders.lines.ccxt.failures import definite, is_login, sentence
from millstream.orders.lines.ccxt.inquiry import Inquiry
from millstream.orders.lines.ccxt.words import arguments, instrument_of
from millstream.orders.lines.instrument import Instrument
from millstream.orders.lines.keys import Keys
from millstream.orders.lines.venues import FACTS, VenueFacts

__all__ = ["CcxtLine"]

_log = logging.getLogger(__name__)
_OPENING_S: Final = 60.0


class _Recalled(Exception):
    """The order was canceled while it waited for its turn."""


class CcxtLine(LoopLine):
    """A `Line` to one account.

    url: another place than the venue's own, like "http://127.0.0.1:9000": its host takes the place
        of every host the library knows. sandbox: the venue's own test system.
    `open` before it is used, `close` at the end.
    """

    def __init__(
        self,
        exchange: Exchange,
        keys: Keys,
        *,
        url: str = "",
        sandbox: bool = False,
        timeout_s: float = 10.0,
        paced: bool = True,
    ) -> None:
        """paced: wait between requests as the venue's limits demand."""
        if exchange not in FACTS or not FACTS[exchange].library_name:
            raise ConfigError(
                f"gateway.exchange: orders on {exchange} are not sent by this gateway"
            )
        super().__init__(f"orders-{exchange}")
        self._exchange = exchange
        self._facts: VenueFacts = FACTS[exchange]
        self._instruments: dict[str, Instrument] = {}  # by the library's symbol
        self._venue_ids: dict[str, str] = {}  # of what was placed, by our id
        self._waiting: set[str] = set()  # orders that have not left yet
        self._recalled: set[str] = set()  # those of them that may not leave any more
        self._client = make_client(self._facts, keys, url, sandbox, timeout_s, paced)

    def open(self) -> None:
        """Learn the venue's instruments and try the keys.

        Raises LoginRefused when the venue does not take them, StreamError when it cannot be asked,
        or what it says cannot be read.
        """
        try:
            self._start(self._prepare(), _OPENING_S)
        except Exception as error:
            self.close()
            if is_login(error):
                raise LoginRefused(
                    f"gateway: {self._exchange} does not take the key ({sentence(error)}); check "
                    "gateway.api_key and gateway.api_secret, and that the key may trade"
                ) from None
            raise StreamError(
                f"gateway: {self._exchange} cannot be asked ({sentence(error)}); check the "
                "network and gateway.url, then start again"
            ) from None

    # ---- what is asked, by the gateway's thread -------------------------------------------------

    def place(self, order: MyOrder) -> None:
        """Send an order, once."""
        self._begin(self._place(order), order.order_id)

    def cancel(self, order: MyOrder) -> None:
        """Ask to cancel one, behind its placing if that is under way."""
        self._begin(self._cancel(order))

    def amend(self, order: MyOrder, price: Decimal | None, volume: Decimal | None) -> None:
        """Ask for another price or volume."""
        self._begin(self._amend(order, price, volume))

    def ask(
        self,
        orders: Sequence[MyOrder],
        symbols: Sequence[CurrencyPair],
        since_ns: int,
        holdings: bool,
    ) -> None:
        """Ask how these orders stand, for every open order, and for the pairs' fills."""
        self._begin(self._ask(orders, symbols, since_ns, holdings))

    def cancel_all_after(self, seconds: int) -> None:
        """Have the venue cancel all orders of the account if this is not said again in time."""
        self._begin(self._cancel_all_after(seconds))

    def instrument(self, pair: CurrencyPair) -> Instrument | None:
        """The rules of a pair; None when the venue does not trade it."""
        return self._instruments.get(self._facts.symbol(pair))

    # ---- what is done, in the line's own thread -------------------------------------------------

    async def _prepare(self) -> None:
        markets: Mapping[str, Any] = await self._client.load_markets()
        self._instruments = {symbol: instrument_of(one) for symbol, one in markets.items()}
        await self._client.fetch_balance()

    async def _disconnect(self) -> None:
        with suppress(library.BaseError):
            await self._client.close()

    async def _place(self, order: MyOrder) -> None:
        order_id, facts = order.order_id, self._facts
        instrument = self.instrument(order.symbol)
        refusal = facts.refuses(
            order.type, order.time_in_force, order.side.sign > 0, order.reduce_only
        )
        fitted = self._fit(order, instrument, refusal)
        if fitted is None or instrument is None:
            return
        self._waiting.add(order_id)
        before_sending.set(lambda: self._leave(order_id))
        try:
            made = await self._client.create_order(*arguments(fitted, facts, instrument))
        except _Recalled:
            self._say(Unsent(order_id))
            return
        except asyncio.CancelledError:
            self._say(InDoubt(order_id, "the session ended before the venue answered"))
            raise
        except Exception as error:
            kind = Rejected if definite(error) else InDoubt
            self._say(kind(order_id, sentence(error)))
            return
        finally:
            self._waiting.discard(order_id)
            self._recalled.discard(order_id)
        venue_id = str(made.get("id") or "")
        self._venue_ids[order_id] = venue_id
        self._say(
            Placed(order_id, venue_id, _rests(order, made))
            if venue_id
            else InDoubt(order_id, "the venue's answer names no order")
        )

    def _leave(self, order_id: str) -> None:
        """An order's turn has come. Raises _Recalled when it was canceled meanwhile."""
        self._waiting.discard(order_id)
        if order_id in self._recalled:
            raise _Recalled

    async def _cancel(self, order: MyOrder) -> None:
        waits = order.order_id in self._waiting
        if waits:
            self._recalled.add(order.order_id)
        await self._placed(order.order_id)
        if waits:
            return
        by_ours = {self._facts.client_id_parameter: order.order_id}
        venue_id = order.venue_id or self._venue_ids.get(order.order_id, "")
        parameters = {} if venue_id else by_ours
        try:
            await self._client.cancel_order(venue_id, self._facts.symbol(order.symbol), parameters)
        except Exception as error:
            self._say(NotCanceled(order.order_id, sentence(error)))
        else:
            self._say(Canceled(order.order_id))

    async def _amend(self, order: MyOrder, price: Decimal | None, volume: Decimal | None) -> None:
        instrument = self.instrument(order.symbol)
        if not self._facts.amends or instrument is None or not order.venue_id:
            why = "this venue gives an order a new id then: cancel it and place another"
            if self._facts.amends:
                why = "the venue has not said yet that it has the order"
            self._say(NotAmended(order.order_id, why, in_doubt=False))
            return
        wished = msgspec.structs.replace(
            order, price=price or order.price, volume=volume or order.volume
        )
        fitted = instrument.fit(wished)
        if isinstance(fitted, str):
            self._say(NotAmended(order.order_id, fitted, in_doubt=False))
            return
        symbol, kind, side, amount, limit, _ = arguments(fitted, self._facts, instrument)
        try:
            made = await self._client.edit_order(
                order.venue_id, symbol, kind, side, amount, limit, {}
            )
        except Exception as error:
            doubt = not definite(error)
            self._say(NotAmended(order.order_id, sentence(error), in_doubt=doubt))
            return
        if str(made.get("id") or order.venue_id) != order.venue_id:
            why = "the venue answered for another order"
            self._say(NotAmended(order.order_id, why, in_doubt=True))
        else:
            self._say(Amended(order.order_id, fitted.price, fitted.volume, order.venue_id))

    async def _cancel_all_after(self, seconds: int) -> None:
        try:
            await self._client.cancel_all_orders_after(seconds * 1000)
        except Exception as error:
            words = "%s: the timer that cancels all orders was not set: %s"
            _log.error(words, self._exchange, sentence(error))

    async def _ask(
        self,
        orders: Sequence[MyOrder],
        symbols: Sequence[CurrencyPair],
        since_ns: int,
        holdings: bool,
    ) -> None:
        inquiry = Inquiry(self._client, self._exchange, self._facts, self._instruments)
        asked_ns, since_ms = time.time_ns(), since_ns // 1_000_000
        opened: list[MyOrder] = []
        ended: list[MyOrder] = []
        fills: list[SeenFill] = []
        held: dict[str, Decimal] | None = None
        try:
            opened = await inquiry.orders("fetch_open_orders", None, None)
            known, nameless = unlisted(orders, opened)
            pairs = set(nameless)
            for order in known:
                found = await inquiry.order(order)
                ended += found
                if not found:  # venues forget ended orders' ids sooner than their lists
                    pairs.add(order.symbol)
            for pair in sorted(pairs):
                for call in self._facts.ended:
                    ended += await inquiry.orders(call, pair, since_ms)
            for pair in symbols:
                fills += await inquiry.fills(pair, since_ms)
            held = await inquiry.holdings() if holdings else None
        except Exception:
            _log.exception("%s: its lists cannot be read", self._exchange)
            inquiry.failures.append("its lists cannot be read")
        told = (asked_ns, time.time_ns(), frozenset(symbols), tuple(opened), tuple(ended))
        self._say(Evidence(*told, tuple(fills), held, "; ".join(inquiry.failures)))


def _rests(order: MyOrder, made: Mapping[str, Any]) -> bool:
    """Whether a new order surely rests whole, as far as the venue's answer tells."""
    return may_rest(order) and not made.get("filled") and made.get("status") in (None, "open")
