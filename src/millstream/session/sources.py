"""Where the events of a session come from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, Protocol

from millstream.model import Event, Exchange
from millstream.stream.settings import ChannelStatistics


class Source(Protocol):
    """A live stream, or something that plays one: `exchange.live.VenueStream`."""

    @property
    def exchange(self) -> Exchange:
        """Whose events these are."""

    def start(self) -> Awaitable[None]:
        """Run until stopped."""

    def stop(self) -> Awaitable[None]:
        """End what `start` runs."""

    def bind_observer(self, observer: Any) -> object:
        """Give an observer every event, in its queues."""

    def pause_reading(self) -> None:
        """Read nothing more for now."""

    def resume_reading(self) -> None:
        """Go on."""

    def statistics(self) -> Sequence[ChannelStatistics]:
        """How each channel stands."""


class Past(Protocol):
    """Tells robots of the past: `strategy.warm_up.WarmUp`."""

    failure: str  # why the past could not be had at the last attempt; ""

    def start(self) -> Awaitable[None]:
        """Run until stopped."""

    def stop(self) -> Awaitable[None]:
        """End what `start` runs."""

    def bind_observer(self, observer: Any) -> object:
        """Give an observer every event, in its `candle_queue`."""


class Sources(NamedTuple):
    """Where the events of a session come from."""

    streams: Sequence[Source]  # the market, for the robots and the venue on paper
    past: Sequence[Past] = ()  # for the robots alone
    in_step: bool = False  # True: the market waits until everybody has done with it
    # The market in what other bots tell, bearing the time that is given with it.
    market_of: Callable[[Event, int], Sequence[Event]] | None = None
