"""Times as TWS writes them, to nanoseconds since 1970 UTC. Reads the system's time zones."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(-| +)(\d\d):(\d\d):(\d\d)(?: +(\S+))?")
SECOND = 1_000_000_000
LAST_SECOND = 9_223_372_036  # in the year 2262: a later one does not fit as nanoseconds


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # KeyError: no such zone
        return None


def execution_ns(text: str) -> int:
    """`20220107 10:58:10 US/Eastern`, or `20220107-15:58:10` in UTC; 0: its zone is not known."""
    found = _TIME.fullmatch(text)
    if found is None:
        return 0
    year, month, day, joint, hour, minute, second, name = found.groups()
    clock = int(hour), int(minute), int(second)
    zone = _zone(name) if name else (UTC if joint == "-" else None)
    if zone is None:
        return 0
    try:
        date = datetime(int(year), int(month), int(day), *clock, tzinfo=zone)
    except ValueError:
        return 0
    second = int(date.timestamp())
    return second * SECOND if 0 <= second <= LAST_SECOND else 0


def seconds_ns(text: str | bytes) -> int:
    """Of seconds since 1970; ValueError when they are no time that fits as nanoseconds."""
    second = int(text)
    if not 0 <= second <= LAST_SECOND:
        raise ValueError("a time out of range")
    return second * SECOND


def bar_ns(text: str) -> int:
    """The beginning of a bar: seconds since 1970, or a day as `20220107`; ValueError if neither."""
    if len(text) != 8:
        return seconds_ns(text)
    day = datetime(int(text[:4]), int(text[4:6]), int(text[6:]), tzinfo=UTC)
    return seconds_ns(f"{day.timestamp():.0f}")
