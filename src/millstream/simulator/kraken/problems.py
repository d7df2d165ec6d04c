"""Kraken's words for what it refuses. Pure.

Source: docs.kraken.com, "Spot errors". Kraken documents no text for a client id that is in use.
"""

from __future__ import annotations

from millstream.simulator.faults import RequestFault
from millstream.simulator.orders import Reason, Refused


class Problem(Exception):
    """An answer that is an error; HTTP says 200 all the same, but for failures of the venue."""

    def __init__(self, text: str, status: int = 200) -> None:
        super().__init__(text)
        self.text, self.status = text, status


_OF_REFUSALS = {
    Reason.UNKNOWN_PAIR: "EQuery:Unknown asset pair",
    Reason.UNKNOWN_ORDER: "EOrder:Unknown order",
    Reason.DUPLICATE_CLIENT_ID: "EGeneral:Invalid arguments:cl_ord_id",
    Reason.PRICE_TICK: "EOrder:Invalid price",
    Reason.VOLUME_LOT: "EGeneral:Invalid arguments:volume",
    Reason.VOLUME_MINIMUM: "EOrder:Order minimum not met",
    Reason.NOTIONAL_MINIMUM: "EOrder:Cost minimum not met",
    Reason.NO_BALANCE: "EOrder:Insufficient funds",
    Reason.WOULD_TAKE: "EOrder:Post only order",
    Reason.WOULD_TRIGGER: "EOrder:Invalid price",
    Reason.NO_LIQUIDITY: "EOrder:Insufficient liquidity",
    Reason.FAULT: "EOrder:Orders limit exceeded",
}


def of_refusal(refused: Refused) -> Problem:
    """The venue's words for what the exchange refuses."""
    if refused.reason is Reason.BAD_REQUEST:
        return invalid(refused.detail)
    return Problem(_OF_REFUSALS[refused.reason])


def of_fault(fault: RequestFault) -> Problem:
    """The venue's words for a seeded fault."""
    if fault is RequestFault.REJECT:
        return of_refusal(Refused(Reason.FAULT))
    return Problem("EService:Unavailable", 520)


def invalid(name: str) -> Problem:
    """An argument that is missing or cannot be read."""
    return Problem(f"EGeneral:Invalid arguments:{name}")
