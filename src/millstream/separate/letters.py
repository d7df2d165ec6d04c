"""What parts of a session say to each other across processes, beside batches of events. Pure.

None is ever journaled: all ends are of one version.
"""

from __future__ import annotations

import msgspec

from millstream.errors import BadMessage
from millstream.session.setups import SetUp

__all__ = ["Heard", "Letter", "read_heard", "read_letter", "read_setup", "write"]


class Letter(msgspec.Struct, frozen=True, array_like=True):
    """From a robots process to the orders: wishes, a robot's set-up, or only a sign of life."""

    process: str
    began_ns: int  # when this life of the process began; with `number` the letter's name
    life: int  # of the orders process that it is for; another one leaves it out
    number: int  # 1, 2, 3, …; 0: only a sign of life
    wished_ns: int
    wishes: bytes  # a batch of outputs, as the journal has it
    goodbye: bool = False  # the process ends in good order
    setup: SetUp | None = None  # to be kept beside the orders
    markets: tuple[str, ...] = ()  # of a sign of life: what its robots watch, "binance@btc/usdt"
    first: int = 1  # the oldest that its sender keeps: all before it are stored


class Heard(msgspec.Struct, frozen=True, array_like=True):
    """From the orders to everybody, again and again: a hint, whose loss costs nothing."""

    life: int  # of the orders process: another number, another process
    revision: int  # of the order store
    taken: dict[str, tuple[int, int]]  # by robots process: `began_ns`, the last letter stored
    markets: tuple[str, ...] = ()  # what all robots watch


_encoder = msgspec.msgpack.Encoder()
_letters = msgspec.msgpack.Decoder(Letter)
_heards = msgspec.msgpack.Decoder(Heard)
_setups = msgspec.msgpack.Decoder(SetUp)


def write(message: Letter | Heard | SetUp) -> bytes:
    """The bytes of any of them."""
    return _encoder.encode(message)


def read_letter(raw: bytes) -> Letter:
    """A letter; raises BadMessage when it is none."""
    try:
        return _letters.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadMessage(f"not a letter of a robots process: {error}; got {raw[:80]!r}") from error


def read_heard(raw: bytes) -> Heard:
    """A hint; raises BadMessage when it is none."""
    try:
        return _heards.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadMessage(f"not a hint of the orders: {error}; got {raw[:80]!r}") from error


def read_setup(raw: bytes) -> SetUp:
    """A set-up on its way from the control desk; raises BadMessage when it is none."""
    try:
        return _setups.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadMessage(f"not a robot's set-up: {error}; got {raw[:80]!r}") from error
