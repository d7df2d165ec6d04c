"""A snapshot that does not come, while the changes that should follow it do. Pure."""

from __future__ import annotations

from typing import Final

PATIENCE_NS: Final = 5_000_000_000  # every venue sends it before the changes, at once
NO_SNAPSHOT: Final = "changes come, and no snapshot that could be read"


class AwaitedSnapshot:
    """How long changes of one book have come without it."""

    __slots__ = ("_since_ns",)

    def __init__(self) -> None:
        self._since_ns = 0  # when the first of those changes came; 0: none came yet

    def restart(self) -> None:
        """It came, or was asked for anew."""
        self._since_ns = 0

    def is_late(self, received_ns: int) -> bool:
        """A change came without it; True when that has lasted too long, and begins anew."""
        if not self._since_ns:
            self._since_ns = received_ns
            return False
        if received_ns - self._since_ns < PATIENCE_NS:
            return False
        self._since_ns = received_ns
        return True
