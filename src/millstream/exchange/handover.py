"""A book whose connection is replaced by another one: it goes on, and never back in time. Pure.

The new connection was opened while the old one still sent: its snapshot is older than what was
served last. It is taken in, and so are the changes after it, but none is served before the moment
that the old connection told last.
"""

from __future__ import annotations


class Handover:
    """What one pair's book must know of the connection before.

    Moments are the venue's time and, where numbers of two connections can be compared, a number.
    `not_before_ns` is 0 but for a moment after a replacement: ask `is_old` only then.
    """

    __slots__ = ("_not_before_number", "_pending", "not_before_ns", "served_ns", "served_number")

    def __init__(self) -> None:
        self.served_ns = self.served_number = 0  # the moment of the last book served
        self.not_before_ns = self._not_before_number = 0
        self._pending = False  # the next snapshot is another connection's first

    def restart(self) -> None:
        """The book is invalid: whatever comes next is served."""
        self.not_before_ns = self._not_before_number = 0
        self._pending = False

    def begin(self, synced: bool) -> None:
        """Another connection takes over; synced: the book was valid until now."""
        self.restart()
        if synced:
            self._pending = True
            self.not_before_ns, self._not_before_number = self.served_ns, self.served_number

    def resume(self) -> bool:
        """A snapshot came; True when it is the first of a connection that took over."""
        pending, self._pending = self._pending, False
        return pending

    def is_old(self, exchange_ns: int, number: int = 0) -> bool:
        """Something later was served before."""
        if (exchange_ns, number) < (self.not_before_ns, self._not_before_number):
            return True
        if exchange_ns > self.not_before_ns:
            self.not_before_ns = 0
        return False

    def is_newer(self, exchange_ns: int, number: int = 0) -> bool:
        """Later than what was served last: what lies between was told by neither connection."""
        return (exchange_ns, number) > (self.served_ns, self.served_number)
