"""The grid of prices and volumes that a tape's own numbers lie on. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from millstream.simulator.binance.streams import wrapped
from millstream.simulator.orders import decimals_of


class _Numbers(msgspec.Struct):
    """Of a trade: p and q; of a bookTicker: the volumes B and A, and the prices b and a."""

    s: str
    p: Decimal | None = None
    b: Decimal | None = None
    a: Decimal | None = None
    q: Decimal | None = None
    B: Decimal | None = None
    A: Decimal | None = None


class _Frame(msgspec.Struct):
    stream: str
    data: _Numbers


_frame = msgspec.json.Decoder(_Frame).decode


def grids(frames: Iterable[bytes]) -> dict[str, tuple[Decimal, Decimal]]:
    """By symbol: (tick, lot), as fine as the finest price and volume of its trades and tops."""
    decimals: dict[str, tuple[int, int]] = {}
    for raw in frames:
        whole = wrapped(raw)
        if whole is None:
            continue
        try:
            numbers = _frame(whole).data
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue  # neither a trade nor a top
        prices, volumes = decimals.get(numbers.s, (0, 0))
        for price in (numbers.p, numbers.b, numbers.a):
            if price is not None:
                prices = max(prices, decimals_of(price))
        for volume in (numbers.q, numbers.B, numbers.A):
            if volume is not None:
                volumes = max(volumes, decimals_of(volume))
        decimals[numbers.s] = prices, volumes
    return {
        symbol: (Decimal(1).scaleb(-prices), Decimal(1).scaleb(-volumes))
        for symbol, (prices, volumes) in decimals.items()
    }
