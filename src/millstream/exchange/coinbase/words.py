"""What both of Coinbase's feeds write alike: numbers, names of products. Pure."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from millstream.errors import UnknownName
from millstream.model import CurrencyPair

Price: TypeAlias = Annotated[float, Meta(gt=0.0, le=1e300)]
Quote: TypeAlias = Annotated[float, Meta(ge=0.0, le=1e300)]  # 0: nobody offers
Volume: TypeAlias = Annotated[float, Meta(ge=0.0, le=1e300)]
Number: TypeAlias = Annotated[int, Meta(ge=0, le=9_223_372_036_854_775_806)]


class Word(msgspec.Struct, frozen=True, gc=False):
    """Something Coinbase says. Unknown fields are no error: venues add fields."""


def product_id(pair: CurrencyPair) -> str:
    """BTC/USD as "BTC-USD"."""
    return f"{pair.base}-{pair.quote}"


def pair_of(product: str) -> CurrencyPair | None:
    """The pair of a spot product; None for futures, which have names of more parts."""
    if product.count("-") != 1:
        return None
    try:
        return CurrencyPair.parse(product)
    except UnknownName:
        return None
