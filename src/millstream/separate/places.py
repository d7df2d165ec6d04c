"""Where parts in processes of their own meet, and which robots are in which process. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from millstream.config import BusSection, Config
from millstream.errors import ConfigError, did_you_mean

__all__ = ["bus_of", "check_apart", "config_of", "name_of", "process_of", "processes"]

_HOLE = "{process}"
_SHARED = ("robo", "market", "wishes", "changes")  # endpoints that two processes meet at
_OWN = ("robo", "own", "control", "answers", "frames")  # those that robots bind
_SHORTEST = len("ipc://")


def processes(config: Config) -> list[str]:
    """The names of the robots processes; [""] when there is one, without a name."""
    return list(dict.fromkeys(section.process for section in config.robots))


def name_of(process: str) -> str:
    """What a robots process is called in folders and messages."""
    return process or "robots"


def process_of(config: Config, wanted: str | None) -> str:
    """The robots process that is meant; None: the only one. Raises ConfigError."""
    known = processes(config)
    if wanted is None and len(known) == 1:
        return known[0]
    names = ", ".join(map(name_of, known))
    if wanted is None:
        raise ConfigError(f"--process is missing: the robots are in several processes: {names}")
    found = [one for one in known if name_of(one) == wanted]
    if not found:
        near = did_you_mean(wanted, map(name_of, known))
        raise ConfigError(f'--process: no robot is in "{wanted}"; there are: {names}.{near}')
    return found[0]


def config_of(config: Config, process: str) -> Config:
    """The configuration as that process sees it: with its own robots alone."""
    mine = [section for section in config.robots if section.process == process]
    return msgspec.structs.replace(config, robots=mine)


def bus_of(config: Config, process: str) -> BusSection:
    """The endpoints of a robots process."""
    bus, name = config.bus, name_of(process)
    return msgspec.structs.replace(
        bus, **{key: getattr(bus, key).replace(_HOLE, name) for key in _OWN}
    )


def check_apart(config: Config) -> Sequence[str]:
    """The files of `ipc://` endpoints; raises ConfigError unless the parts can meet."""
    known = processes(config)
    for key in _SHARED:
        endpoint: str = getattr(config.bus, key)
        if endpoint.startswith("inproc://"):
            raise ConfigError(
                f'bus.{key}: "{endpoint}" is within one process, and --part runs several; '
                'use "ipc://FILE" or "tcp://127.0.0.1:PORT"'
            )
        if endpoint.endswith(":*"):
            raise ConfigError(
                f'bus.{key}: "{endpoint}" is another port each time; the parts could not meet'
            )
    if len(known) > 1 and _HOLE not in config.bus.robo:
        raise ConfigError(
            f"bus.robo: the robots are in {len(known)} processes, so each needs an endpoint of "
            f'its own; write {_HOLE} into it, like "ipc://run/robo-{_HOLE}"'
        )
    if len(known) > 1 and config.api_server.enabled:
        raise ConfigError("api_server: only one robots process can serve frames; there are several")
    every = [config.bus, *(bus_of(config, process) for process in known)]
    endpoints = {getattr(bus, key) for bus in every[1:] for key in {*_SHARED, *_OWN}}
    return sorted(one[_SHORTEST:] for one in endpoints if one.startswith("ipc://"))
