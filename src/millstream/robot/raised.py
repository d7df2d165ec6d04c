"""What a robot's code raised, as a text that is journaled: the same in every process."""

from __future__ import annotations

import re

__all__ = ["raised"]

_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")  # in the text of an object: another in each process


def raised(error: Exception) -> str:
    """Like "ZeroDivisionError: division by zero"."""
    try:
        said = str(error)
    except Exception:  # its own code, too
        said = "it cannot say what"
    text = _ADDRESS.sub("", f"{type(error).__name__}: {said}")
    return text.encode(errors="replace").decode()
