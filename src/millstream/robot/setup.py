"""What a robot is told before its first event: its name, its markets, its parameters."""

from __future__ import annotations

import hashlib
import importlib
import inspect
from typing import TYPE_CHECKING, Any

import msgspec

from millstream.errors import ConfigError, UnknownName
from millstream.model import CurrencyPair, Exchange

if TYPE_CHECKING:
    from millstream.robot.robot import Robot


class Market(msgspec.Struct, frozen=True, array_like=True):
    """A pair on an exchange, written "binance@btc/usdt"."""

    exchange: Exchange
    symbol: CurrencyPair

    @staticmethod
    def parse(text: str) -> Market:
        """The market written as exchange@pair; raises UnknownName."""
        exchange, at, pair = text.partition("@")
        if not at:
            raise UnknownName(f'"{text}" is not a market; write exchange@pair: "binance@btc/usdt"')
        return Market(Exchange.parse(exchange), CurrencyPair.parse(pair))

    def __str__(self) -> str:
        return f"{self.exchange}@{str(self.symbol).lower()}"


class RobotSetup(msgspec.Struct, frozen=True):
    """One robot of a session."""

    name: str  # how its orders are told apart; unique in a session
    robot: type[Robot]
    markets: tuple[Market, ...]  # what it sees; the first is the one it trades if it trades one
    parameters: msgspec.Struct  # an instance of robot.Parameters


def load_robot(class_path: str) -> type[Robot]:
    """The robot class at "package.module:Class"; raises ConfigError saying what is wrong."""
    from millstream.robot.robot import Robot

    module_name, _, class_name = class_path.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), class_name, None)
    except ImportError as error:
        raise ConfigError(f'cannot import robot "{class_path}": {error}') from error
    except ValueError:
        found = None
    if not (isinstance(found, type) and issubclass(found, Robot)):
        raise ConfigError(
            f'"{class_path}" is not a robot class; write "package.module:Class" '
            "for a class that inherits millstream.Robot"
        )
    return found


def parse_parameters(robot: type[Robot], given: dict[str, Any], where: str) -> msgspec.Struct:
    """The robot's typed parameters from plain values; raises ConfigError naming the key."""
    try:
        return msgspec.convert(given, robot.Parameters, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {error}") from None


def code_hash(robot: type[Robot]) -> str:
    """16 hex digits that change when a line changes in a file that defines the robot's behaviour.

    Covers the module of every class the robot inherits, up to and without `Robot` itself.
    """
    from millstream.robot.robot import Robot

    digest = hashlib.blake2b(digest_size=8)
    for ancestor in robot.__mro__:
        if ancestor is Robot or not issubclass(ancestor, Robot):
            continue
        module = inspect.getmodule(ancestor)
        try:
            digest.update(inspect.getsource(module if module is not None else ancestor).encode())
        except (OSError, TypeError):  # defined in a prompt or a frozen program: no source to hash
            digest.update(ancestor.__qualname__.encode())
    return digest.hexdigest()


def source_file(robot: type[Robot]) -> str:
    """The file name of the robot's source, without its folder; "" when it has none."""
    try:
        return inspect.getfile(robot).rsplit("/", 1)[-1]
    except (OSError, TypeError):
        return ""
