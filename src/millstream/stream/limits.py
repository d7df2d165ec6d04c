"""What a venue allows one address to do: connects in a window, messages a second. Pure.

All streams of a process that talk to one host share its allowance: `Limits` holds them by host.
It says how long to wait; whoever asks does the waiting.
"""

from __future__ import annotations

from collections import deque

import msgspec


class Rate(msgspec.Struct, frozen=True):
    """At most `times` in any `window_s` seconds."""

    times: int
    window_s: float


class HostLimits(msgspec.Struct, frozen=True):
    """What one venue allows; None and 0: no limit that we know of."""

    connects: Rate | None = None  # of one address, all streams together
    messages: Rate | None = None  # that we send on one connection
    messages_in_all: Rate | None = None  # that we send to one address, all streams together
    subscriptions: int = 0  # on one connection


class Allowance:
    """Lets `rate.times` through at once, the next when the first of them is `window_s` old.

    Unlike a bucket of tokens it keeps the limit in every window, the first one included.
    """

    def __init__(self, rate: Rate) -> None:
        self._window_ns = int(rate.window_s * 1e9)
        self._taken_ns: deque[int] = deque(maxlen=rate.times)  # when the last ones went through

    def take(self, now_ns: int) -> float:
        """Take one; the seconds to wait until it may be used (0: now)."""
        taken = self._taken_ns
        free_ns = taken[0] + self._window_ns if len(taken) == taken.maxlen else now_ns
        at_ns = max(now_ns, free_ns, taken[-1] if taken else now_ns)
        taken.append(at_ns)
        return (at_ns - now_ns) / 1e9


class Limits:
    """The connects and messages of each host, for all streams that are given this object."""

    def __init__(self) -> None:
        self._connects: dict[str, Allowance] = {}
        self._messages: dict[str, Allowance] = {}

    def connect(self, host: str, limits: HostLimits, now_ns: int) -> float:
        """Seconds to wait before the next connection to this host may be opened."""
        return _take(self._connects, host, limits.connects, now_ns)

    def message(self, host: str, limits: HostLimits, now_ns: int) -> float:
        """Seconds to wait before the next message to this host may be sent."""
        return _take(self._messages, host, limits.messages_in_all, now_ns)


def _take(allowances: dict[str, Allowance], host: str, rate: Rate | None, now_ns: int) -> float:
    if rate is None:
        return 0.0
    return allowances.setdefault(host, Allowance(rate)).take(now_ns)


SHARED = Limits()  # what streams of one process use unless they are given another
