"""Analyzed dataframes as messages: what a producer told, and what a robot wants told.

A frame is one pair's candles with what a strategy computed from them. Its rows travel as the bytes
of `frames/rows.py`; this room does not look into them.
"""

from __future__ import annotations

from millstream.model.events import Event, MarketEvent, Message
from millstream.model.tags import tag


class CandleHistory(MarketEvent, frozen=True, tag=tag("candle_history.1")):
    """Closed candles of the past, oldest first: to warm up with, not to trade on."""

    interval: str  # "5m"
    open_ns: tuple[int, ...]  # the first nanosecond of each interval
    open: tuple[float, ...]
    high: tuple[float, ...]
    low: tuple[float, ...]
    close: tuple[float, ...]
    volume: tuple[float, ...]  # in base currency


class FrameUpdate(Event, frozen=True, tag=tag("frame.1")):
    """Rows of another bot's analyzed dataframe."""

    producer: str  # its name in our configuration
    pair: str  # as the producer writes it: "BTC/USDT", "BTC/USDT:USDT"
    timeframe: str  # "5m"
    candle_type: str  # "spot", "futures", …
    analyzed_ns: int  # when the producer analyzed it, by its own clock; 0: not told
    sequence: int  # the producer's number of this update of this frame; 0: its wire has none
    replace: bool  # True: these rows are the whole frame; False: they join what is held
    rows: bytes


class Whitelist(Event, frozen=True, tag=tag("whitelist.1")):
    """The pairs another bot analyzes now."""

    producer: str
    pairs: tuple[str, ...]


class ProducerState(Event, frozen=True, tag=tag("producer_state.1")):
    """How another bot, or one of its frames, stands from now on."""

    producer: str
    # "connected", "disconnected", "refused"; of a frame: "gap", "repaired", "stale", "fresh",
    # "conflated" (several updates came as one), "refused"
    state: str
    pair: str = ""  # the frame's; "": this is about the whole producer
    timeframe: str = ""
    candle_type: str = ""
    reason: str = ""


class PublishFrame(Message, frozen=True, tag=tag("publish_frame.1")):
    """A robot's analyzed dataframe, from the first row that changed since it was last published."""

    pair: str
    timeframe: str
    candle_type: str
    analyzed_ns: int
    replace: bool  # True: these rows are the whole frame
    rows: bytes


class PublishWhitelist(Message, frozen=True, tag=tag("publish_whitelist.1")):
    """The pairs a robot analyzes now."""

    pairs: tuple[str, ...]
