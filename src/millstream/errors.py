"""Everything Millstream raises on purpose.

    MillstreamError
    ├── ConfigError        your configuration or command line: fix it, then start again
    ├── UnknownName        a name we do not have: exchange, pair, channel, robot
    ├── BadMessage         a venue sent what its own documentation does not allow
    ├── StreamError        a live connection: refused, lost, closed
    │   └── LoginRefused     ... because the venue does not take the key
    ├── CallFailed         a service's REST call: `refused` for certain, or nobody knows
    ├── JournalError       a journal that cannot be read or written
    │   └── JournalDamaged   ... because its bytes are not the bytes that were written
    ├── StoreError         the order store: locked, read-only, foreign, full
    │   ├── DuplicateOrder   the same order id was stored before
    │   ├── NameTaken        a robot by that name is in another process
    │   └── UnknownOrder     no order has that id
    ├── TapeError          a recording that cannot be read
    ├── FrameError         a dataframe that cannot be shared with other bots
    └── RobotError         a robot's own code failed or broke the rules of the decision path

Split by what the reader can do about it. Each message says what happened, where, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "BadMessage",
    "CallFailed",
    "ConfigError",
    "DuplicateOrder",
    "FrameError",
    "JournalDamaged",
    "JournalError",
    "LoginRefused",
    "MillstreamError",
    "NameTaken",
    "RobotError",
    "StoreError",
    "StreamError",
    "TapeError",
    "UnknownName",
    "UnknownOrder",
    "did_you_mean",
]


class MillstreamError(Exception):
    """The root: catch this to catch everything Millstream raises on purpose."""


class ConfigError(MillstreamError):
    """A configuration file, an option or a setting is wrong; the message names its key path."""


class UnknownName(ConfigError):
    """A name that is not in the list; the message gives the list and the nearest match."""


class BadMessage(MillstreamError):
    """A frame that a venue's documentation does not allow; the message carries its first bytes."""


class StreamError(MillstreamError):
    """A live connection was refused, lost or closed."""


class LoginRefused(StreamError):
    """The venue does not take a key, a signature or a token; the message is the venue's reason."""


class CallFailed(MillstreamError):
    """A REST call of a service failed. refused: the venue said no; False: nobody knows."""

    def __init__(self, message: str, refused: bool) -> None:
        super().__init__(message)
        self.refused = refused


class JournalError(MillstreamError):
    """A journal cannot be read or written."""


class JournalDamaged(JournalError):
    """A journal's bytes are not the bytes that were written; names file and offset."""


class StoreError(MillstreamError):
    """The order store cannot be opened, read or written."""


class DuplicateOrder(StoreError):
    """An order with this id is in the store already."""


class NameTaken(StoreError):
    """Another robots process has a robot by this name, and its set-up is the one that is kept."""


class UnknownOrder(StoreError):
    """No order in the store has this id."""


class TapeError(MillstreamError):
    """A recording cannot be read; names file and line."""


class FrameError(MillstreamError):
    """A dataframe holds what cannot be told to another bot; the message names the column."""


class RobotError(MillstreamError):
    """A robot's own code failed, or it broke a rule of the decision path."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """' Did you mean "x"?' for the known name nearest to `name`, else an empty text."""
    near = get_close_matches(name, list(known), n=1)
    return f' Did you mean "{near[0]}"?' if near else ""
