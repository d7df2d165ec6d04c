"""One codec: the bytes on the bus are the bytes in the journal.

A message is a msgpack array, its first item the number of its tag (`tags.py`). A batch is a msgpack
array of messages, so that many events travel, are stored and are read again as one piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from millstream.errors import BadMessage
from millstream.model.actions import Action, Output
from millstream.model.events import (
    Book,
    Candle,
    Connected,
    Control,
    Disconnected,
    Event,
    Gap,
    MyOrder,
    MyOrderBatch,
    MyTrade,
    Refused,
    Resynced,
    SessionEnd,
    Stale,
    Ticker,
    Timer,
    Trade,
)
from millstream.model.frames import CandleHistory, FrameUpdate, ProducerState, Whitelist

AnyEvent: TypeAlias = (
    Ticker
    | Trade
    | Book
    | Candle
    | CandleHistory
    | Connected
    | Disconnected
    | Gap
    | Stale
    | Resynced
    | Refused
    | FrameUpdate
    | Whitelist
    | ProducerState
    | MyOrder
    | MyTrade
    | MyOrderBatch
    | Timer
    | Control
    | SessionEnd
)
EVENT_TYPES: tuple[type[Event], ...] = AnyEvent.__args__

_encoder = msgspec.msgpack.Encoder()
_canonical = msgspec.msgpack.Encoder(order="deterministic")
_events = msgspec.msgpack.Decoder(list[AnyEvent])
_outputs = msgspec.msgpack.Decoder(list[Output])
_actions: msgspec.msgpack.Decoder[Action] = msgspec.msgpack.Decoder(Action)

encode = _encoder.encode  # one message, to be joined by batch()


def encode_canonical(state: msgspec.Struct) -> bytes:
    """A struct as msgpack with every map and set sorted: equal states give equal bytes."""
    return _canonical.encode(state)


def batch(encoded: Sequence[bytes]) -> bytes:
    """Encoded messages as one batch."""
    count = len(encoded)
    if count < 16:
        header = bytes((0x90 | count,))
    elif count < 65_536:
        header = b"\xdc" + count.to_bytes(2, "big")
    else:
        header = b"\xdd" + count.to_bytes(4, "big")
    return header + b"".join(encoded)


def encode_events(events: Sequence[Event]) -> bytes:
    """A batch of events."""
    return _encoder.encode(events)


def encode_outputs(outputs: Sequence[Output]) -> bytes:
    """A batch of outputs."""
    return _encoder.encode(outputs)


def why_unreadable(action: Action) -> str:
    """Why an answer could not be read again, once it is written; "" when it can."""
    try:
        _actions.decode(_encoder.encode(action))
    except Exception as error:  # a robot may have put anything in it
        return str(error)
    return ""


def decode_events(raw: bytes | memoryview) -> list[AnyEvent]:
    """The events of a batch; raises BadMessage when it is not one."""
    try:
        return _events.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadMessage(f"not a batch of events: {error}; got {bytes(raw[:80])!r}") from error


def decode_outputs(raw: bytes | memoryview) -> list[Output]:
    """The outputs of a batch; raises BadMessage when it is not one."""
    try:
        return _outputs.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadMessage(f"not a batch of outputs: {error}; got {bytes(raw[:80])!r}") from error
