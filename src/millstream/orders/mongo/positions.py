"""What fills add up to, counted once each."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final, TypeAlias

from millstream.model import CurrencyPair, Exchange, MyTrade
from millstream.orders.mongo.documents import Document
from millstream.orders.store import Change

__all__ = ["PositionKey", "Positions"]

PositionKey: TypeAlias = tuple[str, Exchange, CurrencyPair]
_NOTHING: Final = Decimal(0)


class Positions:
    """By robot, exchange and pair: the volume in base currency, and up to which revision."""

    def __init__(self) -> None:
        self._of: dict[PositionKey, tuple[Decimal, int]] = {}

    @classmethod
    def load(cls, documents: Iterable[Document]) -> Positions:
        """As the documents of `positions` say."""
        made = cls()
        for one in documents:
            pair = CurrencyPair.parse(one["symbol"])
            key = (one["name"], Exchange.parse(one["exchange"]), pair)
            made._of[key] = Decimal(one["volume"]), one["revision"]
        return made

    def copy(self) -> Positions:
        """The same, to be counted on by somebody else."""
        made = Positions()
        made._of = dict(self._of)
        return made

    def count(self, changes: Iterable[Change]) -> None:
        """Add the fills among changes; one that is counted already adds nothing."""
        for change in changes:
            if isinstance(change, MyTrade):
                key = (change.robot, change.exchange, change.symbol)
                volume, counted = self._of.get(key, (_NOTHING, 0))
                if change.revision > counted:
                    self._of[key] = volume + change.volume * change.side.sign, change.revision

    def at(self, key: PositionKey) -> tuple[Decimal, int]:
        """The volume, and the revision of the latest fill in it."""
        return self._of.get(key, (_NOTHING, 0))

    def volume(self, robot: str | None, exchange: Exchange, symbol: CurrencyPair) -> Decimal:
        """Of one robot, or of all (None)."""
        if robot is not None:
            return self.at((robot, exchange, symbol))[0]
        return sum(
            (one for (_, on, of), (one, _) in self._of.items() if (on, of) == (exchange, symbol)),
            _NOTHING,
        )
