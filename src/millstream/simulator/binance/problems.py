"""Binance's words for what it refuses: a code, a message, an HTTP status. Pure.

Source: developers.binance.com, "Error codes for Binance" and "Filters" of the spot documentation.
"""

from __future__ import annotations

from typing import Any

import msgspec

from millstream.simulator.faults import RequestFault
from millstream.simulator.orders import Reason, Refused


class Problem(Exception):
    """An answer that is an error; retry_after_s only for limits."""

    def __init__(self, code: int, message: str, status: int = 400, retry_after_s: int = 0) -> None:
        super().__init__(code, message)
        self.code, self.message, self.status = code, message, status
        self.retry_after_s = retry_after_s
        self.data: dict[str, Any] | None = None  # of a request that failed in part

    @property
    def body(self) -> bytes:
        """As REST sends it."""
        return msgspec.json.encode(self.words)

    @property
    def words(self) -> dict[str, Any]:
        """Code and message, and what more there is."""
        words: dict[str, Any] = {"code": self.code, "msg": self.message}
        return words if self.data is None else words | {"data": self.data}


_OF_REFUSALS = {
    Reason.UNKNOWN_PAIR: (-1121, "Invalid symbol."),
    Reason.UNKNOWN_ORDER: (-2011, "Unknown order sent."),
    Reason.DUPLICATE_CLIENT_ID: (-2010, "Duplicate order sent."),
    Reason.PRICE_TICK: (-1013, "Filter failure: PRICE_FILTER"),
    Reason.VOLUME_LOT: (-1013, "Filter failure: LOT_SIZE"),
    Reason.VOLUME_MINIMUM: (-1013, "Filter failure: LOT_SIZE"),
    Reason.NOTIONAL_MINIMUM: (-1013, "Filter failure: NOTIONAL"),
    Reason.NO_BALANCE: (-2010, "Account has insufficient balance for requested action."),
    Reason.WOULD_TAKE: (-2010, "Order would immediately match and take."),
    Reason.WOULD_TRIGGER: (-2010, "Stop price would trigger immediately."),
    Reason.NO_LIQUIDITY: (-2010, "Order could not be filled: no liquidity."),
    Reason.FAULT: (-2010, "Order was rejected."),
}


def of_refusal(refused: Refused) -> Problem:
    """The venue's words for what the exchange refuses."""
    if refused.reason is Reason.BAD_REQUEST:
        name = {"volume": "quantity"}.get(refused.detail, refused.detail)
        return Problem(-1013, f"Invalid {name}.")
    return Problem(*_OF_REFUSALS[refused.reason])


def of_fault(fault: RequestFault) -> Problem:
    """The venue's words for a seeded fault."""
    if fault is RequestFault.REJECT:
        return of_refusal(Refused(Reason.FAULT))
    message = "Timeout waiting for response from backend server. Send status unknown; execution "
    return Problem(-1007, message + "status unknown.", 503)


def missing(name: str) -> Problem:
    """A parameter that must be there is not."""
    message = f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    return Problem(-1102, message)


def illegal(name: str) -> Problem:
    """A parameter that cannot be read."""
    return Problem(-1100, f"Illegal characters found in parameter '{name}'.")


def too_many(retry_after_s: int) -> Problem:
    """More weight than an address may use."""
    message = "Too much request weight used; current limit is 6000 request weight per 1 MINUTE."
    return Problem(-1003, message, 429, retry_after_s)


def too_many_orders(retry_after_s: int) -> Problem:
    """More orders than an account may send."""
    message = "Too many new orders; current limit is 100 orders per 10 SECOND."
    return Problem(-1015, message, 429, retry_after_s)
