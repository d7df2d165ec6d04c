"""What the other parts hear of a robots process: that it lives, how far it is, what it watches."""

from __future__ import annotations

from typing import Final, Protocol

from millstream.orders.kill_switch import Heartbeat
from millstream.robot import RobotGroup
from millstream.robot.outgoing import Sender

__all__ = ["SignsOfLife"]

_TURNS_EVERY_NS: Final = 3_000_000_000  # the loop turns each second at least, unless a robot hangs


class Journal(Protocol):
    """The journal that the robots' loop writes: `journal.JournalWriter`."""

    @property
    def next_sequence(self) -> int:
        """Of the next event."""


class SignsOfLife:
    """The clock of the robots' loop, asked between two turns. The rest is for other threads."""

    def __init__(self, robots: RobotGroup, journal: Journal) -> None:
        self._robots, self._journal = robots, journal
        self._heartbeat = Heartbeat(_TURNS_EVERY_NS)
        self._turned = 0
        self._post: _Watched | None = None

    def watching(self, post: Sender) -> Sender:
        """The loop's way to the post: what finds no room there has not been handed over."""
        self._post = _Watched(post)
        return self._post

    def clock_ns(self) -> int:
        """The time; whoever asks has handed over the wishes of every event so far."""
        if self._post is None or not self._post.is_full:
            self._turned = self._journal.next_sequence - 1
        return self._heartbeat.clock_ns()

    def turned(self) -> int:
        """The last event whose wishes have all been handed over."""
        return self._turned

    def alive(self, now_ns: int) -> bool:
        """Whether the loop turns."""
        return not self._heartbeat.lost(now_ns)

    def markets(self) -> tuple[str, ...]:
        """What the robots in their seats watch: "binance@btc/usdt"."""
        seats = self._robots.seats
        return tuple(sorted({str(market) for one in seats for market in one.robot.markets}))

    def stop(self) -> None:
        """The loop ends in good order."""
        self._heartbeat.stop()


class _Watched:
    """A sender that remembers whether the last message found room."""

    def __init__(self, sender: Sender) -> None:
        self._sender, self.is_full = sender, False

    def send(self, body: bytes, timeout_ms: int = 10_000) -> bool:
        """As of the sender."""
        self.is_full = not self._sender.send(body, timeout_ms)
        return not self.is_full
