"""What the doctor says of one thing."""

from __future__ import annotations

from typing import Literal

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    standing: Literal["ok", "note", "problem"]  # a note is for whom it concerns
    about: str  # "python", "disk", "gateway", ...
    found: str
    advice: str = ""  # what to do; "": nothing


def ok(about: str, found: str) -> Finding:
    """It is as it should be."""
    return Finding("ok", about, found)


def note(about: str, found: str, advice: str = "") -> Finding:
    """Worth a look."""
    return Finding("note", about, found, advice)


def problem(about: str, found: str, advice: str = "") -> Finding:
    """A session would not begin, or not keep its promises."""
    return Finding("problem", about, found, advice)
