"""Durations as people write them: "500ms", "5s", "1m", "1h", "1d"."""

from __future__ import annotations

import re

from millstream.errors import ConfigError

_UNITS_NS = {
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}
_DURATION = re.compile(r"(\d+)(ms|s|m|h|d)")


def parse_duration(text: str) -> int:
    """Nanoseconds of a duration; raises ConfigError when it is not one, or is zero."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or int(match[1]) == 0:
        raise ConfigError(f'"{text}" is not a duration; write it like 500ms, 5s, 1m, 1h or 1d')
    return int(match[1]) * _UNITS_NS[match[2]]
