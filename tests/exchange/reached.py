"""What streams hold, as a count of objects: it must not grow with what has happened to them.

Bytes of memory say little: they hold the test's own record of the truth, too, and what the
allocator keeps. Counted is each object that can be reached from a stream, entries of containers
included. Left out is what is everybody's (modules, types, loggers, event loops), and numbers: a
counter beyond 256 is an object, one below it is not.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from collections import Counter
from collections.abc import Iterable
from types import FrameType, ModuleType
from typing import Any

_EVERYBODYS = (ModuleType, type, FrameType, asyncio.AbstractEventLoop, logging.Logger)


def reached(streams: Iterable[Any], *borders: Any) -> Counter[str]:
    """How many objects of each type the streams hold; `borders` and what they hold are not."""
    gc.collect()
    roots = list(streams)
    seen = {id(module.__dict__) for module in list(sys.modules.values())}
    seen |= {id(border) for border in borders}
    found: Counter[str] = Counter()
    waiting = [one for one in roots if id(one) not in seen]
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, _EVERYBODYS):
            continue
        seen.add(id(one))
        if isinstance(one, (int, float)):
            continue
        found[f"{type(one).__module__}.{type(one).__qualname__}"] += 1
        waiting += gc.get_referents(one)
    return found
