"""Commands as documents of `control`: what another program inserts, and what it reads there. Pure.

    {name, command, from, why, parameters, type, markets, process}       inserted by anybody
    taken:   [{process, life, when}]                                     who carries it out
    answers: [{process, accepted, reason, standing, parameters, when}]   what became of it

One element in both, but for a command without a name where robots are in several processes: it is
for all robots, so each process takes it and answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

from bson import Decimal128

from millstream.errors import did_you_mean
from millstream.model import Control, ControlAnswer
from millstream.orders.mongo.documents import Document

__all__ = [
    "OURS",
    "answer_entry",
    "command_in",
    "is_for_all",
    "process_in",
    "recorded",
    "shortened",
]

OURS: Final = ("taken", "answers", "came_by")  # fields that only a session writes
_TEXTS: Final = ("name", "command", "from", "to", "why", "type", "process")
_KNOWN: Final = (*_TEXTS, "parameters", "markets")
_LONGEST_REASON: Final = 500
_OF_ADD: Final = ("name", "type", "markets")


def command_in(document: Mapping[str, Any], request: str) -> Control:
    """The command that a document is, under the name `request`; its time is 0: nobody took it yet.

    Raises ValueError: a sentence that names the field.
    """
    for field in document:
        if field not in (*_KNOWN, *OURS, "_id"):
            near = did_you_mean(field, _KNOWN)
            raise ValueError(f"there is no field `{field}` in a command.{near}")
    text = {field: _text(document, field) for field in _TEXTS}
    for field in ("command", "from"):
        if not text[field]:
            raise ValueError(f"the field `{field}` is missing; wanted are command, from, and name")
    if text["to"] and text["to"] != text["name"]:
        raise ValueError(f"the field `to` is {text['to']!r}, and `name` {text['name']!r}")
    markets = document.get("markets") or ()
    if not isinstance(markets, list | tuple) or not all(isinstance(one, str) for one in markets):
        raise ValueError('the field `markets` is no list of texts like "binance@btc/usdt"')
    if text["command"] == "add":
        for field in _OF_ADD:
            if not document.get(field):
                raise ValueError(f"the field `{field}` is missing: add needs {', '.join(_OF_ADD)}")
    parameters = document.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise ValueError("the field `parameters` is no document")
    return Control(
        0, text["name"], text["command"], _plain(parameters, "parameters"),
        text["from"], text["why"], request, text["type"], tuple(markets),
    )  # fmt: skip


def process_in(document: Mapping[str, Any]) -> str:
    """The robots process that a new robot is for; "": whichever is the first."""
    return _text(document, "process")


def is_for_all(control: Control) -> bool:
    """True when each robots process takes it."""
    return not control.robot and control.command != "add"


def answer_entry(answer: ControlAnswer) -> Document:
    """What the document shows of an answer, without who and when."""
    return {
        "accepted": answer.accepted,
        "reason": answer.reason,
        "standing": answer.standing,
        "parameters": answer.parameters,
    }


def recorded(control: Control, taken: Document, answered: Document) -> Document:
    """A command that came another way, with its answer: written for the record alone."""
    document: Document = {
        "name": control.robot,
        "from": control.who,
        "to": control.robot,
        "command": control.command,
        "why": control.why,
        "parameters": control.parameters,
    }
    if control.command == "add":
        document |= {"type": control.robot_type, "markets": list(control.markets)}
    return document | {"came_by": "door", "taken": [taken], "answers": [answered]}


def shortened(why: str) -> str:
    """A reason that quotes what somebody wrote, however long that is."""
    return why if len(why) <= _LONGEST_REASON else why[:_LONGEST_REASON] + " …"


def _text(document: Mapping[str, Any], field: str) -> str:
    value = document.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"the field `{field}` is {value!r}, not a text")
    return value


def _plain(value: Any, where: str) -> Any:
    """A value of a document as JSON would have it. Raises ValueError for one that it has not."""
    match value:
        case None | bool() | str():
            return value
        case float() if isfinite(value):
            return value
        case int():
            return int(value)  # the driver's long integers are a class of their own
        case Decimal128() if (number := value.to_decimal()).is_finite():
            return str(number)
        case dict():
            return {str(key): _plain(one, f"{where}.{key}") for key, one in value.items()}
        case list():
            return [_plain(one, f"{where}.{at}") for at, one in enumerate(value)]
        case float() | Decimal128():
            raise ValueError(f"the field `{where}` is {value}: not a number")
    raise ValueError(f"the field `{where}` is a {type(value).__name__}: no plain value")
