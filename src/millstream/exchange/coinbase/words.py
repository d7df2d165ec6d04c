"""What both of Coinbase's feeds write alike: numbers, times, names of products. Pure."""

from __future__ import annotations

import calendar
import re
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from millstream.errors import UnknownName
from millstream.model import CurrencyPair

Price: TypeAlias = Annotated[float, Meta(gt=0.0, le=1e300)]
Quote: TypeAlias = Annotated[float, Meta(ge=0.0, le=1e300)]  # 0: nobody offers
Volume: TypeAlias = Annotated[float, Meta(ge=0.0, le=1e300)]
Number: TypeAlias = Annotated[int, Meta(ge=0, le=9_223_372_036_854_775_806)]


_FORM = re.compile("([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})")


class Word(msgspec.Struct, frozen=True, gc=False):
    """Something Coinbase says. Unknown fields are no error: venues add fields."""


class WrongFrame(Exception):
    """Readable, but not what this feed may carry."""


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


def nanoseconds(text: str) -> int:
    """ns since 1970 of a time like "2026-08-12T19:27:48.098821666Z"; else raises WrongFrame."""
    seconds_ns = _SECONDS.get(text[:19])
    fraction = text[20:-1]
    if seconds_ns is None:
        seconds_ns = _seconds_ns(text[:19])
    if fraction.isdigit() and text[19] == "." and text[-1] == "Z":
        if len(fraction) == 9:
            return seconds_ns + int(fraction)
        if len(fraction) == 6:
            return seconds_ns + int(fraction) * 1_000
        return seconds_ns + int(fraction[:9].ljust(9, "0"))
    if text[19:] == "Z":
        return seconds_ns
    raise WrongFrame("a time that cannot be read, or is not UTC")


_SECONDS: dict[str, int] = {}  # those read lately: all frames of one second share it


def _seconds_ns(text: str) -> int:
    found = _FORM.fullmatch(text)
    if found is None:
        raise WrongFrame("a time that cannot be read, or is not UTC")
    year, month, day, hour, minute, second = (int(part) for part in found.groups())
    if not (1970 <= year <= 2261 and 1 <= month <= 12 and 1 <= day <= 31):
        raise WrongFrame("a time out of range")
    if hour > 23 or minute > 59 or second > 60:
        raise WrongFrame("a time out of range")
    seconds_ns = calendar.timegm((year, month, day, hour, minute, second)) * 1_000_000_000
    if len(_SECONDS) >= 1_000:
        _SECONDS.clear()
    _SECONDS[text] = seconds_ns
    return seconds_ns
