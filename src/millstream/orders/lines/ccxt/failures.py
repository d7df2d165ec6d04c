"""What a failure of ccxt says about the order: refused for certain, or nobody knows."""

from __future__ import annotations

import re
from typing import Final

import ccxt

__all__ = ["definite", "is_login", "sentence"]

# The venue read the request and said no. Whatever is not here leaves the order in doubt: a timeout,
# a dropped connection, an answer of 500 and above, words that the library does not know.
_DEFINITE: Final = (
    ccxt.AuthenticationError,
    ccxt.InsufficientFunds,
    ccxt.InvalidOrder,
    ccxt.BadRequest,
    ccxt.ArgumentsRequired,
    ccxt.NotSupported,
    ccxt.OperationRejected,
    ccxt.RateLimitExceeded,
    ccxt.DDoSProtection,
    ccxt.InvalidNonce,
)
# Kinds of the above that may speak of an order which is there.
_IN_DOUBT: Final = (ccxt.DuplicateOrderId, ccxt.OrderNotFound, ccxt.OrderNotCached)
# Words about the keys that the library takes for any failure.
_KEYS: Final = re.compile(r"EAPI:Invalid (signature|key)|EGeneral:Permission denied")
# Kraken's refusals of an order, "Post only order" among them, of which the library knows a few.
_ORDER: Final = re.compile(r"EOrder:(?!Unknown order)")
_SECRET: Final = re.compile(r"\?[^\s\"']*")  # a query holds the signature
_LONGEST: Final = 300


def definite(error: BaseException) -> bool:
    """Whether the venue refused for certain, so that there is no order."""
    told = isinstance(error, _DEFINITE) or is_login(error)
    if isinstance(error, ccxt.ExchangeError) and _ORDER.search(str(error)):
        told = True
    return told and not isinstance(error, _IN_DOUBT)


def is_login(error: BaseException) -> bool:
    """Whether the venue does not take the keys."""
    return isinstance(error, ccxt.AuthenticationError) or bool(_KEYS.search(str(error)))


def sentence(error: BaseException) -> str:
    """What happened in one line, without anything that was signed."""
    kind = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).lower()
    words = _SECRET.sub("", " ".join(str(error).split()))
    return f"{kind}: {words}"[:_LONGEST] if words else kind
