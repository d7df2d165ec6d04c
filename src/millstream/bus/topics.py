"""What is written on a published message: its topic, and where it stands in its row. Pure.

A message is one frame: topic, a space, 16 bytes, a batch of events (`model/codec.py`).

    binance.ticker.btc/usdt ▯ epoch (8 bytes) ▯ sequence of the first event (8 bytes) ▯ events

The space ends the topic, so that a subscription to `btc/usd` is none to `btc/usdt`: subscriptions
are prefixes. The epoch is the publisher's start in nanoseconds; sequences count events from 1, for
each topic. What concerns no pair has `*` in its place. Once a second, and whenever somebody
subscribes, the topic `!` carries a `Beat`: where each row stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from struct import Struct
from typing import TypeAlias

import msgspec

from millstream.errors import BadMessage
from millstream.model import Channel, CurrencyPair, Event, Exchange
from millstream.model.codec import decode_events, encode_events

EVERY_PAIR = "*"
BEAT = "!"
Row: TypeAlias = str  # "btc/usdt" as a topic spells it, or EVERY_PAIR

_numbers = Struct(">QQ")
_beat_encoder = msgspec.msgpack.Encoder()


class Beat(msgspec.Struct, frozen=True, array_like=True):
    """Where a publisher stands."""

    epoch: int
    rows: dict[Row, int]  # the last sequence sent of each; 0 and absent are the same
    leaving: bool = False  # its last word


_beats = msgspec.msgpack.Decoder(Beat)


class Piece(msgspec.Struct, frozen=True):
    """A published message, read."""

    row: Row
    epoch: int
    first: int  # sequence of the first event
    events: Sequence[Event]


def address_name(exchange: Exchange, channel: Channel) -> str:
    """What a publisher's address and topics begin with: "binance.ticker"."""
    return f"{exchange}.{channel}"


def row_of(symbol: CurrencyPair | None) -> Row:
    """How a topic spells a pair."""
    return EVERY_PAIR if symbol is None else str(symbol).lower()


def prefix(name: str, row: Row) -> bytes:
    """What every message of a row begins with; the space ends it."""
    return f"{name}.{row} ".encode()


def subscriptions(name: str, symbols: Iterable[CurrencyPair]) -> list[bytes]:
    """What to subscribe to for these pairs; none given: all. The beat comes last."""
    rows = [row_of(symbol) for symbol in symbols]
    if not rows:
        return [f"{name}.".encode()]
    return [prefix(name, row) for row in (*rows, EVERY_PAIR, BEAT)]


def pack(row_prefix: bytes, epoch: int, first: int, events: Sequence[Event]) -> bytes:
    """A message with these events."""
    return row_prefix + _numbers.pack(epoch, first) + encode_events(events)


def pack_beat(name: str, beat: Beat) -> bytes:
    """A message with a beat."""
    return prefix(name, BEAT) + _beat_encoder.encode(beat)


def unpack(name: str, raw: bytes) -> Piece | Beat:
    """A message, read; raises BadMessage when it is none of this publisher's."""
    end = raw.find(b" ")
    begin = len(name) + 1
    if end < begin or not raw.startswith(name.encode()):
        raise BadMessage(f"not a message of {name}: {raw[:80]!r}")
    row = raw[begin:end].decode(errors="replace")
    body = raw[end + 1 :]
    if row == BEAT:
        try:
            return _beats.decode(body)
        except msgspec.DecodeError as error:
            raise BadMessage(f"not a beat of {name}: {error}; got {raw[:80]!r}") from error
    if len(body) < _numbers.size:
        raise BadMessage(f"a message of {name} was cut: {raw[:80]!r}")
    epoch, first = _numbers.unpack_from(body)
    return Piece(row, epoch, first, decode_events(memoryview(body)[_numbers.size :]))
