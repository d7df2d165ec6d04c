"""The first record of a journal: everything needed to run the session again."""

from __future__ import annotations

from typing import Any

import msgspec

from millstream.errors import JournalError
from millstream.journal.format import FORMAT_VERSION
from millstream.model.tags import TAGS

__all__ = ["Manifest", "RobotEntry"]


class RobotEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One robot of the session."""

    name: str
    class_path: str  # "module:Class"
    markets: tuple[str, ...] = ()  # "binance@btc/usdt"
    parameters: dict[str, Any]  # JSON-able, as the configuration gave them
    code_hash: str  # of the source file: another hash, another robot
    source_file: str  # its name, without the directory
    standing: str = "running"  # it begins so; or "paused", "stopped"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a session was: versions, configuration without secrets, robots, seed."""

    run_id: str
    started_ns: int
    seed: int
    millstream_version: str
    python_version: str
    platform: str
    robots: tuple[RobotEntry, ...] = ()
    config: dict[str, Any] = {}  # JSON-able, without secrets
    settings: dict[str, str | int | float | bool] = {}  # of the run: checkpoint interval and such
    tags: dict[str, int] = msgspec.field(default_factory=TAGS.copy)  # what the numbers mean
    format_version: int = FORMAT_VERSION

    def to_json(self) -> bytes:
        """The manifest as it stands in the journal."""
        return msgspec.json.encode(self)

    @classmethod
    def from_json(cls, raw: bytes) -> Manifest:
        """A manifest as it was written; raises JournalError when the bytes are not one.

        Fields that a later version added are passed over.
        """
        try:
            return msgspec.json.decode(raw, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise JournalError(f"not a journal's manifest: {error}; got {raw[:80]!r}") from error
