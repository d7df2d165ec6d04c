"""`@every("5s")`: which methods of a service are timers, and when. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from millstream.durations import parse_duration
from millstream.errors import ConfigError

PREFIX = "task_"
_MARK = "_millstream_every_ns"
F = TypeVar("F", bound=Callable[..., Any])


def every(interval: str) -> Callable[[F], F]:
    """Call a service's `task_*` method at this interval: "500ms", "5s", "1m", "1h", "1d".

    The first call is one interval after the start. A call that takes longer than the interval
    is not overlapped: the times that passed meanwhile are left out.
    """
    interval_ns = parse_duration(interval)

    def mark(method: F) -> F:
        setattr(method, _MARK, interval_ns)
        return method

    return mark


def timers_of(service: object) -> dict[str, int]:
    """The names of a service's timers and their intervals in nanoseconds. Raises ConfigError."""
    kind = type(service)
    found: dict[str, int] = {}
    for name in dir(kind):
        interval_ns = getattr(getattr(kind, name, None), _MARK, None)
        if name.startswith(PREFIX):
            if interval_ns is None:
                raise ConfigError(
                    f'{kind.__name__}.{name} has no interval: write @every("5s") above it'
                )
            found[name] = interval_ns
        elif interval_ns is not None:
            raise ConfigError(
                f"{kind.__name__}.{name} has an interval but is no timer: call it {PREFIX}{name}"
            )
    return found


def next_due_ns(due_ns: int, interval_ns: int, now_ns: int) -> int:
    """When a timer goes off next: on its own grid, and not in the past."""
    missed = max(0, (now_ns - due_ns) // interval_ns)
    return due_ns + (missed + 1) * interval_ns
