"""What a robot is told before its first event: its name, its markets, its parameters."""

from __future__ import annotations

from typing import Any

import msgspec

from millstream.errors import ConfigError, did_you_mean
from millstream.robot.market import Market
from millstream.robot.raised import raised
from millstream.robot.robot import Robot


class RobotSetup(msgspec.Struct, frozen=True):
    """One robot of a session."""

    name: str  # how its orders are told apart; unique in a session
    robot: type[Robot]
    markets: tuple[Market, ...]  # what it sees; the first is the one it trades if it trades one
    parameters: msgspec.Struct  # an instance of robot.Parameters
    standing: str = "running"  # it begins so; or "paused", "stopped"
    entry: bytes = b""  # JSON of its manifest entry, if it is added to a running session


def parse_parameters(robot: type[Robot], given: dict[str, Any], where: str) -> msgspec.Struct:
    """The robot's typed parameters from plain values; raises ConfigError naming the key."""
    known = robot.Parameters.__struct_fields__
    for key in given:
        if key not in known:
            raise ConfigError(
                f'{where}: {robot.__name__} has no key "{key}".{did_you_mean(key, known)}'
            )
    try:
        return msgspec.convert(given, robot.Parameters, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {robot.__name__}: {error}") from None
    except Exception as error:  # a check of its own may raise anything
        raise ConfigError(f"{where}: {robot.__name__}: {raised(error)}") from error
