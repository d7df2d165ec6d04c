"""Say a repeated thing seldom. Pure."""

from __future__ import annotations


class Seldom:
    """Counts occurrences and lets one a second speak for those before it."""

    def __init__(self, every_ns: int = 1_000_000_000) -> None:
        self._every_ns = every_ns
        self._count = 0
        self._spoke_ns: int | None = None

    def count(self, now_ns: int) -> int:
        """How many to report now, this one included; 0: not now."""
        self._count += 1
        if self._spoke_ns is not None and 0 <= now_ns - self._spoke_ns < self._every_ns:
            return 0
        self._spoke_ns = now_ns
        count, self._count = self._count, 0
        return count
