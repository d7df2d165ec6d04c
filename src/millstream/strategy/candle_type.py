"""What a candle's prices are of, by the words that travel in a frame's key."""

from __future__ import annotations

from enum import StrEnum


class CandleType(StrEnum):
    """The third part of a frame's key."""

    SPOT = "spot"
    FUTURES = "futures"
    MARK = "mark"
    INDEX = "index"
    PREMIUMINDEX = "premiumIndex"
    FUNDING_RATE = "funding_rate"
    OPEN_INTEREST = "open_interest"
