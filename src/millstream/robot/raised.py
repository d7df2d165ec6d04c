"""What a robot's code raised, as a text that is journaled: the same in every process."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["RAISED", "raised"]

# What may come out of a robot's code: an error, or a quit() that would end its thread, and with it
# every other robot of the session, without a word.
RAISED: Final = (Exception, SystemExit)
_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")  # in the text of an object: another in each process


def raised(error: BaseException) -> str:
    """Like "ZeroDivisionError: division by zero"."""
    try:
        said = str(error)
    except Exception:  # its own code, too
        said = "it cannot say what"
    text = _ADDRESS.sub("", f"{type(error).__name__}: {said}")
    return text.encode(errors="replace").decode()
