"""What goes wrong on purpose, and when: seeded, so that it goes wrong again. Pure.

Shares are between 0 and 1: of the requests that place, change or cancel an order, or of the frames
of an account's stream. One request has one fault at most: the shares are laid end to end.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from random import Random
from typing import TypeVar

import msgspec

from millstream.errors import ConfigError, did_you_mean

_T = TypeVar("_T")
SHARES = ("reject", "slow", "lost", "error_after")
FRAME_SHARES = ("cut", "duplicate", "reorder")


class Faults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much of what goes wrong."""

    reject: float = 0.0  # refused, nothing done
    slow: float = 0.0  # done and answered `slow_s` later
    slow_s: float = 2.0
    lost: float = 0.0  # done, and the connection is dropped without an answer
    error_after: float = 0.0  # done, and answered with a 5xx
    not_found_s: float = 0.0  # so long after its creation an order is not found by those who ask
    cut: float = 0.0  # of account frames: half of it is sent, then the connection is dropped
    duplicate: float = 0.0  # of fills: told twice
    reorder: float = 0.0  # of fills: told after the account's next frame
    clock_skew_ms: int = 0  # the venue's clock is ahead by so much
    seed: int = 1

    def __post_init__(self) -> None:
        for name in (*SHARES, *FRAME_SHARES):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} is a share: a number from 0 to 1")
        if sum(getattr(self, name) for name in SHARES) > 1.0 + 1e-9:
            raise ValueError(f"{', '.join(SHARES)} may be 1 together at most")
        for name in ("slow_s", "not_found_s"):
            if not 0.0 <= getattr(self, name) <= 3_600.0:
                raise ValueError(f"{name} is a number of seconds from 0 to 3600")


def parse_faults(text: str) -> Faults:
    """The faults written as "lost=0.1,slow=0.2,slow_s=1"; raises ConfigError."""
    values: dict[str, str] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, equals, value = part.partition("=")
        if not equals or name not in Faults.__struct_fields__:
            known = Faults.__struct_fields__
            raise ConfigError(
                f'"{part}" is not a fault; write name=number with one of {", ".join(known)}.'
                + did_you_mean(name, known)
            )
        values[name] = value
    try:
        return msgspec.convert(values, Faults, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"--faults {text}: {error}.") from None


class RequestFault(StrEnum):
    """What happens to a request."""

    NONE = "none"
    REJECT = "reject"
    SLOW = "slow"
    LOST = "lost"
    ERROR_AFTER = "error_after"


class FaultPlan:
    """Draws what goes wrong next. Requests and frames have dice of their own."""

    def __init__(self, faults: Faults) -> None:
        self.set(faults)

    def set(self, faults: Faults) -> None:
        """From now on these, from the beginning of their seed."""
        self.faults = faults
        self._requests = Random(f"requests {faults.seed}")
        self._frames = Random(f"frames {faults.seed}")

    def request(self) -> RequestFault:
        """What happens to the next request of an order."""
        drawn = self._requests.random()
        for name in SHARES:
            share = getattr(self.faults, name)
            if drawn < share:
                return RequestFault(name)
            drawn -= share
        return RequestFault.NONE

    def hides(self, created_ns: int, now_ns: int) -> bool:
        """Whether an order is so new that it is not found."""
        return now_ns - created_ns < self.faults.not_found_s * 1e9

    def cuts(self) -> bool:
        """Whether the connection ends in the middle of the next account frame."""
        return self._frames.random() < self.faults.cut

    def arrange(self, frames: list[_T], is_fill: Callable[[_T], bool]) -> list[_T]:
        """The account's frames as they are told: fills perhaps twice, perhaps later."""
        if not (self.faults.duplicate or self.faults.reorder):
            return frames
        told: list[_T] = []
        late: list[_T] = []
        for frame in frames:
            if is_fill(frame) and self._frames.random() < self.faults.reorder:
                late.append(frame)
                continue
            told.append(frame)
            if is_fill(frame) and self._frames.random() < self.faults.duplicate:
                told.append(frame)
            told += late
            late.clear()
        return told + late
