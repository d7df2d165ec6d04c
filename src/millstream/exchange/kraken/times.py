"""Kraken's times, "2026-08-12T19:29:02.066592Z", to nanoseconds since 1970. Pure.

Frames come many to a second: the seconds of the last one are kept, and only the rest is read.
"""

from __future__ import annotations

import re
from functools import lru_cache

_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)")
_UNITS: tuple[int, ...] = tuple(10 ** (9 - digits) for digits in range(10))  # by count of digits


def nanoseconds(text: str) -> int:
    """The time; raises ValueError when it is none. "" is 0: none was sent."""
    if len(text) == 27 and text[19] == "." and text[26] == "Z":  # microseconds: nearly all are
        microseconds = text[20:26]
        if microseconds.isdecimal():
            return _seconds(text[:19]) + int(microseconds) * 1000
    if not text:
        return 0
    fraction = text[20:-1]
    if text[-1] != "Z" or (len(text) > 20 and (text[19] != "." or not fraction.isdecimal())):
        raise ValueError(f"not a time in UTC: {text[:40]}")
    seconds: int = _seconds(text[:19])
    if not fraction:
        return seconds
    if len(fraction) > 9:
        fraction = fraction[:9]
    unit: int = _UNITS[len(fraction)]
    return seconds + int(fraction) * unit


@lru_cache(maxsize=64)
def _seconds(text: str) -> int:
    """The whole seconds, in nanoseconds."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"not a time: {text[:40]}")
    year, month, day, hour, minute, second = map(int, match.groups())
    if not (1970 <= year <= 2261 and 1 <= month <= 12 and 1 <= day <= 31):
        raise ValueError(f"not a date: {text[:40]}")
    if hour > 23 or minute > 59 or second > 60:
        raise ValueError(f"not a time of day: {text[:40]}")
    # Days of the Gregorian calendar, counted in years that begin in March.
    shifted = year - (month < 3)
    days = 365 * shifted + shifted // 4 - shifted // 100 + shifted // 400
    days += (153 * ((month + 9) % 12) + 2) // 5 + day - 1 - 719_468
    return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000_000
