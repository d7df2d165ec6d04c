"""The robot of whole sessions whose disk fails."""

from __future__ import annotations

from decimal import Decimal

from millstream.model import Side
from millstream.robot import Robot


class Taker(Robot):
    """Buys what is offered at every ticker, and below it what rests until the end."""

    def on_ticker(self, ticker):
        taken = self.limit(Side.BUY, Decimal(100), Decimal("0.5"))
        return [taken, self.limit(Side.BUY, Decimal(90), Decimal("0.5"))]
