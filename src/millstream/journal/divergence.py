"""The first difference between what was recorded and what a replay answers, named to the field.

Pure. Two outputs are the same when their bytes are: 1.0 and 1.00 are two prices, a NaN is itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from enum import Enum
from itertools import takewhile
from typing import Any

import msgspec

from millstream.model.actions import Checkpoint, Output
from millstream.model.events import Event
from millstream.model.tags import TAGS

__all__ = [
    "Difference",
    "describe",
    "differences",
    "first_difference",
    "kind_of",
    "name_of",
    "text",
]

_NAMES = {number: name.partition(".")[0] for name, number in TAGS.items()}
_encode = msgspec.msgpack.Encoder(order="deterministic").encode
_CLIP = 200  # letters of a value or an event in a message


class Difference(msgspec.Struct, frozen=True):
    """Where two runs part: the event, the robot, the kind of output and the field in it."""

    sequence: int  # of the event that caused it
    event: str
    robot: str
    kind: str  # "place_order", "log_line", "checkpoint", ...
    field: str  # "price", "state.position"; "missing" or "extra" for an output that only one has
    recorded: str
    replayed: str

    def __str__(self) -> str:
        where = f"event {self.sequence} ({self.event}): robot {self.robot}, {self.kind}"
        if self.field == "missing":
            return f"{where}: recorded, but missing from the replay: {self.recorded}"
        if self.field == "extra":
            return f"{where}: only in the replay: {self.replayed}"
        return f"{where}.{self.field}: recorded {self.recorded}, replayed {self.replayed}"


def first_difference(
    recorded: Sequence[Output],
    replayed: Sequence[Output],
    event_text: Callable[[int], str],
    *,
    more_recorded: bool = False,
) -> Difference | None:
    """The first place where two lists of outputs differ, or None.

    event_text: a short text of the event with that sequence.
    more_recorded: the record goes on later, so what `replayed` has beyond it is no difference yet.
    """
    ours = [_encode(output) for output in recorded]
    theirs = [_encode(output) for output in replayed]
    same = sum(
        1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(ours, theirs, strict=False))
    )
    here = recorded[same] if same < len(ours) else None
    there = replayed[same] if same < len(theirs) else None
    if here is None:
        if there is None or more_recorded:
            return None
        return _lone(there, "extra", event_text)
    if there is None or here.cause < there.cause:
        return _lone(here, "missing", event_text)
    if there.cause < here.cause:
        return _lone(there, "extra", event_text)
    # One of them may simply lack what the other has: then it matches again further on.
    cause = here.cause
    left = [ours[i] for i in range(same, len(ours)) if recorded[i].cause == cause]
    right = [theirs[i] for i in range(same, len(theirs)) if replayed[i].cause == cause]
    if len(left) > len(right) and right[0] in left:
        return _lone(here, "missing", event_text)
    if len(right) > len(left) and left[0] in right:
        return _lone(there, "extra", event_text)
    field, was, now = _output_difference(here, there)
    kind = kind_of(here.body)
    return Difference(cause, event_text(cause), here.robot, kind, field, text(was), text(now))


def _lone(output: Output, field: str, event_text: Callable[[int], str]) -> Difference:
    body = describe(output.body)
    return Difference(
        output.cause,
        event_text(output.cause),
        output.robot,
        kind_of(output.body),
        field,
        body if field == "missing" else "nothing",
        "nothing" if field == "missing" else body,
    )


def _output_difference(recorded: Output, replayed: Output) -> tuple[str, Any, Any]:
    if recorded.robot != replayed.robot:
        return "robot", recorded.robot, replayed.robot
    was, now = recorded.body, replayed.body
    if type(was) is not type(now):
        return "kind", describe(was), describe(now)
    if isinstance(was, Checkpoint) and isinstance(now, Checkpoint) and was.state != now.state:
        # The state before its hash: the hash only says that something differs.
        found = differences(_decoded(was.state), _decoded(now.state), "state")
        return found[0] if found else ("state", was.state, now.state)
    if isinstance(was, Checkpoint) and isinstance(now, Checkpoint) and was.kept and now.kept:
        found = differences(_decoded(was.kept), _decoded(now.kept), "kept")
        if found:
            return found[0]
    found = differences(was, now)
    return found[0] if found else ("", was, now)


def _decoded(packed: bytes) -> Any:
    try:
        return msgspec.msgpack.decode(packed)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return packed


def differences(was: Any, now: Any, path: str = "") -> list[tuple[str, Any, Any]]:
    """Every inner value that differs: the path to it, and both values."""
    if _encode(was) == _encode(now):
        return []
    return list(_inner(was, now, path)) or [(path, was, now)]


def _inner(was: Any, now: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    before = f"{path}." if path else ""
    if isinstance(was, msgspec.Struct) and type(was) is type(now):
        for name in was.__struct_fields__:
            yield from differences(getattr(was, name), getattr(now, name), f"{before}{name}")
    elif isinstance(was, dict) and isinstance(now, dict):
        for key in sorted(was.keys() | now.keys(), key=str):
            step = f"{before}{key}"
            if key in was and key in now:
                yield from differences(was[key], now[key], step)
            else:
                yield step, was.get(key, "missing"), now.get(key, "missing")
    elif isinstance(was, list | tuple) and isinstance(now, list | tuple):
        for index, (one, other) in enumerate(zip(was, now, strict=False)):
            yield from differences(one, other, f"{path}[{index}]")
        shared = min(len(was), len(now))
        if len(was) > shared:
            yield f"{path}[{shared}]", was[shared], "missing"
        elif len(now) > shared:
            yield f"{path}[{shared}]", "missing", now[shared]


def kind_of(message: msgspec.Struct) -> str:
    """The promised name of a message, without its version: "place_order"."""
    return name_of(type(message))


def name_of(kind: type[msgspec.Struct]) -> str:
    """The promised name of a kind of message."""
    return _NAMES[kind.__struct_config__.tag]  # type: ignore[index]


def describe(message: msgspec.Struct) -> str:
    """A message as a short text: its kind, then its fields."""
    fields = ", ".join(
        f"{name}={text(getattr(message, name))}"
        for name in message.__struct_fields__
        if not (isinstance(message, Event) and name.endswith("_ns"))
    )
    return _clip(f"{kind_of(message)}({fields})")


def text(value: Any) -> str:
    """A value as a person writes it."""
    if isinstance(value, bytes):
        return _clip(value.hex())
    if isinstance(value, str | Decimal | Enum) or value is None:
        return _clip(str(value))
    if isinstance(value, tuple | list):
        return _clip(f"[{', '.join(text(item) for item in value)}]")
    return _clip(str(value))


def _clip(long: str) -> str:
    return long if len(long) <= _CLIP else f"{long[: _CLIP - 3]}..."
