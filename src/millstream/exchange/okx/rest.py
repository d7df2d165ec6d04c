"""Signed REST of one account: what happened while its stream was not connected.

OKX repeats nothing after a connect, so open orders, those that are open no longer, and the fills
since the last time are asked for.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from millstream.errors import StreamError
from millstream.exchange.credentials import Credentials
from millstream.exchange.decoding import UNREADABLE
from millstream.exchange.okx import auth, wire
from millstream.exchange.okx.account import BadOrder
from millstream.exchange.okx.market import MarketDecoder
from millstream.model import Channel, Event
from millstream.stream import rest

PENDING, ORDER, FILLS = (
    "/api/v5/trade/orders-pending",
    "/api/v5/trade/order",
    "/api/v5/trade/fills-history",
)
A_PAGE = 100
MAX_PAGES = 200
OVERLAP_MS = 60_000  # fills come twice rather than not at all; their ids tell them apart
NO_SUCH_ORDER = "51603"

T = TypeVar("T")
_log = logging.getLogger(__name__)


class AccountRest:
    """Asks REST about one account, and gives its decoder the answers."""

    def __init__(
        self, host: str, credentials: Credentials, simulated: bool, timeout_s: float
    ) -> None:
        self._host, self._credentials = host, credentials
        self._simulated, self._timeout_s = simulated, timeout_s
        self._fills_since_ms = time.time_ns() // 1_000_000

    async def reconcile(self, decoder: MarketDecoder, channel: Channel) -> Sequence[Event]:
        """What the decoder did not hear, as its channel's events. Raises StreamError."""
        try:
            if channel is Channel.MY_TRADE:
                return await self._fills(decoder)
            return await self._orders(decoder, channel)
        except BadOrder as error:
            raise StreamError(f"{self._host}: orders or fills are not readable: {error}.") from None

    async def _orders(self, decoder: MarketDecoder, channel: Channel) -> Sequence[Event]:
        account = decoder.account
        assert account is not None
        asked_ns, was_open = time.time_ns(), account.open_orders
        pending: list[wire.Order] = []
        after = ""
        for _ in range(MAX_PAGES):
            page = await self._ask(
                f"{PENDING}?instType={decoder.kind}&limit={A_PAGE}{after}", list[wire.Order]
            )
            pending += page
            if len(page) < A_PAGE:
                break
            after = f"&after={page[-1].ordId}"
        else:
            raise StreamError(f"{self._host}: more open orders than {MAX_PAGES} pages hold.")
        now_ns = time.time_ns()
        if channel is Channel.MY_ORDER_BATCH:
            return [account.rest_batch(pending, asked_ns, now_ns)]
        ended: list[wire.Order] = []
        for venue_id in was_open.keys() - {order.ordId for order in pending}:
            ended += await self._order(was_open[venue_id], venue_id)
        return account.rest_orders([*pending, *ended], time.time_ns())

    async def _order(self, instrument: str, venue_id: str) -> list[wire.Order]:
        try:
            return await self._ask(
                f"{ORDER}?instId={instrument}&ordId={venue_id}", list[wire.Order]
            )
        except StreamError as error:
            if NO_SUCH_ORDER not in str(error):
                raise
            # An order cancelled without a fill is forgotten after two hours.
            _log.warning("%s: order %s is not found; it stays as it was", instrument, venue_id)
            return []

    async def _fills(self, decoder: MarketDecoder) -> Sequence[Event]:
        assert decoder.account is not None
        began_ms = time.time_ns() // 1_000_000
        path = f"{FILLS}?instType={decoder.kind}&begin={self._fills_since_ms}&limit={A_PAGE}"
        fills: list[wire.Fill] = []
        after = ""
        for _ in range(MAX_PAGES):
            page = await self._ask(path + after, list[wire.Fill])
            fills += page
            if len(page) < A_PAGE:
                break
            after = f"&after={page[-1].billId}"
        else:
            raise StreamError(f"{self._host}: more fills than {MAX_PAGES} pages hold.")
        self._fills_since_ms = began_ms - OVERLAP_MS
        return decoder.account.rest_fills(reversed(fills), time.time_ns())

    async def _ask(self, path: str, kind: type[T]) -> T:
        """The data of a signed GET's answer."""
        now = datetime.fromtimestamp(time.time_ns() // 1_000_000 / 1_000, UTC)
        text = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        raw = await rest.request(
            "GET",
            self._host + path,
            headers=auth.headers(self._credentials, text, "GET", path, self._simulated),
            timeout_s=self._timeout_s,
        )
        shown = self._host + path.partition("?")[0]
        try:
            answer = msgspec.json.decode(raw, type=wire.Answer)
            if answer.code != "0":
                raise StreamError(f"{shown} answered {answer.msg} (code {answer.code}).")
            return msgspec.json.decode(answer.data, type=kind)
        except UNREADABLE as error:
            raise StreamError(f"{shown} is not readable: {error}.") from None
