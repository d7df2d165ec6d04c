"""How long to wait before the next attempt. Pure: the random number is an argument."""

from __future__ import annotations


def delay_s(failures: int, first_s: float, longest_s: float, random: float) -> float:
    """Seconds to wait after `failures` in a row (1 or more).

    random: in [0, 1). The wait is spread evenly between half of its bound and the bound, so that
    many clients of a restarted venue do not come back in the same moment.
    """
    bound = min(longest_s, first_s * 2.0 ** min(failures - 1, 30))
    return bound * (0.5 + 0.5 * random)


class Backoff:
    """Counts failures in a row and says when to give up.

    times: -1 for ever, 0 never reconnect, n at most n reconnects in a row.
    """

    def __init__(self, times: int, first_s: float, longest_s: float, healthy_s: float) -> None:
        self._times, self._first_s, self._longest_s = times, first_s, longest_s
        self._healthy_s = healthy_s
        self.failures = 0

    def ended(self, lived_s: float, random: float) -> float | None:
        """Seconds to wait after a connection that lived so long (0: never), None to give up."""
        if lived_s >= self._healthy_s:
            self.failures = 0
        self.failures += 1
        if 0 <= self._times < self.failures:
            return None
        return delay_s(self.failures, self._first_s, self._longest_s, random)
