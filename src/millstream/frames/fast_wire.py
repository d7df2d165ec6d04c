"""Our own messages between two Millstreams: binary, on the same websocket. docs/frames-wire.md.

Agreed upon by the websocket's subprotocol, so that a freqtrade at either end sees nothing of it.
A websocket message is a msgpack array of messages, each an array behind the number of its kind;
rows are the bytes of `rows.py`.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

from millstream.errors import BadMessage

SUBPROTOCOL: Final = "millstream.frames.1"
VERSION: Final = 1


class _Message(msgspec.Struct, frozen=True, array_like=True, tag_field="kind"):
    pass


class Hello(_Message, frozen=True, tag=0):
    """The producer begins."""

    version: int
    run: str  # another run: its sequences begin anew


class Known(msgspec.Struct, frozen=True, array_like=True):
    """What a follower holds of a frame."""

    pair: str
    timeframe: str
    candle_type: str
    sequence: int  # of the last update it holds; 0: nothing


class Follow(_Message, frozen=True, tag=1):
    """The follower wants pairs and frames from now on, and what it lacks of them."""

    run: str  # the one it knows `known` from
    columns: tuple[str, ...]  # (): all
    limit: int  # rows of a frame it does not know; 0: all
    max_bytes: int  # of one websocket message; of a bigger frame it gets the last rows that fit
    known: tuple[Known, ...]


class Want(_Message, frozen=True, tag=2):
    """The follower wants every row that changed since an update that it holds."""

    frames: tuple[Known, ...]


class PairsNow(_Message, frozen=True, tag=3):
    """The producer's pairs."""

    pairs: tuple[str, ...]


class Update(_Message, frozen=True, tag=4):
    """Rows of a frame: those that changed after update `since`, up to update `sequence`."""

    pair: str
    timeframe: str
    candle_type: str
    analyzed_ns: int
    since: int
    sequence: int
    replace: bool  # True: these rows are the whole frame, whatever is held
    count: int  # of rows
    rows: bytes


FromProducer: TypeAlias = Hello | PairsNow | Update
FromFollower: TypeAlias = Follow | Want

_encoder: Final = msgspec.msgpack.Encoder()
_from_producer: Final = msgspec.msgpack.Decoder(list[FromProducer])
_from_follower: Final = msgspec.msgpack.Decoder(list[FromFollower])

encode: Final = _encoder.encode


def read_producer(raw: bytes) -> list[FromProducer]:
    """What a producer says in one websocket message; raises BadMessage."""
    try:
        return _from_producer.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadMessage(f"not a producer's message: {error}; got {raw[:60]!r}") from None


def read_follower(raw: bytes) -> list[FromFollower]:
    """What a follower says in one websocket message; raises BadMessage."""
    try:
        return _from_follower.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadMessage(f"not a follower's message: {error}; got {raw[:60]!r}") from None
