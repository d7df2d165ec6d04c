"""freqtrade's messages between producer and consumer, both ways: text, one JSON document each.

What freqtrade 2026.9 and 2025.8 were seen to send and to accept. What they reject by hanging up is
a `BadMessage` here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
import numpy as np

from millstream.errors import BadMessage
from millstream.frames.rows import Rows
from millstream.frames.schema import Schema
from millstream.frames.split_json import decode_split, encode_split, instant_ns

PATH: Final = "/api/v1/message/ws"
WHITELIST: Final = "whitelist"
ANALYZED_DF: Final = "analyzed_df"
NEW_CANDLE: Final = "new_candle"
MAX_LIMIT: Final = 1500
MESSAGE_TYPES: Final = frozenset(
    {
        "status", "warning", "exception", "startup", "entry", "entry_fill", "entry_cancel",
        "exit", "exit_fill", "exit_cancel", "protection_trigger", "protection_trigger_global",
        "strategy_msg", WHITELIST, ANALYZED_DF, NEW_CANDLE, "liquidation_warning",
    }
)  # fmt: skip
CANDLE_TYPES: Final = frozenset(
    {
        "spot", "futures", "mark", "index", "premiumIndex", "funding_rate", "open_interest",
    }
)  # fmt: skip


class Subscribe(NamedTuple):
    """Send these types of messages from now on, and no others."""

    types: frozenset[str]


class AskPairs(NamedTuple):
    """Send the pairs, once."""


class AskFrames(NamedTuple):
    """Send frames, once, a message each."""

    limit: int | None  # the last rows; negative: all but the first; None: all
    pair: str | None  # None: those of every pair


class Unknown(NamedTuple):
    """A request that there is not; it is answered."""

    type: str


class Ignored(NamedTuple):
    """Nothing to do, and nothing to say."""


Request: TypeAlias = Subscribe | AskPairs | AskFrames | Unknown | Ignored


class Pairs(NamedTuple):
    """The producer's pairs."""

    pairs: tuple[str, ...]


class Frame(NamedTuple):
    """Rows of a frame."""

    pair: str
    timeframe: str
    candle_type: str
    analyzed_ns: int
    rows: Rows


class Other(NamedTuple):
    """A message that says nothing about frames."""

    type: str


Message: TypeAlias = Pairs | Frame | Other

_json: Final = msgspec.json.Encoder()


# ---- requests -----------------------------------------------------------------------------------


def parse_request(raw: str | bytes) -> Request:
    """What a consumer asks; raises BadMessage for what ends the connection."""
    try:
        request = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadMessage(f"a request that is not JSON: {error}") from None
    if not isinstance(request, dict):
        raise BadMessage("a request that is no object")
    kind, data = request.get("type"), request.get("data")
    if kind == "subscribe":
        return _subscribe(data)
    if kind == WHITELIST:
        return AskPairs()
    if kind == ANALYZED_DF:
        return _ask_frames(data)
    return Unknown(str(kind)[:80])


def _subscribe(data: Any) -> Request:
    if not data:
        return Ignored()
    if not isinstance(data, list | dict | str):
        raise BadMessage("a subscription to a number")
    types = [*data]
    if all(isinstance(one, str) and one in MESSAGE_TYPES for one in types):
        return Subscribe(frozenset(types))
    return Ignored()


def _ask_frames(data: Any) -> AskFrames:
    if not data:
        return AskFrames(None, None)
    if not isinstance(data, dict):
        raise BadMessage("a request for frames whose data is no object")
    limit = data.get("limit", MAX_LIMIT)
    if not isinstance(limit, int | float) or math.isnan(limit):
        raise BadMessage(f"a request for {limit!r:.40} rows")
    if limit == -math.inf:
        raise BadMessage("a request for endless rows")
    pair = data.get("pair")
    if pair and not isinstance(pair, str):
        raise BadMessage("a request for a pair that is no text")
    return AskFrames(int(min(limit, MAX_LIMIT)) or None, pair or None)


def subscribe_request() -> bytes:
    """What a consumer says first."""
    return _json.encode({"type": "subscribe", "data": [WHITELIST, ANALYZED_DF]})


def pairs_request() -> bytes:
    """A consumer asks for the pairs."""
    return _json.encode({"type": WHITELIST})


def frames_request(limit: int, pair: str | None = None) -> bytes:
    """A consumer asks for the last rows of one frame, or of all."""
    return _json.encode({"type": ANALYZED_DF, "data": {"limit": limit, "pair": pair}})


def last_rows(count: int, limit: int | None) -> int:
    """The first of the rows that a request's limit asks for, of `count`."""
    if limit is None:
        return 0
    return max(0, count - limit) if limit > 0 else min(count, -limit)


# ---- messages -----------------------------------------------------------------------------------


def pairs_message(pairs: Sequence[str]) -> bytes:
    """The producer's pairs."""
    return _json.encode({"type": WHITELIST, "data": list(pairs)})


def frame_message(frame: Frame, first_label: int) -> bytes:
    """Rows of a frame, labelled from `first_label`."""
    value = encode_split(frame.rows, first_label)
    key = (frame.pair, frame.timeframe, frame.candle_type)
    df = {"__type__": "dataframe", "__value__": value}
    data = {"key": key, "df": df, "la": iso(frame.analyzed_ns)}
    return _json.encode({"type": ANALYZED_DF, "data": data})


def empty_frame_message(pair: str, timeframe: str, candle_type: str) -> bytes:
    """What is said of a pair there is no frame of."""
    df = {"__type__": "dataframe", "__value__": '{"columns":[],"index":[],"data":[]}'}
    data = {"key": (pair, timeframe, candle_type), "df": df, "la": "1970-01-01T00:00:00+00:00"}
    return _json.encode({"type": ANALYZED_DF, "data": data})


def new_candle_message(pair: str, timeframe: str, candle_type: str) -> bytes:
    """A frame has a new last candle."""
    return _json.encode({"type": NEW_CANDLE, "data": [pair, timeframe, candle_type]})


def refusal_message(kind: str) -> bytes:
    """The answer to a request there is not."""
    return _json.encode({"type": "exception", "data": f"Invalid request type: {kind}"})


def iso(ns: int) -> str:
    """A moment as freqtrade writes it: microseconds and +00:00."""
    return f"{np.datetime64(ns // 1000, 'us')}+00:00"


def parse_message(raw: str | bytes, like: dict[tuple[str, str, str], Schema]) -> Message:
    """What a producer says; raises BadMessage for what cannot be read.

    like: the columns held of each frame.
    """
    try:
        message = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadMessage(f"a message that is not JSON: {error}") from None
    if not isinstance(message, dict) or message.get("type") not in MESSAGE_TYPES:
        raise BadMessage(f"a message of no type there is: {raw[:80]!r}")
    kind, data = message["type"], message.get("data")
    if kind == WHITELIST:
        if not isinstance(data, list) or not all(isinstance(pair, str) for pair in data):
            raise BadMessage("a whitelist that is no list of texts")
        return Pairs(tuple(data))
    if kind != ANALYZED_DF:
        return Other(str(kind) if kind != "exception" else f"exception: {data}"[:200])
    try:
        told_of: Any = data
        (pair, timeframe, candle_type), df = told_of["key"], told_of["df"]
        analyzed = told_of["la"]
        value, told = df["__value__"], df["__type__"]
    except (KeyError, TypeError, ValueError):
        raise BadMessage("a frame without key, df and la") from None
    if told != "dataframe" or not isinstance(value, str):
        raise BadMessage("a frame that is no dataframe")
    if not isinstance(pair, str) or not isinstance(timeframe, str):
        raise BadMessage("a frame whose key is no text")
    if candle_type not in CANDLE_TYPES:
        raise BadMessage(f"a frame of candles of no type there is: {candle_type!r:.40}")
    rows = decode_split(value, like.get((pair, timeframe, candle_type)))
    return Frame(pair, timeframe, candle_type, instant_ns(analyzed), rows)
