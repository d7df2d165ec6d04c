"""Where a connection stands: Advanced Trade's numbering of its frames, and whether it is of use.

Advanced Trade numbers all frames of a connection together: 0, 1, 2, ..., whatever their channel.
A hole means that anything may be missing, and nothing but a new connection heals it. Pure.
"""

from __future__ import annotations

from collections.abc import Callable

from millstream.exchange.decoding import FrameCounts
from millstream.exchange.feeding import OfNoUse
from millstream.model import Channel, CurrencyPair, Event, Exchange, Gap


class Line:
    """One connection's numbering.

    on_hole: called when something is missing.
    """

    __slots__ = (
        "_channel",
        "_counts",
        "_on_hole",
        "anew",
        "expected",
        "given_up",
        "newest_ns",
        "not_before_ns",
    )

    def __init__(self, channel: Channel, counts: FrameCounts, on_hole: Callable[[], None]) -> None:
        self._channel, self._counts, self._on_hole = channel, counts, on_hole
        self.expected = -1  # the number that should come; -1: any, for the first frame
        self.given_up = ""  # why only a new connection helps; "": it does not need one
        self.anew: list[CurrencyPair] = []  # pairs that want a new subscription
        self.newest_ns = 0  # the venue's time of the last ticker
        self.not_before_ns = 0  # tickers up to this time were told by the connection before

    def restart(self) -> None:
        """A new connection begins."""
        self.expected, self.given_up = -1, ""
        self.anew.clear()

    def replaced(self) -> None:
        """Another connection takes over, which was opened while this one still sent."""
        self.restart()
        self.not_before_ns = self.newest_ns

    def give_up(self, reason: str) -> None:
        """Nothing on this connection can heal what happened."""
        self.given_up = self.given_up or reason

    def jump(self, number: int, received_ns: int) -> list[Event]:
        """The events of a frame whose number is not the expected one.

        Raises OfNoUse when it came already. The caller sets `expected` when it is done with
        the frame, so that one which cannot be used leaves a hole.
        """
        expected = self.expected
        if expected < 0:
            return []
        if number < expected:
            raise OfNoUse("a frame seen before")
        missing = number - expected
        reason = "frames of the connection are missing"
        self.give_up(f"{reason}: {expected} was expected, {number} came")
        self._counts.gaps += 1
        self._on_hole()
        return [
            Gap(
                received_ns,
                Exchange.COINBASE,
                self._channel,
                None,
                str(expected),
                str(number),
                missing,
                reason,
            )
        ]
