"""From a configuration to a manifest, and from a manifest to the robots it names.

A live session and its replay both seat their robots from a manifest: there is no other way.
"""

from __future__ import annotations

import platform
import secrets
from collections.abc import Mapping
from time import time_ns

import msgspec

from millstream import __version__
from millstream.config import Config, without_secrets
from millstream.errors import ConfigError, MillstreamError
from millstream.journal import Manifest, RobotEntry
from millstream.model import Exchange
from millstream.robot import Market, RobotGroup, RobotSetup
from millstream.robot.group import CHECKPOINT_EVERY_EVENTS
from millstream.robot.load import check_robot, code_hash, load_robot, source_file
from millstream.robot.moment import RUN_ID_LETTERS
from millstream.robot.setup import parse_parameters

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_EVERY = "checkpoint_every_events"


class ChangedRobot(msgspec.Struct, frozen=True):
    """A robot whose code is not the code that was recorded."""

    robot: str
    source_file: str
    recorded_hash: str
    present_hash: str

    def __str__(self) -> str:
        return (
            f"the code of robot {self.robot} ({self.source_file}) was changed since: "
            f"{self.recorded_hash} then, {self.present_hash} now"
        )


def describe(config: Config) -> Manifest:
    """The manifest of a session that begins now: what it takes to run it again.

    Raises ConfigError for a robot that cannot be loaded, watches what no stream carries, or whose
    parameters are wrong.
    """
    return Manifest(
        run_id="".join(secrets.choice(_ALPHABET) for _ in range(RUN_ID_LETTERS)),
        started_ns=time_ns(),
        seed=config.seed,
        millstream_version=__version__,
        python_version=platform.python_version(),
        platform=platform.platform(),
        robots=tuple(_entry(config, number) for number in range(len(config.robots))),
        config=without_secrets(config),
        settings={_EVERY: CHECKPOINT_EVERY_EVENTS},
    )


def seat_robots(manifest: Manifest) -> RobotGroup:
    """The robots of a manifest, as they are before their first event. Raises ConfigError."""
    every = int(manifest.settings.get(_EVERY, CHECKPOINT_EVERY_EVENTS))
    robots = RobotGroup(manifest.run_id, manifest.seed, every)
    for entry in manifest.robots:
        robot = load_robot(entry.class_path)
        where = f'the parameters of robot "{entry.name}"'
        robots.add(
            RobotSetup(
                entry.name,
                robot,
                tuple(Market.parse(market) for market in entry.markets),
                parse_parameters(robot, entry.parameters, where),
            )
        )
    return robots


def changed_robots(manifest: Manifest) -> list[ChangedRobot]:
    """The robots of a manifest whose code has changed since it was written."""
    changed = []
    for entry in manifest.robots:
        robot = load_robot(entry.class_path)
        where = f'the parameters of robot "{entry.name}"'
        present = code_hash(robot, parse_parameters(robot, entry.parameters, where))
        if present != entry.code_hash:
            changed.append(ChangedRobot(entry.name, entry.source_file, entry.code_hash, present))
    return changed


def _entry(config: Config, number: int) -> RobotEntry:
    section = config.robots[number]
    where = f"robots[{number}]"
    robot = load_robot(section.robot)
    parameters = parse_parameters(robot, section.parameters, f"{where}.parameters")
    if not section.unguarded:
        check_robot(robot, parameters)
    carried = _carried(config)
    for text in section.markets:
        try:
            market = Market.parse(text)
        except MillstreamError as error:
            raise ConfigError(f"{where}.markets: {error}") from None
        if market not in carried:
            known = ", ".join(sorted(map(str, carried)))
            raise ConfigError(f'{where}.markets: no stream carries "{market}"; carried: {known}')
    return RobotEntry(
        name=section.name,
        class_path=section.robot,
        markets=tuple(section.markets),
        parameters=section.parameters,
        code_hash=code_hash(robot, parameters),
        source_file=source_file(robot),
    )


def _carried(config: Config) -> Mapping[Market, None]:
    """The markets that the streams carry."""
    carried: dict[Market, None] = {}
    for number, stream in enumerate(config.streams):
        try:
            exchange = str(Exchange.parse(stream.exchange))
            for pair in stream.currency_pairs:
                carried[Market.parse(f"{exchange}@{pair}")] = None
        except MillstreamError as error:
            raise ConfigError(f"streams[{number}]: {error}") from None
    return carried
