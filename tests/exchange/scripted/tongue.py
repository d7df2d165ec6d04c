"""What a venue's language must be able to say. One file for each venue; all look alike."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from tests.exchange.scripted.market import Bar, Change, Deal, PairMarket

if TYPE_CHECKING:
    from tests.exchange.scripted.venue import Line, ScriptedVenue


class Tongue(ABC):
    """One venue's words, for market data: messages in, frames out."""

    exchange: ClassVar[str]
    label: ClassVar[str] = ""  # where an exchange has several tongues
    quote: ClassVar[str] = "USDT"
    candles: ClassVar[bool] = True
    numbered_books: ClassVar[bool] = True  # a lost frame shows by a number
    most_changes: ClassVar[int] = 4  # in one frame
    candle_interval: ClassVar[str] = "5m"
    settings: ClassVar[dict[str, Any]] = {}

    @abstractmethod
    def name(self, pair: str) -> str:
        """The venue's name of a pair."""

    @abstractmethod
    def hear(self, venue: ScriptedVenue, line: Line, message: Any) -> None:
        """Answer a message: subscriptions, pings, logins."""

    @abstractmethod
    def ticker(self, line: Line, pair: PairMarket) -> bytes:
        """The best prices."""

    @abstractmethod
    def trade(self, line: Line, pair: PairMarket, deal: Deal) -> bytes:
        """One trade."""

    @abstractmethod
    def book(self, line: Line, pair: PairMarket, changes: list[Change]) -> list[bytes]:
        """What changed."""

    def candle(self, line: Line, pair: PairMarket, bar: Bar) -> bytes:
        """The running candle."""
        raise NotImplementedError

    def tick(  # noqa: B027 - few need it
        self, pair: PairMarket, changes: list[Change]
    ) -> None:
        """Once a change, before any line is told."""

    def rest(self, venue: ScriptedVenue, path: str) -> tuple[int, bytes]:
        """The answer of the venue's REST."""
        return 404, b"{}"

    def goodbye(self) -> bytes | None:
        """The notice that a connection will end; None: the venue gives none."""
        return None


def dump(value: object) -> bytes:
    """JSON as venues send it."""
    return json.dumps(value, separators=(",", ":")).encode()


def text(number: float) -> str:
    """A number as text with eight places."""
    return f"{number:.8f}"


def both(levels: Iterable[tuple[float, float]]) -> list[list[str]]:
    """Levels as pairs of text."""
    return [[text(price), text(volume)] for price, volume in levels]


def of_side(changes: list[Change], side: str) -> list[tuple[float, float]]:
    """The changed prices of one side with their last volumes."""
    return list(
        {one.price: (one.price, one.volume) for one in changes if one.side == side}.values()
    )


def iso(time_ms: int) -> str:
    """A time as RFC 3339."""
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03d}000Z"
