"""The way to a crypto venue's REST by ccxt, in a thread of its own: nobody waits for it.

A request is sent once, never again: what came of one that failed on the way is for evidence to
say. An answer of 500 and above is no answer, whatever its body says.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from queue import Empty, SimpleQueue
from typing import Any, Final

import ccxt.async_support as library
import msgspec

from millstream.errors import ConfigError, LoginRefused, StreamError
from millstream.model import CurrencyPair, Exchange, MyOrder, OrderType, TimeInForce
from millstream.orders.lines.answers import (
    Amended,
    Answer,
    Canceled,
    Evidence,
    InDoubt,
    NotAmended,
    NotCanceled,
    Placed,
    Rejected,
    SeenFill,
    unlisted,
)
from millstream.orders.lines.ccxt.client import make_client
from millstream.orders.lines.ccxt.failures import definite, is_login, sentence
from millstream.orders.lines.ccxt.words import (
    arguments,
    balances_of,
    fill_of,
    instrument_of,
    order_of,
)
from millstream.orders.lines.instrument import Instrument
from millstream.orders.lines.keys import Keys
from millstream.orders.lines.venues import FACTS, VenueFacts

__all__ = ["CcxtLine"]

_log = logging.getLogger(__name__)
_MOST_PAGES: Final = 40
_OPENING_S: Final = 60.0
_CLOSING_S: Final = 5.0


class CcxtLine:
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
        self._exchange = exchange
        self._facts: VenueFacts = FACTS[exchange]
        self._answers: SimpleQueue[Answer] = SimpleQueue()
        self._instruments: dict[str, Instrument] = {}  # by the library's symbol
        self._placing: dict[str, asyncio.Task[None]] = {}
        self._venue_ids: dict[str, str] = {}  # of what was placed, by our id
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"orders-{exchange}", daemon=True)
        self._client = make_client(self._facts, keys, url, sandbox, timeout_s, paced)

    def open(self) -> None:
        """Learn the venue's instruments and try the keys.

        Raises LoginRefused when the venue does not take them, StreamError when it cannot be asked.
        """
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._prepare(), self._loop).result(_OPENING_S)
        except (library.BaseError, TimeoutError) as error:
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

    def close(self) -> None:
        """End what is under way, and the thread."""
        if not self._thread.is_alive():
            return
        with suppress(TimeoutError, library.BaseError):
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(_CLOSING_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSING_S)

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
        balances: bool,
    ) -> None:
        """Ask how these orders stand, for every open order, and for the pairs' fills."""
        self._begin(self._ask(orders, symbols, since_ns, balances))

    def cancel_all_after(self, seconds: int) -> None:
        """Have the venue cancel all orders of the account if this is not said again in time."""
        self._begin(self._cancel_all_after(seconds))

    def answers(self) -> list[Answer]:
        """What came back since this was called last."""
        found: list[Answer] = []
        with suppress(Empty):
            while True:
                found.append(self._answers.get_nowait())
        return found

    def instrument(self, pair: CurrencyPair) -> Instrument | None:
        """The rules of a pair; None when the venue does not trade it."""
        return self._instruments.get(self._facts.symbol(pair))

    # ---- what is done, in the line's own thread -------------------------------------------------

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    def _begin(self, work: Awaitable[None], order_id: str = "") -> None:
        def start() -> None:
            task = asyncio.ensure_future(work, loop=self._loop)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            if order_id:
                self._placing[order_id] = task
                task.add_done_callback(lambda _: self._placing.pop(order_id, None))

        self._loop.call_soon_threadsafe(start)

    async def _prepare(self) -> None:
        markets: Mapping[str, Any] = await self._client.load_markets()
        self._instruments = {symbol: instrument_of(one) for symbol, one in markets.items()}
        await self._client.fetch_balance()

    async def _end(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.close()

    async def _place(self, order: MyOrder) -> None:
        order_id, facts = order.order_id, self._facts
        refusal = facts.refuses(
            order.type, order.time_in_force, order.side.sign > 0, order.reduce_only
        )
        instrument = self.instrument(order.symbol)
        if instrument is None:
            refusal = refusal or f"{order.symbol} is not traded on {self._exchange}"
        if refusal or instrument is None:
            self._say(Rejected(order_id, refusal))
            return
        fitted = instrument.fit(order)
        if isinstance(fitted, str):
            self._say(Rejected(order_id, fitted))
            return
        if (fitted.price, fitted.volume) != (order.price, order.volume):
            self._say(Amended(order_id, fitted.price, fitted.volume))
        try:
            made = await self._client.create_order(*arguments(fitted, facts, instrument))
        except asyncio.CancelledError:
            self._say(InDoubt(order_id, "the session ended before the venue answered"))
            raise
        except Exception as error:
            kind = Rejected if definite(error) else InDoubt
            self._say(kind(order_id, sentence(error)))
            return
        venue_id = str(made.get("id") or "")
        self._venue_ids[order_id] = venue_id
        self._say(
            Placed(order_id, venue_id, _rests(order, made))
            if venue_id
            else InDoubt(order_id, "the venue's answer names no order")
        )

    async def _cancel(self, order: MyOrder) -> None:
        placing = self._placing.get(order.order_id)
        if placing is not None:
            await asyncio.wait({placing})
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
        balances: bool,
    ) -> None:
        inquiry = _Inquiry(self._client, self._exchange, self._facts, self._instruments)
        asked_ns, since_ms = time.time_ns(), since_ns // 1_000_000
        opened = await inquiry.orders("fetch_open_orders", None, None)
        known, nameless = unlisted(orders, opened)
        ended = [one for order in known for one in await inquiry.order(order)]
        for pair in nameless:
            for call in self._facts.ended:
                ended += await inquiry.orders(call, pair, since_ms)
        fills: list[SeenFill] = []
        for pair in symbols:
            fills += await inquiry.fills(pair, since_ms)
        held = await inquiry.balances() if balances else None
        told = (asked_ns, time.time_ns(), frozenset(symbols), tuple(opened), tuple(ended))
        self._say(Evidence(*told, tuple(fills), held, "; ".join(inquiry.failures)))

    def _say(self, answer: Answer) -> None:
        self._answers.put(answer)


class _Inquiry:
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
        return [one for words in found if (one := fill_of(words, contract)) is not None]

    async def balances(self) -> dict[str, Decimal] | None:
        """What the account holds."""
        found = await self._try(self._client.fetch_balance)
        return None if found is None else balances_of(found)

    async def _pages(self, call: str, pair: CurrencyPair, since_ms: int) -> list[Any]:
        """A pair's rows since then; a failure is noted when they cannot be had whole."""
        facts, symbol = self._facts, self._facts.symbol(pair)
        found: dict[str, Any] = {}
        offset = facts.pages == "offset"
        since_ms -= since_ms % 1_000
        for number in range(_MOST_PAGES):
            # By an offset, whole pages are asked for: one of a single pair says not how long it is.
            further = {"ofs": number * facts.page_rows} if offset else {}
            asked = (None if offset else symbol, since_ms, facts.page_rows, further)
            page = await self._try(getattr(self._client, call), *asked) or []
            new = {str(row["id"]): row for row in page if str(row["id"]) not in found}
            found |= new
            if not new or (not offset and len(page) < facts.page_rows):
                return [row for row in found.values() if row.get("symbol") == symbol]
            if not facts.pages:
                break
            since_ms = since_ms if offset else max(int(row["timestamp"]) for row in page)
        self.failures.append(f"{call} {pair}: more than {len(found)}, the rest was not asked")
        return [row for row in found.values() if row.get("symbol") == symbol]

    def _order(self, words: Mapping[str, Any]) -> MyOrder | None:
        contract = self._contract(str(words.get("symbol")))
        return order_of(words, self._exchange, contract, time.time_ns())

    def _contract(self, symbol: str) -> Decimal:
        instrument = self._instruments.get(symbol)
        return instrument.contract if instrument is not None else Decimal(1)

    async def _try(self, call: Callable[..., Awaitable[Any]], *given: object) -> Any:
        try:
            return await call(*given)
        except library.OrderNotFound:
            return None  # an answer: and no proof, before the grace is over
        except Exception as error:
            name = getattr(call, "__name__", "a question")
            self.failures.append(f"{name}: {sentence(error)}")
            return None


def _rests(order: MyOrder, made: Mapping[str, Any]) -> bool:
    """Whether a new order surely rests whole, as far as the venue's answer tells."""
    if order.type is OrderType.MARKET or order.time_in_force is not TimeInForce.GTC:
        return False
    return not made.get("filled") and made.get("status") in (None, "open")
