"""Own orders and fills: what TWS's reports become. Pure.

An order is known by its permId, which outlives sessions; TWS's orderId belongs to one client. An
openOrder frame says what was ordered, orderStatus and execDetails how far it came. None of them is
complete: repeats are normal, not every change is reported, so each is merged into what is known.
A fill waits for its commission report, which has the fee.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from millstream.exchange.decoding import FrameCounts
from millstream.exchange.ib import times, wire
from millstream.exchange.ib.contracts import Pairs
from millstream.exchange.own_orders import OwnOrders
from millstream.model import (
    Channel,
    CurrencyPair,
    Event,
    Exchange,
    Gap,
    Liquidity,
    MyTrade,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)

_IB = Exchange.IB
_SIDES = {b"BUY": Side.BUY, b"SELL": Side.SELL, b"SSHORT": Side.SELL, b"SLONG": Side.SELL}
_FILL_SIDES = {b"BOT": Side.BUY, b"SLD": Side.SELL}
_TYPES = {
    b"MKT": OrderType.MARKET,
    b"LMT": OrderType.LIMIT,
    b"STP": OrderType.STOP,
    b"STP LMT": OrderType.STOP_LIMIT,
}
_TIMES = {b"IOC": TimeInForce.IOC, b"FOK": TimeInForce.FOK}  # all others rest: DAY, GTC, GTD, OPG
_WORKING = {b"PreSubmitted", b"Submitted", b"PendingCancel"}
_STATUS = {
    b"ApiPending": OrderStatus.SENT,
    b"PendingSubmit": OrderStatus.SENT,
    b"Filled": OrderStatus.FILLED,
    b"Cancelled": OrderStatus.CANCELED,
    b"ApiCancelled": OrderStatus.CANCELED,
    # Refused, or only held until a session opens: an error 201 before it tells which.
    b"Inactive": OrderStatus.UNKNOWN,
}
_OUR_ID = re.compile(r"[A-Za-z0-9]{1,18}")
_REMEMBERED = 100_000
_WAIT_NS = 5 * times.SECOND  # for a commission report


class _Held(NamedTuple):
    trade: MyTrade
    since_ns: int


def number(text: bytes) -> Decimal | None:
    """A number as sent; None where TWS writes its greatest double for "none"."""
    value = Decimal(text.decode() or "0")
    if not value.is_finite():
        raise ValueError("not a finite number")
    return value if abs(value) < wire.UNSET_FROM else None


class OwnAccount:
    """The events of one private channel."""

    def __init__(self, channel: Channel, pairs: Pairs, counts: FrameCounts) -> None:
        self._channel, self._pairs, self._counts = channel, pairs, counts
        self._orders = OwnOrders(_IB)
        self._venue_ids: dict[bytes, str] = {}  # by the orderId that errors name
        self._open: dict[str, None] = {}  # seen since the last snapshot, in order
        self._held: dict[str, _Held] = {}  # fills without their commission yet, by execId
        self._said: dict[str, str] = {}  # execIds by what they share with their corrections

    def restart(self) -> None:
        """A new connection: a snapshot begins anew; fills that wait go on waiting."""
        self._open.clear()

    # ---- orders ---------------------------------------------------------------------------------

    def open_order(self, fields: list[bytes], now_ns: int) -> list[Event]:
        """What was ordered."""
        venue_id = _venue_id(fields[25])
        kind = _TYPES.get(fields[15], OrderType.OTHER)
        volume = number(fields[14])
        if venue_id == "" or volume is None:
            self._counts.ignore("an order without a permanent id")
            return []
        _forget(self._venue_ids)
        self._venue_ids[fields[1]] = venue_id
        self._open[venue_id] = None
        order = self._orders.order(
            now_ns,
            venue_id,
            order_id=_order_id(fields[23]),
            symbol=self._pair(fields[4], fields[3], fields[10], fields[11]),
            side=_SIDES[fields[13]],
            type=kind,
            time_in_force=_TIMES.get(fields[18], TimeInForce.GTC),
            post_only=False,
            price=_price(kind, fields),
            volume=volume,
        )
        return self._told(order)

    def status(self, fields: list[bytes], now_ns: int) -> list[Event]:
        """How far it came."""
        venue_id = _venue_id(fields[6])
        filled, remaining, average = number(fields[3]), number(fields[4]), number(fields[5])
        if venue_id == "":
            self._counts.ignore("an order without a permanent id")
            return []
        _forget(self._venue_ids)
        self._venue_ids[fields[1]] = venue_id
        if fields[2] in _WORKING:
            status = OrderStatus.PARTIAL if filled and remaining else OrderStatus.WORKING
        elif fields[2] in _STATUS:
            status = _STATUS[fields[2]]
        else:
            raise ValueError("an unknown status of an order")
        held = fields[10].decode(errors="replace") if len(fields) > 10 else ""
        order = self._orders.order(
            now_ns,
            venue_id,
            status=status,
            filled_volume=filled,
            average_price=average or None,
            reason=held or None,
        )
        return self._told(order)

    def refused(self, order_id: bytes, code: int, text: str, now_ns: int) -> list[Event]:
        """An error about an order: it was rejected or cancelled, and why."""
        venue_id = self._venue_ids.get(order_id)
        if venue_id is None or code not in (wire.ORDER_REJECTED, wire.ORDER_CANCELLED):
            self._counts.ignore(f"a notice about an order ({code})")
            return []
        rejected = code == wire.ORDER_REJECTED
        status = OrderStatus.REJECTED if rejected else OrderStatus.CANCELED
        return self._told(self._orders.order(now_ns, venue_id, status=status, reason=text))

    def snapshot_end(self, now_ns: int) -> list[Event]:
        """Every open order has been told."""
        known = [self._orders.known(venue_id) for venue_id in self._open]
        self._open.clear()
        still = [order for order in known if order is not None and order.status in _OPEN]
        batch = self._orders.batch(now_ns, still)  # what it has no more is among the ended ones
        if self._channel is not Channel.MY_ORDER_BATCH:
            self._counts.ignore("the end of a list")
            return []
        self._counts.batches += 1
        return [batch]

    # ---- fills ----------------------------------------------------------------------------------

    def execution(self, fields: list[bytes], now_ns: int) -> list[Event]:
        """A fill: of the order too, since not every fill makes an orderStatus."""
        if self._channel is not Channel.MY_TRADE:
            return self._filled(fields, now_ns)
        if fields[5] == b"BAG":
            self._counts.ignore("the sum of a combination's fills")
            return []
        trade = self._trade(fields, now_ns)
        family, _, _ = trade.trade_id.rpartition(".")
        _forget(self._said)
        said = self._said.setdefault(family or trade.trade_id, trade.trade_id)
        if said != trade.trade_id:
            self._counts.ignore("a correction of a fill")
            self._counts.gaps += 1
            what = f"a fill was corrected to {trade.volume} at {trade.price}"
            return [Gap(now_ns, _IB, self._channel, trade.symbol, said, trade.trade_id, 0, what)]
        if (fresh := self._orders.trade(trade)) is None:
            self._counts.ignore("a fill seen before")
            return []
        self._counts.buffered += 1
        self._held[trade.trade_id] = _Held(fresh, now_ns)
        return []

    def commission(self, fields: list[bytes], now_ns: int) -> list[Event]:
        """The fee of a fill, which lets it go."""
        fee = number(fields[3])
        held = self._held.pop(fields[2].decode(), None)
        self._counts.ignore("a commission report")
        if held is None:
            return []
        return [self._release(held, fee or Decimal(0), fields[4].decode(), now_ns)]

    def overdue(self, now_ns: int) -> list[Event]:
        """Fills whose commission report does not come: without their fee."""
        late = [held for held in self._held.values() if now_ns - held.since_ns >= _WAIT_NS]
        for held in late:
            del self._held[held.trade.trade_id]
        return [self._release(held, Decimal(0), "", now_ns) for held in late]

    @property
    def waits(self) -> bool:
        """True while a fill waits for its commission report."""
        return bool(self._held)

    def _release(self, held: _Held, fee: Decimal, currency: str, now_ns: int) -> MyTrade:
        self._counts.buffered -= 1
        self._counts.my_trades += 1
        return msgspec.structs.replace(
            held.trade, received_ns=now_ns, fee=fee, fee_currency=currency
        )

    def _filled(self, fields: list[bytes], now_ns: int) -> list[Event]:
        venue_id = _venue_id(fields[21])
        known = self._orders.known(venue_id)
        filled, average = number(fields[24]), number(fields[25])
        if known is None or filled is None:
            self._counts.ignore("a fill of an order that is not known")
            return []
        full = filled >= known.volume
        order = self._orders.order(
            now_ns,
            venue_id,
            status=OrderStatus.FILLED if full else OrderStatus.PARTIAL,
            filled_volume=filled,
            average_price=average or None,
        )
        return self._told(order)

    def _trade(self, fields: list[bytes], now_ns: int) -> MyTrade:
        price, volume = number(fields[20]), number(fields[19])
        trade_id = fields[14].decode()
        if price is None or volume is None or not trade_id:
            raise ValueError("a fill without price, volume or id")
        return MyTrade(
            now_ns,
            _IB,
            self._pair(fields[5], fields[4], fields[11], fields[12]),
            "",
            _order_id(fields[26]),
            trade_id,
            _FILL_SIDES[fields[18]],
            price,
            volume,
            Decimal(0),
            "",
            Liquidity.MAKER if fields[30] == b"1" else Liquidity.TAKER,
            times.execution_ns(fields[15].decode()),
            0,
        )

    def _pair(
        self, sec_type: bytes, symbol: bytes, currency: bytes, local_symbol: bytes
    ) -> CurrencyPair:
        return self._pairs.find(
            sec_type.decode(), symbol.decode(), currency.decode(), local_symbol.decode()
        )

    def _told(self, order: Event | None) -> list[Event]:
        if order is None or self._channel is not Channel.MY_ORDER:
            self._counts.ignore("a report of an order that changes nothing here")
            return []
        self._counts.my_orders += 1
        return [order]


_OPEN = {OrderStatus.SENT, OrderStatus.WORKING, OrderStatus.PARTIAL, OrderStatus.UNKNOWN}


def _forget(memory: dict[Any, str]) -> None:
    """Drop the oldest of too many."""
    if len(memory) >= _REMEMBERED:
        del memory[next(iter(memory))]


def _venue_id(text: bytes) -> str:
    return "" if text in (b"", b"0") else text.decode()


def _order_id(reference: bytes) -> str:
    text = reference.decode(errors="replace")
    return text if _OUR_ID.fullmatch(text) else ""


def _price(kind: OrderType, fields: list[bytes]) -> Decimal | None:
    if kind is OrderType.MARKET:
        return None
    return number(fields[17] if kind is OrderType.STOP else fields[16])
