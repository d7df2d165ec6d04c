"""What the exchange says that happened, beside what our order store says."""

from __future__ import annotations

import urllib.request
from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from millstream.errors import StreamError
from millstream.model import MyTrade

_TIMEOUT_S = 10.0


class TruthFigures(msgspec.Struct, frozen=True):
    """The fills of the exchange's own book, and whether the order store has the same."""

    equal: bool
    fills: int  # of the exchange
    orders: int  # that had them
    volumes: dict[str, Decimal]  # bought and sold together, by pair
    first_difference: str = ""  # "" when there is none


class _Fill(msgspec.Struct, frozen=True):
    trade_id: int
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
    there = {
        (one.client_id, str(one.trade_id)): (one.side, one.price, one.volume, one.fee)
        for one in truth.fills
    }
    stored = list(trades)
    here = {
        (one.order_id, one.trade_id): (str(one.side), one.price, one.volume, one.fee)
        for one in stored
    }
    difference = _first_difference(there, here)
    if not difference and len(stored) != len(truth.fills):
        difference = f"{len(stored)} fills are stored, the exchange had {len(truth.fills)}"
    orders = len({fill.client_id for fill in truth.fills})
    return TruthFigures(not difference, len(truth.fills), orders, dict(volumes), difference)


def _first_difference(
    there: Mapping[tuple[str, str], Any], here: Mapping[tuple[str, str], Any]
) -> str:
    for key in there.keys() | here.keys():
        if there.get(key) != here.get(key):
            order_id, trade_id = key
            return (
                f"order {order_id}, fill {trade_id}: the exchange has "
                f"{_shown(there.get(key))}, the order store {_shown(here.get(key))}"
            )
    return ""


def _shown(fill: Any) -> str:
    if fill is None:
        return "nothing"
    side, price, volume, fee = fill
    return f"{side} {volume} at {price}, fee {fee}"
