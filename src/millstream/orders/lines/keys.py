"""The keys of an account at a venue. Pure."""

from __future__ import annotations

import msgspec

__all__ = ["Keys"]


class Keys(msgspec.Struct, frozen=True):
    """The keys of an account. Shown nowhere."""

    key: str = ""
    secret: str = ""
    passphrase: str = ""

    def __repr__(self) -> str:
        return "Keys(...)"
