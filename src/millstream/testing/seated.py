"""The manifest that a session of one robot would have."""

from __future__ import annotations

from importlib import import_module
from typing import Final

import msgspec

from millstream.config import Config, RobotSection, StreamSection
from millstream.errors import ConfigError
from millstream.journal import Manifest
from millstream.robot import Robot
from millstream.session.roster import describe
from millstream.testing.market import market_of

__all__ = ["class_path_of", "manifest_of"]

RUN_ID: Final = "tested"


def class_path_of(robot: type[Robot]) -> str:
    """ "module:Class", by which the session's own loader finds this class again."""
    module = import_module(robot.__module__)
    if getattr(module, robot.__qualname__, None) is not robot:
        raise ConfigError(
            f"{robot.__qualname__} is not at the top of its module, where a replay would look for "
            "it: move it there"
        )
    return f"{robot.__module__}:{robot.__qualname__}"


def manifest_of(
    section: RobotSection, seed: int, began_ns: int, settings: dict[str, int]
) -> Manifest:
    """As `describe` makes it of a configuration; raises what it raises."""
    markets = [market_of(text) for text in section.markets]
    streams = [
        StreamSection(
            exchange=str(market.exchange),
            currency_pairs=[str(market.symbol)],
            subscribe_channels=["ticker"],
        )
        for market in markets
    ]
    described = describe(Config(robots=[section], streams=streams, seed=seed))
    return msgspec.structs.replace(
        described, run_id=RUN_ID, started_ns=began_ns, settings=described.settings | settings
    )
