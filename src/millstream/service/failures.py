"""What went wrong in a service's own code: counted, and logged once a second at most. Pure."""

from __future__ import annotations

SPEAK_EVERY_NS = 1_000_000_000


class Failures:
    """Counts failures by the method that failed."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self._unsaid: dict[tuple[str, str], int] = {}
        self._spoke_ns: dict[tuple[str, str], int] = {}

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.counts.values())

    def count(self, where: str, error: Exception, now_ns: int) -> int:
        """Count one; returns how many of its kind to report now, this one included; 0: not now."""
        self.counts[where] = self.counts.get(where, 0) + 1
        kind = where, type(error).__name__
        unsaid = self._unsaid[kind] = self._unsaid.get(kind, 0) + 1
        spoke_ns = self._spoke_ns.get(kind)
        if spoke_ns is not None and now_ns - spoke_ns < SPEAK_EVERY_NS:
            return 0
        self._spoke_ns[kind] = now_ns
        self._unsaid[kind] = 0
        return unsaid
