"""The words of TWS: message numbers, request ids, error codes, bar sizes. Pure.

A frame is its text fields, each ended by a NUL byte, behind a length that is not part of it:
`1 NUL 6 NUL 1000000 NUL 1 NUL 443.6 NUL 100 NUL 0 NUL` says that request 1000000 has a new bid.
Positions of fields are those of server versions 157 to 178, which is what ib_async asks for.
Source: ib_async 2.1.0, client.py and decoder.py; error codes: ibkrcampus.com, "TWS API, messages".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from millstream.model import Channel

# ---- messages from TWS --------------------------------------------------------------------------

TICK_PRICE: Final = b"1"
TICK_SIZE: Final = b"2"
ORDER_STATUS: Final = b"3"
ERROR: Final = b"4"
OPEN_ORDER: Final = b"5"
NEXT_VALID_ID: Final = b"9"
EXECUTION: Final = b"11"
DEPTH: Final = b"12"
DEPTH_L2: Final = b"13"
ACCOUNTS: Final = b"15"
BARS: Final = b"17"
CURRENT_TIME: Final = b"49"
OPEN_ORDERS_END: Final = b"53"
EXECUTIONS_END: Final = b"55"
DATA_TYPE: Final = b"58"
COMMISSION: Final = b"59"
BAR_UPDATE: Final = b"90"
TICK_BY_TICK: Final = b"99"

# Where a message's request id stands. Others concern the whole session.
REQUEST_AT: Final[dict[bytes, int]] = {
    TICK_PRICE: 2,
    TICK_SIZE: 2,
    ERROR: 2,
    DEPTH: 2,
    DEPTH_L2: 2,
    BARS: 1,
    b"45": 2,  # tick generic
    b"46": 2,  # tick string
    DATA_TYPE: 2,
    b"81": 1,  # tick request parameters
    BAR_UPDATE: 1,
    TICK_BY_TICK: 1,
}

# ---- request ids --------------------------------------------------------------------------------

# Computed, so that a tape's frames say which channel and pair they belong to. They begin high:
# the error of an order bears the order's id in the same field, and those begin at 1.
# A pair that is asked for again gets the next generation: rows of the old request may still come.
_FIRST_REQUEST: Final = 1_000_000_000
_PER_CHANNEL: Final = 10_000_000
MAX_PAIRS: Final = 1_000
GENERATIONS: Final = 10_000
_CHANNELS: Final = tuple(Channel)


def request_id(channel: Channel, number: int, generation: int = 0) -> int:
    """The id of a channel's subscription to its `number`th pair."""
    first = _FIRST_REQUEST + _CHANNELS.index(channel) * _PER_CHANNEL
    return first + generation % GENERATIONS * MAX_PAIRS + number


def subscription(request: int) -> tuple[Channel, int, int] | None:
    """Channel, number of the pair and generation of one of our request ids; None: not ours."""
    channel, rest = divmod(request - _FIRST_REQUEST, _PER_CHANNEL)
    if not 0 <= channel < len(_CHANNELS):
        return None
    generation, number = divmod(rest, MAX_PAIRS)
    return _CHANNELS[channel], number, generation


def channel_of(fields: Sequence[bytes]) -> Channel | None:
    """The channel that a frame is for; None: every channel of the session."""
    at = REQUEST_AT.get(fields[0])
    if at is None or len(fields) <= at:
        return None
    try:
        found = subscription(int(fields[at]))
    except ValueError:
        return None
    return found[0] if found is not None else None


# ---- ticks, orders, bars ------------------------------------------------------------------------

LIVE: Final = 1  # market data types: 1 live, 2 frozen, 3 delayed, 4 delayed and frozen
DATA_TYPES: Final = {1: "live", 2: "frozen", 3: "delayed", 4: "delayed and frozen"}

UNSET_FROM: Final = 1e300  # TWS writes the greatest double or integer where it means "none"

# "1m" as TWS calls it, and its seconds; bars that are kept up to date are 5 seconds at least.
BARS_OF: Final[dict[str, tuple[str, int]]] = {
    "5s": ("5 secs", 5),
    "10s": ("10 secs", 10),
    "15s": ("15 secs", 15),
    "30s": ("30 secs", 30),
    "1m": ("1 min", 60),
    "2m": ("2 mins", 120),
    "3m": ("3 mins", 180),
    "5m": ("5 mins", 300),
    "10m": ("10 mins", 600),
    "15m": ("15 mins", 900),
    "20m": ("20 mins", 1_200),
    "30m": ("30 mins", 1_800),
    "1h": ("1 hour", 3_600),
    "2h": ("2 hours", 7_200),
    "3h": ("3 hours", 10_800),
    "4h": ("4 hours", 14_400),
    "8h": ("8 hours", 28_800),
    "1d": ("1 day", 86_400),
}


def duration(interval: str, bars: int) -> str:
    """How far back to ask for so many bars, as TWS writes it."""
    seconds = BARS_OF[interval][1] * bars
    return f"{max(60, seconds)} S" if seconds < 86_400 else f"{-(-seconds // 86_400)} D"


# ---- errors -------------------------------------------------------------------------------------

# Of the whole session.
LINK_LOST: Final = {1100, 2110}  # between TWS and Interactive Brokers
LINK_BACK_DATA_LOST: Final = 1101
LINK_BACK_DATA_KEPT: Final = 1102
MARKET_FARM_LOST: Final = 2103
MARKET_FARM_BACK: Final = 2104
HISTORY_FARM_LOST: Final = 2105
HISTORY_FARM_BACK: Final = 2106

# Of one request.
DEPTH_HALTED: Final = 316
DEPTH_RESET: Final = 317
HISTORY: Final = 162  # a failure, or that we cancelled: the text says which
DELAYED_INSTEAD: Final = {10090, 10167}  # no live data: what comes is delayed
HARMLESS: Final = {
    300,  # cancelled twice
    310,
    366,
    2152,  # which exchanges' depth is not included
}

# Of an order.
ORDER_REJECTED: Final = 201
ORDER_CANCELLED: Final = 202
