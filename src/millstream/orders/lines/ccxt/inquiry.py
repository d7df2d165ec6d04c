"""Questions to a venue by ccxt about orders, fills and what an account holds."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import ccxt
import msgspec

from millstream.model import CurrencyPair, Exchange, MyOrder
from millstream.orders.lines.answers import SeenFill
from millstream.orders.lines.ccxt.failures import sentence
from millstream.orders.lines.ccxt.kraken_future import fees_of
from millstream.orders.lines.ccxt.words import (
    Words,
    balances_of,
    fill_of,
    order_of,
    positions_of,
)
from millstream.orders.lines.instrument import Instrument
from millstream.orders.lines.venues import VenueFacts

__all__ = ["Inquiry"]

_log = logging.getLogger(__name__)

_MOST_PAGES: Final = 40
_FEE_PATIENCE_MS: Final = 10_000  # then a fill is booked without
_NONCES: Final = 4  # tries of a question, never of an order


class Inquiry:
    """Questions that belong together, and which of them failed."""

    def __init__(
        self,
        client: Any,
        exchange: Exchange,
        facts: VenueFacts,
        instruments: Mapping[str, Instrument],
    ) -> None:
        self.failures: list[str] = []
        self._client = client
        self._exchange = exchange
        self._facts = facts
        self._instruments = instruments

    async def orders(
        self, call: str, pair: CurrencyPair | None, since_ms: int | None
    ) -> list[MyOrder]:
        """A list of orders; empty, and a failure is noted, when it cannot be had whole."""
        if pair is None or since_ms is None:
            found = await self._try(getattr(self._client, call), None) or []
            self._check(call, found)
        else:
            found = await self._pages(call, pair, since_ms)
        return [one for words in found if (one := self._order(words)) is not None]

    async def order(self, order: MyOrder) -> list[MyOrder]:
        """One order by the venue's id."""
        symbol = self._facts.symbol(order.symbol)
        found = await self._try(self._client.fetch_order, order.venue_id, symbol)
        one = self._order(found) if found else None
        if one is None:
            return []
        # Of what the library could not name, our own record knows it.
        return [msgspec.structs.replace(one, order_id=order.order_id)]

    async def fills(self, pair: CurrencyPair, since_ms: int) -> list[SeenFill]:
        """The own fills of a pair."""
        contract = self._contract(self._facts.symbol(pair))
        found = await self._pages("fetch_my_trades", pair, since_ms)
        if self._facts.fees_in_log:
            found = await self._with_fees(found)
        return [one for words in found if (one := fill_of(words, contract)) is not None]

    async def holdings(self) -> dict[str, Decimal] | None:
        """What the account holds: its balances, or its positions where contracts are traded."""
        if self._facts.contracts:
            positions = await self._try(self._client.fetch_positions)
            return None if positions is None else positions_of(positions, self._contract)
        found = await self._try(self._client.fetch_balance)
        return None if found is None else balances_of(found)

    async def _with_fees(self, fills: Sequence[Words]) -> list[Words]:
        """Fills with the fees that the account's log has; a young one waits for its row.

        It is asked for again: its order has filled more than is booked.
        """
        if not fills:
            return []
        since_ms = min(int(one["timestamp"]) for one in fills) - _FEE_PATIENCE_MS
        fees: Mapping[str, Words] = {}
        try:
            fees = fees_of(await self._client.account_log(since_ms))
        except Exception as error:  # a fee proves nothing about orders: their evidence is whole
            _log.warning("%s: fees cannot be read: %s", self._exchange, sentence(error))
        waits = time.time_ns() // 1_000_000 - _FEE_PATIENCE_MS
        return [
            {**one, "fee": fees.get(str(one["id"]))}
            for one in fills
            if str(one["id"]) in fees or int(one["timestamp"]) < waits
        ]

    async def _pages(self, call: str, pair: CurrencyPair, since_ms: int) -> list[Any]:
        """A pair's rows since then; a failure is noted when they cannot be had whole."""
        facts, symbol = self._facts, self._facts.symbol(pair)
        found: dict[str, Any] = {}
        offset = facts.pages == "offset"
        whole = facts.tells_events and call in facts.ended
        since_ms -= since_ms % 1_000
        for number in range(_MOST_PAGES):
            # By an offset, whole pages are asked for: one of a single pair says not how long it is.
            further = {"ofs": number * facts.page_rows} if offset else {}
            asked = (None if offset else symbol, since_ms, facts.page_rows, further)
            page = await self._try(getattr(self._client, call), *asked) or []
            self._check(call, page)
            new = {str(row["id"]): row for row in page if str(row["id"]) not in found}
            found |= new
            if not new or whole or (not offset and len(page) < facts.page_rows):
                return [row for row in found.values() if row.get("symbol") == symbol]
            if not facts.pages:
                break
            since_ms = since_ms if offset else max(int(row["timestamp"]) for row in page)
        self.failures.append(f"{call} {pair}: more than {len(found)}, the rest was not asked")
        return [row for row in found.values() if row.get("symbol") == symbol]

    def _check(self, call: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Note a row that the library could not read, which it tells without a word."""
        if not all(row.get("id") and row.get("symbol") and row.get("side") for row in rows):
            self.failures.append(f"{call}: a row cannot be read")

    def _order(self, words: Mapping[str, Any]) -> MyOrder | None:
        contract = self._contract(str(words.get("symbol")))
        return order_of(words, self._exchange, contract, time.time_ns())

    def _contract(self, symbol: str) -> Decimal:
        instrument = self._instruments.get(symbol)
        return instrument.contract if instrument is not None else Decimal(1)

    async def _try(self, call: Callable[..., Awaitable[Any]], *given: object) -> Any:
        failure = ""
        for _ in range(_NONCES):
            try:
                return await call(*given)
            except ccxt.OrderNotFound:
                return None  # an answer: and no proof, before the grace is over
            except ccxt.InvalidNonce as error:
                failure = sentence(error)  # overtaken by a request of the same key: ask again
            except Exception as error:
                failure = sentence(error)
                break
        self.failures.append(f"{getattr(call, '__name__', 'a question')}: {failure}")
        return None
