"""Signed REST of one account: what happened while its stream was not connected.

Binance repeats nothing after a connect, so the open orders, those that are open no longer, and the
fills since the last time are asked for, pair by pair.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec

from millstream.errors import StreamError
from millstream.exchange.binance.account import order_ids, trade_and_order_ids
from millstream.exchange.binance.account_wire import ServerTime
from millstream.exchange.binance.auth import Signer, signed_query
from millstream.exchange.binance.private import PrivateDecoder
from millstream.exchange.binance.wire import symbol
from millstream.exchange.decoding import UNREADABLE
from millstream.model import Channel, CurrencyPair, Event
from millstream.stream import rest

TRADES_A_PAGE = 1_000
MAX_PAGES = 200
OVERLAP_MS = 1_000  # fills come twice rather than not at all; their ids tell them apart

_log = logging.getLogger(__name__)


class AccountPaths(msgspec.Struct, frozen=True):
    """Where a market's REST pages are, below its host."""

    time: str
    order: str
    open_orders: str
    trades: str


SPOT = AccountPaths("/api/v3/time", "/api/v3/order", "/api/v3/openOrders", "/api/v3/myTrades")
USD_M = AccountPaths(
    "/fapi/v1/time", "/fapi/v1/order", "/fapi/v1/openOrders", "/fapi/v1/userTrades"
)


class AccountRest:
    """Asks REST about one account, for one private channel's decoder.

    since_ms: fills from here on are fetched the first time; 0: from the first time on.
    """

    def __init__(
        self,
        decoder: PrivateDecoder,
        pairs: Sequence[CurrencyPair],
        host: str,
        paths: AccountPaths,
        key: str,
        sign: Signer,
        *,
        recv_window_ms: int = 5_000,
        timeout_s: float = 10.0,
        since_ms: int = 0,
    ) -> None:
        self.decoder, self._pairs = decoder, pairs
        self._host, self._paths = host, paths
        self._key, self._sign = key, sign
        self._recv_window_ms, self._timeout_s = recv_window_ms, timeout_s
        self._offset_ms = 0  # the venue's clock is ahead of ours by so much
        self._since_ms = since_ms
        self._found: list[Event] = []  # and not given out yet: another question failed

    @property
    def now_ms(self) -> int:
        """The venue's time, as far as is known."""
        return time.time_ns() // 1_000_000 + self._offset_ms

    async def read_clock(self) -> None:
        """Learn how far the venue's clock is from ours: it refuses requests of another time."""
        before_ns = time.time_ns()
        raw = await rest.get(self._host + self._paths.time, self._timeout_s)
        middle_ms = (before_ns + time.time_ns()) // 2_000_000
        try:
            told = msgspec.json.decode(raw, type=ServerTime).server_time
        except UNREADABLE as error:
            raise StreamError(f"{self._host}{self._paths.time} is not readable: {error}.") from None
        self._offset_ms = told - middle_ms

    async def _ask(self, path: str, **parameters: str | int) -> bytes:
        """The answer to a signed GET."""
        limits = {"recvWindow": self._recv_window_ms}
        query = signed_query(parameters | limits, self.now_ms, self._sign)
        url = f"{self._host}{path}?{query}"
        return await rest.request(
            "GET", url, headers={"X-MBX-APIKEY": self._key}, timeout_s=self._timeout_s
        )

    async def request(self, method: str, path: str) -> bytes:
        """The answer to a request that carries the key and needs no signature."""
        return await rest.request(
            method,
            self._host + path,
            headers={"X-MBX-APIKEY": self._key},
            timeout_s=self._timeout_s,
        )

    async def reconcile(self) -> Sequence[Event]:
        """What the decoder did not hear, as its channel's events. Raises StreamError."""
        await self.read_clock()
        try:
            if self.decoder.channel is Channel.MY_TRADE:
                await self._trades()
            else:
                await self._orders()
        except (*UNREADABLE, ValueError, ArithmeticError) as error:
            raise StreamError(
                f"{urlsplit(self._host).netloc}: orders or fills are not readable: {error}."
            ) from None
        found, self._found = self._found, []
        # The stream may have told of something newer while we asked on.
        return [event for event in found if self.decoder.account.is_news(event)]

    async def _orders(self) -> None:
        account = self.decoder.account
        asked_ns = time.time_ns()
        named: list[str] = []
        for pair in self._pairs:
            was_open = account.open_orders(pair)
            raw = await self._ask(self._paths.open_orders, symbol=symbol(pair))
            self._found += account.rest_orders(raw, time.time_ns())
            now_open = order_ids(raw)
            named += now_open
            for venue_id in set(was_open) - set(now_open):
                self._found += await self._order(pair, venue_id)
        if self.decoder.channel is Channel.MY_ORDER_BATCH:
            self._found = [account.batch(named, asked_ns, time.time_ns())]

    async def _order(self, pair: CurrencyPair, venue_id: str) -> Sequence[Event]:
        try:
            raw = await self._ask(self._paths.order, symbol=symbol(pair), orderId=venue_id)
        except StreamError as error:
            if "-2013" not in str(error):
                raise
            # "Order does not exist" is no proof: it has been said a minute after its creation.
            _log.warning("%s: order %s is not found; it stays as it was", pair, venue_id)
            return []
        return self.decoder.account.rest_orders(raw, time.time_ns())

    async def _trades(self) -> None:
        account = self.decoder.account
        began_ms = self.now_ms
        self._since_ms = since_ms = self._since_ms or began_ms  # also when this attempt fails
        for pair in self._pairs:
            where: dict[str, str | int] = {"startTime": since_ms}
            for _ in range(MAX_PAGES):
                raw = await self._ask(
                    self._paths.trades, symbol=symbol(pair), limit=TRADES_A_PAGE, **where
                )
                ids = trade_and_order_ids(raw)
                for venue_id in dict.fromkeys(order_id for _, order_id in ids):
                    if not account.knows(venue_id):  # a fill by REST does not name our own id
                        await self._order(pair, venue_id)
                self._found += account.rest_trades(raw, time.time_ns())
                if len(ids) < TRADES_A_PAGE:
                    break
                where = {"fromId": max(ids)[0] + 1}
            else:
                raise StreamError(f"{pair}: more fills than {MAX_PAGES} pages hold.")
        self._since_ms = began_ms - OVERLAP_MS
