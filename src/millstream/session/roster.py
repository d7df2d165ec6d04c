"""From a configuration to a manifest, and from a manifest to the robots it names.

A live session and its replay both seat their robots from a manifest: there is no other way.
"""

from __future__ import annotations

import platform
import secrets
from collections.abc import Iterable, Mapping, Sequence
from time import time_ns
from typing import Any

import msgspec

from millstream import __version__
from millstream.config import Config, without_secrets
from millstream.errors import ConfigError, MillstreamError
from millstream.journal import Manifest, RobotEntry
from millstream.model import Checkpoint, Control, Exchange, Output
from millstream.robot import Market, Robot, RobotGroup, RobotSetup
from millstream.robot.group import CHECKPOINT_EVERY_EVENTS
from millstream.robot.load import check_robot, code_hash, load_robot, source_file
from millstream.robot.moment import RUN_ID_LETTERS
from millstream.robot.setup import parse_parameters

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_EVERY = "checkpoint_every_events"
_WHOLE = "whole_checkpoints"  # a checkpoint holds all it takes to go on from it
_PACKED = "packed_checkpoints"  # also where that is more than a type says
ALIASES = {  # short names for the types of robots that come with Millstream
    "quoter": "millstream.demo.quoter:Quoter",
    "crosser": "millstream.demo.crosser:Crosser",
    "strategy": "millstream.strategy.robot:StrategyRobot",
}


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


def describe(config: Config, returning: Sequence[RobotEntry] = ()) -> Manifest:
    """The manifest of a session that begins now: what it takes to run it again.

    returning: robots as an earlier session saved them, in the configuration or not.

    Raises ConfigError for a robot that cannot be loaded, watches what no stream carries, or whose
    parameters are wrong.
    """
    configured = (_entry(config, number) for number in range(len(config.robots)))
    seated = {entry.name: entry for entry in configured}
    seated |= {entry.name: entry for entry in returning}
    return Manifest(
        run_id="".join(secrets.choice(_ALPHABET) for _ in range(RUN_ID_LETTERS)),
        started_ns=time_ns(),
        seed=config.seed,
        millstream_version=__version__,
        python_version=platform.python_version(),
        platform=platform.platform(),
        robots=tuple(seated.values()),
        config=without_secrets(config),
        settings={_EVERY: CHECKPOINT_EVERY_EVENTS, _WHOLE: True, _PACKED: True},
    )


def seat_robots(manifest: Manifest, changed: list[ChangedRobot] | None = None) -> RobotGroup:
    """The robots of a manifest, as they are before their first event. Raises ConfigError.

    changed: given the robots that commands add later, if their code is not the one recorded.
    """
    robots = _empty(manifest, changed)
    for entry in manifest.robots:
        robots.add(_setup(entry))
    return robots


def reseat_robots(manifest: Manifest, made: Sequence[Output]) -> RobotGroup:
    """The robots of a session as its checkpoints left them.

    Raises RobotError when the checkpoints do not hold all it takes: replay the journal then.
    """
    robots = _empty(manifest, None)
    entries = {entry.name: entry for entry in manifest.robots}
    for output in made:
        checkpoint = output.body
        assert isinstance(checkpoint, Checkpoint)
        if checkpoint.entry:
            entry = msgspec.json.decode(checkpoint.entry, type=RobotEntry)
        else:
            entry = entries[output.robot]
        robots.add(_setup(entry, checkpoint.entry))
        robots.restore(output.robot, checkpoint)
    return robots


def checkpoint_interval(manifest: Manifest) -> int:
    """How many events lie between two checkpoints."""
    return int(manifest.settings.get(_EVERY, CHECKPOINT_EVERY_EVENTS))


def with_code(control: Control) -> Control:
    """A command that adds a robot, with what a replay must know of its code.

    Raises ConfigError or RobotError: no such class, market or parameter; its code asks the world.
    """
    class_path = ALIASES.get(control.robot_type, control.robot_type)
    if ":" not in class_path:
        raise ConfigError(
            f'there is no robot type "{control.robot_type}"; write "package.module:Class", '
            f'"folder/file.py:Class", or one of {", ".join(ALIASES)}'
        )
    if not control.robot or not control.markets:
        raise ConfigError("a robot needs a name and at least one market")
    for market in control.markets:
        Market.parse(market)
    robot = load_robot(class_path)
    where = f'the parameters of robot "{control.robot}"'
    parameters = parse_parameters(robot, control.parameters, where)
    check_robot(robot, parameters)
    return msgspec.structs.replace(
        control,
        robot_type=class_path,
        code_hash=code_hash(robot, parameters),
        source_file=source_file(robot),
    )


def saved_entry(
    name: str, class_path: str, markets: Sequence[str], parameters: dict[str, Any], standing: str
) -> RobotEntry:
    """The manifest's entry for a robot as an earlier session saved it. Raises ConfigError."""
    found = with_code(Control(0, name, "add", parameters, "", "", "", class_path, tuple(markets)))
    return msgspec.structs.replace(_entry_of_control(found), standing=standing)


def _entry_of_control(control: Control) -> RobotEntry:
    return RobotEntry(
        name=control.robot,
        class_path=control.robot_type,
        markets=control.markets,
        parameters=control.parameters,
        code_hash=control.code_hash,
        source_file=control.source_file,
    )


def _empty(manifest: Manifest, changed: list[ChangedRobot] | None) -> RobotGroup:
    def hire(control: Control) -> RobotSetup:
        entry = _entry_of_control(control)
        setup = _setup(entry, msgspec.json.encode(entry))
        present = code_hash(setup.robot, setup.parameters)
        if present != entry.code_hash and changed is not None:
            changed.append(ChangedRobot(entry.name, entry.source_file, entry.code_hash, present))
        return setup

    return RobotGroup(
        manifest.run_id,
        manifest.seed,
        checkpoint_interval(manifest),
        whole=bool(manifest.settings.get(_WHOLE)),
        packed=bool(manifest.settings.get(_PACKED)),
        hire=hire,
    )


def _setup(entry: RobotEntry, added: bytes = b"") -> RobotSetup:
    robot = load_robot(entry.class_path)
    where = f'the parameters of robot "{entry.name}"'
    parameters = parse_parameters(robot, entry.parameters, where)
    markets = tuple(Market.parse(market) for market in entry.markets)
    return RobotSetup(entry.name, robot, markets, parameters, entry.standing, added)


def changed_robots(manifest: Manifest) -> list[ChangedRobot]:
    """The robots of a manifest whose code has changed since it was written."""
    return _changed((entry, load_robot(entry.class_path)) for entry in manifest.robots)


def changed_seats(robots: RobotGroup) -> list[ChangedRobot]:
    """Those that commands added, and whose code in their seats is not what it was then."""
    return _changed(
        (msgspec.json.decode(seat.entry, type=RobotEntry), type(seat.robot))
        for seat in robots.seats
        if seat.entry
    )


def _changed(found: Iterable[tuple[RobotEntry, type[Robot]]]) -> list[ChangedRobot]:
    changed = []
    for entry, robot in found:
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
