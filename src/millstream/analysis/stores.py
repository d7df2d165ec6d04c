"""The order stores of sessions that are studied: where they are, and what they hold. Only reads."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, cast

import apsw

from millstream.analysis.lives import Change
from millstream.config import ENVIRONMENT_PREFIX, without_password
from millstream.errors import BadMessage, ConfigError, StoreError
from millstream.journal import Manifest
from millstream.model import MyOrder, MyTrade
from millstream.model.codec import batch, decode_events
from millstream.session.gateways import is_on_server, store_file

__all__ = ["PASSWORD_FROM", "STORE_HELP", "store_address", "stored_changes", "with_password"]

PASSWORD_FROM: Final = f"{ENVIRONMENT_PREFIX}ORDER_STORE"
STORE_HELP: Final = f"The order store's address; default: {PASSWORD_FROM}, or the journal's."


def store_address(manifest: Manifest, given: str = "") -> str:
    """Where the orders of a session are. given: an address instead of the manifest's; "": none."""
    told = str(manifest.config.get("order_store", "sqlite:orders.sqlite"))
    return given or with_password(told, os.environ)


def with_password(address: str, environment: Mapping[str, str]) -> str:
    """The same address as the environment has it: with user and password, where it needs them."""
    known = environment.get(PASSWORD_FROM, "")
    return known if without_password(known) == without_password(address) else address


def stored_changes(directory: Path, manifest: Manifest, given: str = "") -> list[Change]:
    """Every change that the order store of a journal holds of its run; none if it has no store.

    A session that was killed may have stored what its journal does not know.
    Raises StoreError when there is one that cannot be read, ConfigError when what is given is none.
    """
    address = store_address(manifest, given)
    if is_on_server(address):
        return _on_server(address, manifest.run_id)
    if given and not store_file(given, directory.parent).is_file():
        raise ConfigError(f'--store: there is no order store "{given}"')
    kind, _, name = address.partition(":")
    if kind != "sqlite" or not name:
        return []
    # Where parts run apart, the store lies beside the folders of the robots processes.
    places = (directory.parent / name, directory.parent.parent / name)
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        return []
    try:
        changes = decode_events(batch(_bodies(path)))
    except (apsw.Error, BadMessage) as error:
        line = str(error).splitlines()[0]
        raise StoreError(f"the order store {path} cannot be read: {line}") from None
    return [
        change
        for change in changes
        if isinstance(change, MyOrder | MyTrade) and change.order_id.startswith(manifest.run_id)
    ]


def _on_server(address: str, run_id: str) -> list[Change]:
    try:
        from millstream.orders.mongo.of_run import changes_of_run
    except ImportError:
        raise StoreError(
            "the session's orders are on MongoDB, whose driver is not installed: "
            "pip install 'millstream[mongo]'"
        ) from None
    return changes_of_run(address, run_id)


def _bodies(path: Path) -> list[bytes]:
    """The changes as they travelled. Opened so that nothing is written, not even a lock's file."""
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    # A log beside it is one that must be read too; without one, the file is all there is.
    log = path.with_name(path.name + "-wal")
    options = "mode=ro" if log.exists() else "mode=ro&immutable=1"
    file = apsw.Connection(f"{path.resolve().as_uri()}?{options}", flags=flags)
    try:
        rows = file.execute("SELECT body FROM changes ORDER BY revision").fetchall()
    finally:
        file.close()
    return [cast("bytes", body) for (body,) in rows]
