"""Whole lives of an order: what a robot wishes at each ticker, and what the venue does then.

`life.py` lives them in a process that is killed, or whose disk fails; `harness.Venue` keeps the
venue's own record, and answers by them.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from millstream.orders.risk import RiskLimits

PRICE, VOLUME, PART = Decimal(100), Decimal("0.5"), Decimal("0.2")
AMENDED_PRICE, AMENDED_VOLUME = Decimal(101), Decimal("0.7")


class Story(msgspec.Struct, frozen=True):
    """One life. A venue's answer is words in their order; "lost": nobody hears those before it.

    placed: the answers to the first order, the second, and so on, from the start again.
    """

    wishes: tuple[str, ...]  # buy, buy at market, amend, cancel all, buy and die, nothing
    placed: tuple[str, ...] = ("accepted",)
    canceled: str = "canceled"
    amended: str = "amended filled"
    limits: RiskLimits = RiskLimits()
    leaves: bool = True  # False: the venue must hear of no order


STORIES = {
    "filled": Story(("buy",), ("accepted filled",)),
    "canceled": Story(("buy", "cancel all")),
    "amended": Story(("buy", "amend")),
    "rejected": Story(("buy",), ("rejected",)),
    "refused": Story(("buy",), limits=RiskLimits(max_order_notional=Decimal(10)), leaves=False),
    "in doubt": Story(("buy", "nothing"), ("accepted filled lost",)),
    "in part": Story(("buy at market",), ("accepted part expired",)),
    # A session that leaves one of each: canceled, says nobody; in doubt; in part; not sent yet.
    "left open": Story(
        ("buy", "cancel all", "buy", "buy", "buy and die"),
        ("accepted", "accepted lost", "accepted part"),
        canceled="lost",
    ),
    # Wrong on purpose.
    "limits forgotten": Story(("buy",), ("accepted filled",), leaves=False),
}
