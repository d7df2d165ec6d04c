"""What a venue allows one host to do: connects in a window, messages a second. Pure.

All streams of a process that talk to one host share its `Budget`: `Limits` holds them by host.
A budget says how long to wait; whoever asks does the waiting.
"""

from __future__ import annotations

import msgspec


class Rate(msgspec.Struct, frozen=True):
    """At most `times` in any `window_s` seconds."""

    times: int
    window_s: float


class HostLimits(msgspec.Struct, frozen=True):
    """What one venue allows; None and 0: no limit that we know of."""

    connects: Rate | None = None  # of one address, all streams together
    messages: Rate | None = None  # that we send on one connection
    subscriptions: int = 0  # on one connection


class TokenBucket:
    """Lets `rate.times` through at once, then as many as come back with time."""

    def __init__(self, rate: Rate) -> None:
        self._capacity = float(rate.times)
        self._per_ns = rate.times / (rate.window_s * 1e9)
        self._tokens = self._capacity
        self._at_ns: int | None = None

    def take(self, now_ns: int) -> float:
        """Take one token; the seconds to wait until it is there (0: now)."""
        if self._at_ns is not None and now_ns > self._at_ns:
            gained = (now_ns - self._at_ns) * self._per_ns
            self._tokens = min(self._capacity, self._tokens + gained)
        self._at_ns = now_ns if self._at_ns is None else max(self._at_ns, now_ns)
        self._tokens -= 1.0
        return max(0.0, -self._tokens / self._per_ns / 1e9)


class Limits:
    """The connects of each host, for all streams that are given this object."""

    def __init__(self) -> None:
        self._connects: dict[str, TokenBucket] = {}

    def connect(self, host: str, limits: HostLimits, now_ns: int) -> float:
        """Seconds to wait before the next connection to this host may be opened."""
        if limits.connects is None:
            return 0.0
        bucket = self._connects.setdefault(host, TokenBucket(limits.connects))
        return bucket.take(now_ns)


SHARED = Limits()  # what streams of one process use unless they are given another
