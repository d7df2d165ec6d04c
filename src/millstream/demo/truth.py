"""What the exchange says that happened, beside what our order store says."""

from __future__ import annotations

import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TypeAlias

import msgspec

from millstream.errors import StreamError
from millstream.model import MyTrade

_TIMEOUT_S = 10.0
_Told: TypeAlias = tuple[str, Decimal, Decimal, Decimal]  # side, price, volume, fee


class TruthFigures(msgspec.Struct, frozen=True):
    """The fills of the exchange's own book, and whether the order store has the same."""

    equal: bool
    fills: int  # of the exchange
    orders: int  # that had them
    volumes: dict[str, Decimal]  # bought and sold together, by pair
    first_difference: str = ""  # "" when there is none


class _Fill(msgspec.Struct, frozen=True):
    client_id: str
    pair: str
    side: str
    price: Decimal
    volume: Decimal
    fee: Decimal


class _Truth(msgspec.Struct, frozen=True):
    fills: list[_Fill]


def compare_with_exchange(rest: str, trades: Iterable[MyTrade]) -> TruthFigures:
    """Every fill that the exchange at `rest` knows, against the stored ones. Raises StreamError."""
    try:
        with urllib.request.urlopen(f"{rest}/_truth", timeout=_TIMEOUT_S) as answer:
            truth = msgspec.json.decode(answer.read(), type=_Truth)
    except (OSError, msgspec.DecodeError) as error:
        raise StreamError(f"the exchange does not tell its fills: {error}") from None
    volumes: defaultdict[str, Decimal] = defaultdict(Decimal)
    for fill in truth.fills:
        volumes[fill.pair] += fill.volume
    there: defaultdict[str, list[_Told]] = defaultdict(list)
    here: defaultdict[str, list[_Told]] = defaultdict(list)
    for one in truth.fills:
        there[one.client_id].append((one.side, one.price, one.volume, one.fee))
    for trade in trades:
        here[trade.order_id].append((str(trade.side), trade.price, trade.volume, trade.fee))
    difference = _first_difference(there, here)
    orders = len({fill.client_id for fill in truth.fills})
    return TruthFigures(not difference, len(truth.fills), orders, dict(volumes), difference)


def _first_difference(there: Mapping[str, list[_Told]], here: Mapping[str, list[_Told]]) -> str:
    for order_id in sorted({*there, *here}):
        theirs, ours = Counter(there.get(order_id, ())), Counter(here.get(order_id, ()))
        if theirs != ours:
            return (
                f"order {order_id}: the exchange has {_shown(theirs - ours)}, "
                f"the order store {_shown(ours - theirs)}"
            )
    return ""


def _shown(fills: Counter[_Told]) -> str:
    """What one side has and the other has not."""
    told = [
        f"{side} {volume.normalize():f} at {price.normalize():f}, fee {fee.normalize():f}"
        for side, price, volume, fee in fills.elements()
    ]
    return "; ".join(told) or "nothing more"
