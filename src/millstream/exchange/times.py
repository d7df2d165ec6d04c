"""Times as Coinbase and Kraken write them, "2026-08-12T19:29:02.066592Z", to nanoseconds. Pure.

Frames come many to a second: the seconds read lately are kept, and only the rest is read.
"""

from __future__ import annotations

import calendar
import re

from millstream.exchange.feeding import WrongFrame

_FORM = re.compile("([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})")
_UNITS = (10**9, 10**8, 10**7, 10**6, 10**5, 10**4, 10**3, 100, 10, 1)  # by count of digits
_SECONDS: dict[str, int] = {}  # what whole seconds read lately are


def nanoseconds(text: str) -> int:
    """ns since 1970 of a time in UTC, of any count of digits; raises WrongFrame when it is none."""
    seconds_ns = _SECONDS.get(text[:19])
    if seconds_ns is None:
        seconds_ns = _seconds_ns(text[:19])
    fraction = text[20:-1]
    if fraction.isdecimal() and text[19] == "." and text[-1] == "Z":
        count = len(fraction)
        if count <= 9:
            return seconds_ns + int(fraction) * _UNITS[count]
        return seconds_ns + int(fraction[:9])
    if text[19:] == "Z":
        return seconds_ns
    raise WrongFrame("a time that cannot be read, or is not UTC")


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
