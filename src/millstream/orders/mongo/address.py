"""The address of an order store on MongoDB: checked, and shown without its password."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from millstream.errors import ConfigError, StoreError

__all__ = ["DEFAULT_DATABASE", "MongoAddress", "parse_address"]

DEFAULT_DATABASE: Final = "millstream"
_OF_THE_SERVER: Final = ("admin", "config", "local")  # no change stream tells of these


class MongoAddress(msgspec.Struct, frozen=True):
    """Where a store is."""

    url: str  # with user and password: for the driver alone
    shown: str  # without them: for messages
    database: str

    def __repr__(self) -> str:
        return f"MongoAddress({self.shown!r})"


def parse_address(url: str) -> MongoAddress:
    """The address that a URL names: `mongodb://[user:password@]host[:port],…/database?replicaSet=…`.

    Raises ConfigError when it is not one, StoreError when it asks for writes that are not durable.
    """
    try:
        found = parse_uri(url, validate=True, warn=False)
    except OSError as error:  # a file of an option, for TLS
        raise ConfigError(
            f"order_store: {error.filename} of the address cannot be read: {error.strerror}"
        ) from None
    except (PyMongoError, ValueError, TypeError) as error:
        # The driver's words may quote what stands before the host: only without it are they told.
        why = "" if "@" in url else f" ({error})"
        raise ConfigError(
            f"order_store: this is not an address of MongoDB{why}; write "
            '"mongodb://HOST:PORT/DATABASE?replicaSet=NAME", with user and password '
            "percent-encoded"
        ) from None
    database = found["database"] or DEFAULT_DATABASE
    if database in _OF_THE_SERVER:
        raise ConfigError(
            f"order_store: the database {database} is the server's own; name another one, and "
            "write authSource=admin if the user is kept there"
        )
    if found["collection"]:
        raise ConfigError(
            f"order_store: a database's name has no dot, {database}.{found['collection']} has one"
        )
    hosts = ",".join(f"{host}:{port}" for host, port in found["nodelist"])
    shown = f"mongodb://{hosts}/{database}"
    _refuse_weak_writes(found["options"], shown)
    return MongoAddress(url, shown, database)


def _refuse_weak_writes(options: Any, shown: str) -> None:
    """An option that asks for less than a durable majority is an error, not a wish to overrule."""
    asked = {str(name).lower(): value for name, value in options.items()}
    if asked.get("w", "majority") != "majority":
        raise StoreError(
            f"order store {shown}: its address asks for w={asked['w']}, so an acknowledged order "
            "could be lost; leave it out or write w=majority"
        )
    for name in ("journal", "j"):
        if asked.get(name, True) is False:
            raise StoreError(
                f"order store {shown}: its address asks for {name}=false, so an acknowledged order "
                "could be lost; leave it out"
            )
    if asked.get("retrywrites", True) is False:
        raise StoreError(
            f"order store {shown}: its address asks for retryWrites=false, so every change of the "
            "primary would stop trading; leave it out"
        )
