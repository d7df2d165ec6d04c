"""A configuration: its keys, its robots, its secrets' file, its sockets, its order store."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import msgspec

from millstream.bus.addresses import LONGEST_PATH
from millstream.bus.keys import load_keys
from millstream.cli.doctor_words import Finding, note, ok, problem
from millstream.cli.run import looks_like_freqtrades
from millstream.config import SECRET_KEYS, Config, parse_config, without_password
from millstream.errors import MillstreamError
from millstream.service.configuration import is_services, read_services
from millstream.session.gateways import exchange_of, is_on_server, store_file
from millstream.session.roster import describe
from millstream.settings import parse_values, read_text

_PUBLIC: Final = frozenset({"username"})  # goes with a secret, and is none by itself
_OF_STRATEGIES: Final = ("exchange.key", "exchange.secret")  # freqtrade's names


def configuration_findings(path: Path) -> Iterator[Finding]:
    """Everything to be said of a configuration; what is wrong with it ends the list."""
    try:
        text = read_text(path)
        values = parse_values(text, str(path), os.environ)
        written = parse_values(text, str(path), {})
        told, config = _read(path, text, values)
    except MillstreamError as error:
        yield problem("configuration", str(error))
        return
    yield ok("configuration", told)
    yield from _secrets(path, written, values)
    if config is None:
        return
    yield _robots(config)
    yield _gateway(config)
    yield from _bus(config)
    yield _order_store(config)


def _read(path: Path, text: str, values: Any) -> tuple[str, Config | None]:
    """What it is of, and the session it describes; None: services keep none."""
    if is_services(values):
        services = read_services(values, str(path))
        return f"{path}: services {', '.join(services.services)}", None
    if looks_like_freqtrades(values):
        if find_spec("pandas") is None or find_spec("talib") is None:
            raise MillstreamError(
                f'{path}: strategies need pandas and TA-Lib: pip install "millstream[strategy]"'
            )
        from millstream.strategy.configuration import parse_strategy_config

        told = parse_strategy_config(values, str(path), path.absolute().parent)
        return f"{path}: strategy {told.strategy} on {len(told.pairs)} pairs", told.config
    config = parse_config(text, str(path), os.environ)
    carried = ", ".join(section.exchange for section in config.streams)
    return f"{path}: robots {', '.join(r.name for r in config.robots)} on {carried}", config


def _secrets(path: Path, written: Any, values: Any) -> Iterator[Finding]:
    """Which keys are set, and whether others may read the file that has them."""
    in_file, everywhere = set(_set_keys(written)), list(_set_keys(values))
    if not everywhere:
        yield ok("keys", "none is set: public channels and paper need none")
        return
    named = ", ".join(
        f"{key} ({'file' if key in in_file else 'environment'})" for key in everywhere
    )
    yield ok("keys", f"set: {named}")
    mode = stat.S_IMODE(path.stat().st_mode)
    if in_file and mode & 0o077:
        yield problem("secrets", f"others may read {path} (mode {mode:o})", f"chmod 600 {path}")
    elif in_file:
        yield ok("secrets", f"only you may read {path}")


def _set_keys(value: Any, where: str = "") -> Iterator[str]:
    """The paths of all secrets that are not empty."""
    if isinstance(value, dict):
        for key, part in value.items():
            place = f"{where}.{key}" if where else str(key)
            in_url = isinstance(part, str) and without_password(part) != part
            secret = key in SECRET_KEYS - _PUBLIC or place in _OF_STRATEGIES
            if in_url or (secret and part):
                yield place
            else:
                yield from _set_keys(part, place)
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _set_keys(part, f"{where}[{number}]")


def _robots(config: Config) -> Finding:
    try:
        described = describe(config)
    except MillstreamError as error:
        return problem("robots", str(error))
    named = ", ".join(f"{entry.name} ({entry.source_file})" for entry in described.robots)
    return ok("robots", f"{named}: imported, parameters fit, no question to the world found")


def _gateway(config: Config) -> Finding:
    section = config.gateway
    if section.kind == "paper":
        return ok("gateway", "paper: nothing is sent to a venue")
    found = f"{section.kind} on {section.exchange or 'no exchange'}"
    if section.kind == "live" and section.exchange != "ib":
        if not (section.api_key and section.api_secret):
            return problem(
                "gateway", f"{found}: api_key or api_secret is not set",
                "set MILLSTREAM__GATEWAY__API_KEY and MILLSTREAM__GATEWAY__API_SECRET",
            )  # fmt: skip
        if section.client == "ccxt" and find_spec("ccxt") is None:
            return problem(
                "gateway", f"{found}: ccxt is not there", 'pip install "millstream[live]"'
            )
    try:
        exchange_of(section)
    except MillstreamError as error:
        return problem("gateway", str(error))
    if section.kind == "live" and not section.sandbox and not section.url:
        return note("gateway", f"{found}: orders are real")
    return ok("gateway", found)


def _bus(config: Config) -> Iterator[Finding]:
    endpoints: dict[str, str] = {
        name: address for name, address in msgspec.to_builtins(config.bus).items() if name != "keys"
    }
    longest = max((robot.process for robot in config.robots), key=len)
    too_long = []
    for name, address in endpoints.items():
        kind, _, place = address.replace("{process}", longest).partition("://")
        if kind == "ipc" and len(os.fsencode(place)) > LONGEST_PATH:
            too_long.append(f"bus.{name}")
    if too_long:
        yield problem(
            "sockets", f"{', '.join(too_long)}: longer than the {LONGEST_PATH} bytes of a name",
            "name a shorter folder",
        )  # fmt: skip
    else:
        apart = sum(not address.startswith("inproc:") for address in endpoints.values())
        yield ok("sockets", f"{apart} of {len(endpoints)} endpoints leave the process")
    try:
        if load_keys(config.bus.keys) is not None:
            yield ok("bus.keys", f"{config.bus.keys}: keys of a fleet")
    except MillstreamError as error:
        yield problem("bus.keys", str(error))


def _order_store(config: Config) -> Finding:
    if not is_on_server(config.order_store):
        try:
            place = store_file(config.order_store, Path("the session's folder"))
            return ok("order store", f"SQLite, {place}")
        except MillstreamError as error:
            return problem("order store", str(error))
    if find_spec("pymongo") is None:
        return problem("order store", "pymongo is not there", 'pip install "millstream[mongo]"')
    from millstream.orders.mongo.address import parse_address
    from millstream.orders.mongo.server import connect

    try:
        address = parse_address(config.order_store)
        client, _ = connect(address, majority_reads=True)
    except MillstreamError as error:
        return problem("order store", str(error))
    client.close()
    return ok("order store", f"{address.shown}: the primary answers, and confirms as it should")
