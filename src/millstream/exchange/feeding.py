"""What a decoder does with a frame: its handler is found and run, what went wrong counted. Pure.

What a frame is stands at its very beginning, `{"channel":"ticker",...`: that head is cut off and
looked up, and the handler's one pass of msgspec checks the rest. Whatever looks different (another
order of keys, spaces, acknowledgements, nonsense) takes the slower way round.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import DecimalException
from typing import Protocol, TypeAlias

from millstream.exchange.decoding import UNREADABLE, FrameCounts, unreadable_reason
from millstream.model import Event

Handler: TypeAlias = Callable[[bytes, int], list[Event]]

__all__ = ["Feed", "Handler", "OfNoUse", "WrongFrame", "feeder"]


class WrongFrame(ValueError):
    """Readable, but not what the venue may send there."""


class OfNoUse(Exception):
    """Understood, and it says nothing new."""


class Feed(Protocol):
    """The door of a decoder."""

    def __call__(self, raw: bytes, received_ns: int) -> list[Event]:
        """The events of one frame; an empty list when it has none. Never raises."""


def feeder(
    counts: FrameCounts,
    handlers: Mapping[bytes, Handler],
    end: bytes,
    other: Handler,
    lost: Handler,
) -> Feed:
    """`feed` of a decoder: a closure, since on the hot path a local costs a third of an attribute.

    handlers: by the head of their frames, which is all before the first `end`; may grow later.
    other: of all other frames. Handlers raise what msgspec raises, WrongFrame and OfNoUse.
    lost: what follows from a frame that was of no use to anybody, when it has been counted.
    """
    find = handlers.get

    def feed(raw: bytes, received_ns: int) -> list[Event]:
        counts.frames += 1
        try:
            if not raw.isascii():
                raw.decode()  # fields that nobody reads must be text, too
            return find(raw.partition(end)[0], other)(raw, received_ns)
        except UNREADABLE as error:
            counts.reject(unreadable_reason(error), str(error), raw)
        except WrongFrame as error:
            counts.reject(str(error), "", raw)
        except DecimalException as error:  # of an own order: 1e999999
            counts.reject("an impossible number", repr(error), raw)
        except OfNoUse as error:
            counts.ignore(str(error))
            return []
        return lost(raw, received_ns)

    return feed
