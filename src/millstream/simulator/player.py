"""When each frame of a tape is due: as it was received, faster, or at once."""

from __future__ import annotations

import math

import msgspec

from millstream.errors import ConfigError


class Schedule(msgspec.Struct, frozen=True):
    """From the times on the tape to the times of the clock that plays it, in nanoseconds."""

    speed: float  # 1.0: as recorded; math.inf: everything is due at once
    first_ns: int  # on the tape
    started_ns: int  # on the player's clock

    def due_ns(self, tape_ns: int) -> int:
        """When, on the player's clock, a frame is due."""
        after = tape_ns - self.first_ns
        return self.started_ns + (int(after / self.speed) if after > 0 else 0)


def parse_speed(text: str) -> float:
    """The speed written as "1", "2.5" or "max" (infinite); raises ConfigError for anything else."""
    if text.strip().lower() == "max":
        return math.inf
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not (math.isfinite(speed) and speed > 0):
        raise ConfigError(f'"{text}" is not a speed; write a number above 0, or "max"')
    return speed
