"""The way to Interactive Brokers by ib_async, in a thread of its own: nobody waits for it.

One connection to TWS or IB Gateway. An order is sent once, never again: what came of one whose
answer was lost is for evidence to say. A connection that ended is opened by the next question.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import ib_async as library
import msgspec

from millstream.errors import ConfigError
from millstream.model import CurrencyPair, MyOrder
from millstream.orders.lines.answers import (
    Amended,
    Answer,
    Canceled,
    InDoubt,
    Moved,
    NotAmended,
    NotCanceled,
    Placed,
    Rejected,
)
from millstream.orders.lines.base import LoopLine, may_rest
from millstream.orders.lines.ib.inquiry import evidence
from millstream.orders.lines.ib.tws import Refused, Tws, sentence
from millstream.orders.lines.ib.words import (
    WARNINGS,
    Contracts,
    definite,
    instrument_of,
    order_words,
    refusal_of,
)
from millstream.orders.lines.instrument import Instrument

__all__ = ["IBLine"]

_log = logging.getLogger(__name__)


class IBLine(LoopLine):
    """A `Line` to one account. `open` before it is used, `close` at the end.

    account: which one, where the login has several. contracts: what the pairs stand for.
    """

    def __init__(
        self,
        host: str,
        port: int,
        client_id: int,
        contracts: Contracts,
        *,
        account: str = "",
        timeout_s: float = 10.0,
    ) -> None:
        super().__init__("orders-ib")
        self._contracts, self._account, self._timeout_s = contracts, account, timeout_s
        self._rules: dict[CurrencyPair, tuple[Any, Instrument]] = {}  # with their contracts
        self._tws = Tws(host, port, client_id, timeout_s, self._moved)

    def open(self) -> None:
        """Connect. Raises LoginRefused when TWS takes no session, StreamError without TWS."""
        try:
            self._start(self._tws.connect())
            accounts = self._tws.ib.client.getAccounts()
            if self._account and self._account not in accounts:
                raise ConfigError(
                    "gateway.api_key: TWS has no such account; write one that it has, or none"
                )
            if not self._account and len(accounts) > 1:
                raise ConfigError(
                    "gateway.api_key: TWS has several accounts; say there which one gets the orders"
                )
        except BaseException:
            self.close()
            raise

    # ---- what is asked, by the gateway's thread -------------------------------------------------

    def place(self, order: MyOrder) -> None:
        """Send an order, once."""
        self._begin(self._place(order), order.order_id)

    def cancel(self, order: MyOrder) -> None:
        """Ask to cancel one, behind its placing if that is under way."""
        self._begin(self._cancel(order))

    def amend(self, order: MyOrder, price: Decimal | None, volume: Decimal | None) -> None:
        """Ask for another price or volume: the order is placed again with its own number."""
        self._begin(self._amend(order, price, volume))

    def ask(
        self,
        orders: Sequence[MyOrder],
        symbols: Sequence[CurrencyPair],
        since_ns: int,
        holdings: bool,
    ) -> None:
        """Ask for every open order, and for all that ended and filled as long as TWS tells it."""
        self._begin(self._ask(symbols, holdings))

    def cancel_all_after(self, seconds: int) -> None:
        """Nothing: this venue has no such timer."""

    # ---- what is done, in the line's own thread -------------------------------------------------

    async def _disconnect(self) -> None:
        self._tws.disconnect()

    async def _place(self, order: MyOrder) -> None:
        order_id = order.order_id
        try:
            contract, instrument = await self._known(order.symbol)
            fitted = self._fit(order, instrument, refusal_of(order, contract.secType))
        except Exception as error:
            self._say(Rejected(order_id, f"nothing was sent: {sentence(error)}"))
            return
        except asyncio.CancelledError:
            self._say(Rejected(order_id, "nothing was sent: the session ended"))
            raise
        if fitted is None:
            return
        try:
            self._say(await self._sent(fitted, contract))
        except asyncio.CancelledError:
            self._say(InDoubt(order_id, "the session ended before TWS answered"))
            raise
        except Exception as error:
            self._say(InDoubt(order_id, sentence(error)))

    async def _sent(self, order: MyOrder, contract: Any) -> Answer:
        """Send it, and wait until TWS shows it or says no."""
        order_id, ib = order.order_id, self._tws.ib
        made = library.Order(**order_words(order, contract.secType, self._account))
        with self._tws.hearing(ib.client.getReqId()) as heard:
            made.orderId = heard.order_id
            trade = ib.placeOrder(contract, made)
            while True:
                told = await heard.next(self._timeout_s)
                if isinstance(told, Refused):
                    if told.code in WARNINGS:
                        _log.info("order %s: %s", order_id, told)
                    elif definite(told.code) and not trade.order.permId:
                        return Rejected(order_id, str(told))
                    else:
                        return InDoubt(order_id, str(told))
                elif trade.order.permId or trade.orderStatus.permId:
                    venue_id = str(trade.order.permId or trade.orderStatus.permId)
                    rests = may_rest(order) and trade.orderStatus.status in (
                        "PreSubmitted",
                        "Submitted",
                    )
                    return Placed(order_id, venue_id, rests and not trade.orderStatus.filled)

    async def _cancel(self, order: MyOrder) -> None:
        await self._placed(order.order_id)
        try:
            trade = await self._tws.own_trade(order.order_id, order.venue_id)
            if isinstance(trade, str):
                self._say(NotCanceled(order.order_id, trade))
                return
            with self._tws.hearing(trade.order.orderId) as heard:
                self._tws.ib.cancelOrder(trade.order)
                while True:
                    told = await heard.next(self._timeout_s)
                    if isinstance(told, Refused):
                        if told.code == _CANCELLED:
                            break
                        if told.code not in WARNINGS:
                            self._say(NotCanceled(order.order_id, str(told)))
                            return
                    elif trade.isDone():
                        break
        except Exception as error:
            self._say(NotCanceled(order.order_id, sentence(error)))
        else:
            self._say(Canceled(order.order_id))

    async def _amend(self, order: MyOrder, price: Decimal | None, volume: Decimal | None) -> None:
        order_id, sent = order.order_id, False
        wished = msgspec.structs.replace(
            order, price=price or order.price, volume=volume or order.volume
        )
        try:
            contract, instrument = await self._known(order.symbol)
            fitted = instrument.fit(wished)
            trade = await self._tws.own_trade(order_id, order.venue_id)
            if not isinstance(trade, str) and trade.isDone():
                trade = "the order has ended"
            if isinstance(fitted, str) or isinstance(trade, str):
                why = fitted if isinstance(fitted, str) else trade
                self._say(NotAmended(order_id, why, in_doubt=False))
                return
            words = order_words(fitted, contract.secType, self._account)
            again = library.Order(orderId=trade.order.orderId, permId=trade.order.permId, **words)
            with self._tws.hearing(trade.order.orderId) as heard:
                sent = True
                self._tws.ib.placeOrder(contract, again)
                while True:
                    told = await heard.next(self._timeout_s)
                    if isinstance(told, Refused):
                        if told.code not in WARNINGS:
                            # Its own words for a working order are not sure: ask how it stands.
                            self._say(NotAmended(order_id, str(told), in_doubt=True))
                            return
                    elif _same_numbers(trade.order, again):
                        break
        except asyncio.CancelledError:
            self._say(NotAmended(order_id, "the session ended", in_doubt=sent))
            raise
        except Exception as error:
            self._say(NotAmended(order_id, sentence(error), in_doubt=sent))
        else:
            venue_id = str(trade.order.permId)
            self._say(Amended(order_id, fitted.price, fitted.volume, venue_id))

    async def _ask(self, symbols: Sequence[CurrencyPair], holdings: bool) -> None:
        self._say(await evidence(self._tws, self._contracts, self._account, symbols, holdings))

    async def _known(self, pair: CurrencyPair) -> tuple[Any, Instrument]:
        """A pair's contract and its rules. Raises ConfigError, StreamError or TimeoutError."""
        await self._tws.connect()
        if pair not in self._rules:
            contract = self._contracts.contract(pair)
            found = await self._tws.details(contract)
            if len(found) != 1:
                raise ConfigError(
                    f"{pair}: {len(found) or 'no'} contracts of Interactive Brokers fit; name one "
                    "in the stream's subscribe_args.contracts, by con_id"
                )
            contract.conId = found[0].contract.conId
            self._rules[pair] = contract, instrument_of(found[0])
        return self._rules[pair]

    def _moved(self, trade: Any) -> None:
        """TWS told something of an order that nobody waits for."""
        if trade.order.orderRef and trade.order.clientId == self._tws.client_id:
            self._say(Moved(str(trade.order.orderRef)))


_CANCELLED: Final = 202  # the order is cancelled, says TWS in an error


def _same_numbers(one: Any, other: Any) -> bool:
    return bool(
        one.totalQuantity == other.totalQuantity
        and (other.orderType not in ("LMT", "STP LMT") or one.lmtPrice == other.lmtPrice)
    )
