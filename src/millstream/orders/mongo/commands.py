"""Commands that people and programs put into `control`: each is taken once, obeyed, and answered.

`asked.py` says how they look. Several robots processes may follow one store. A command for a robot
is taken by the process that seats it, `add` by the process that it names, both by an atomic update;
a command for all robots by every process. What nobody can take, the first process refuses.

Two threads of its own talk to the servers: whoever gives commands to robots never waits for them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from queue import Empty, SimpleQueue
from typing import Any, Final
from uuid import uuid4

from bson import ObjectId
from pymongo.change_stream import CollectionChangeStream
from pymongo.errors import DuplicateKeyError, PyMongoError, WriteError

from millstream.model import Control, ControlAnswer
from millstream.model.codec import decode_events, decode_outputs, encode_events
from millstream.orders.mongo.address import parse_address
from millstream.orders.mongo.asked import (
    OURS,
    answer_entry,
    command_in,
    is_for_all,
    process_in,
    recorded,
    shortened,
)
from millstream.orders.mongo.documents import Document
from millstream.orders.mongo.late import LateWrites
from millstream.orders.mongo.server import connect, explained, foreign, is_passing

__all__ = ["CommandBox"]

_log = logging.getLogger(__name__)
_AWAIT_MS: Final = 250
_GRACE_S: Final = 3.0  # for the process that seats a robot, before the first one says: nobody does
_CLOSING_S: Final = 5.0
_REQUEST: Final = "control:"  # before a document's `_id`
_NEW: Final = [
    {
        "$match": {
            "operationType": "insert",
            **{f"fullDocument.{field}": {"$exists": False} for field in OURS},
        }
    }
]


class CommandBox:
    """A `session.control.Door` over the collection `control` of an order store's database.

    url: as for `MongoStore`. process: what this robots process is called. seats: whether a robot
    of that name is in this process; None: there is no other process. first: whether it takes what
    names no process, and refuses what nobody takes. oldest_s: a command that was inserted longer
    ago, while nobody looked, is refused.
    Raises ConfigError when the URL is not one; StoreError when the servers cannot be reached.
    """

    def __init__(
        self,
        url: str,
        process: str = "robots",
        seats: Callable[[str], bool] | None = None,
        first: bool = True,
        oldest_s: float = 60.0,
    ) -> None:
        self._address = parse_address(url)
        self._process = process
        self._seats = seats
        self._first = first
        self._oldest_s = oldest_s
        self._life = uuid4().hex  # tells what this process took from what one before it did
        self._keys: dict[str, object] = {}  # the documents that wait for an answer, by request
        self._unseated: dict[str, tuple[object, float, str]] = {}  # others': until when, what then
        self._asked: SimpleQueue[bytes] = SimpleQueue()
        self._closed = threading.Event()
        self._client, database = connect(self._address, majority_reads=True)
        self._control = foreign(database, "control")
        try:
            with explained(self._address.shown):
                stream = self._watch()  # first: what comes after it is told
                self._look(late=True)
        except BaseException:
            self._client.close()
            raise
        self._following = threading.Thread(
            target=self._follow, args=(stream,), name="control-follow", daemon=True
        )
        lacks = f"{self._address.shown}: `control` lacks an answer"
        self._writes = LateWrites("control-write", lacks)
        self._following.start()

    # ---- as a door -------------------------------------------------------------------------------

    def receive(self, timeout_ms: int) -> bytes | None:
        """A batch with one command that bears a request; None when there is none in time."""
        try:
            return self._asked.get(timeout_ms > 0, timeout_ms / 1000)
        except Empty:
            return None

    def answer(self, request: str, body: bytes) -> None:
        """Show an answer in the document that asked; returns at once."""
        (output,) = decode_outputs(body)
        assert isinstance(output.body, ControlAnswer)
        if request in self._keys:
            self._show_soon(request, self._signed(answer_entry(output.body)))

    def note(self, control: Control, answer: ControlAnswer) -> None:
        """Keep a command that came another way, with its answer; returns at once."""
        if control.request.startswith(_REQUEST):
            return  # it came this way, and is shown there
        taken, answered = self._signed({"life": self._life}), self._signed(answer_entry(answer))
        document = recorded(control, taken, answered)

        def insert() -> None:
            with suppress(DuplicateKeyError):  # an insert before it, whose answer was lost
                self._control.insert_one(document)

        self._writes.add(insert)

    def close(self) -> None:
        """Answer what nobody received, write what is left for a moment, let go of the servers."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._following.join(_CLOSING_S)
        while (body := self.receive(0)) is not None:
            (control,) = decode_events(body)
            assert isinstance(control, Control)
            why = "not obeyed: the session ended before it was given to the robots"
            self._show_soon(control.request, self._entry(False, why))
        self._writes.close(_CLOSING_S)
        self._client.close()

    # ---- what comes ------------------------------------------------------------------------------

    def _watch(self) -> CollectionChangeStream[dict[str, Any]]:
        return self._control.watch(_NEW, max_await_time_ms=_AWAIT_MS)

    def _follow(self, stream: CollectionChangeStream[dict[str, Any]]) -> None:
        """Take what comes, for as long as this is open; an election only delays it."""
        while not self._closed.is_set():
            try:
                with stream:
                    while stream.alive and not self._closed.is_set():  # a drop ends it
                        told = stream.try_next()
                        if told is not None:
                            self._consider(told["fullDocument"], late=False)
                        self._refuse_unseated()
            except PyMongoError as error:
                level = logging.INFO if is_passing(error) else logging.WARNING
                _log.log(level, "%s: `control` is interrupted: %s", self._address.shown, error)
            while not self._closed.wait(_AWAIT_MS / 1000):
                with suppress(PyMongoError):
                    stream = self._watch()
                    self._look(late=False)
                    break

    def _look(self, late: bool) -> None:
        """What was put there while no stream told it. late: and nobody looked, either."""
        mine = {"taken": {"$elemMatch": {"process": self._process}}}
        unanswered = {**mine, "answers.process": {"$ne": self._process}}
        for document in self._control.find(unanswered):
            key = document["_id"]
            # Asked again: an answer may have been written since, and its request forgotten then.
            if _request(key) not in self._keys and self._control.find_one(
                {"_id": key, **unanswered}, {"_id": 1}
            ):
                with self._sparing(key):
                    self._settle(document)
        young = ObjectId.from_datetime(datetime.now(UTC) - timedelta(seconds=self._oldest_s))
        for_all = {
            "name": {"$in": [None, ""]}, "came_by": {"$exists": False}, "_id": {"$gte": young},
            "taken.process": {"$ne": self._process},
        }  # fmt: skip
        untaken = {"taken": {"$exists": False}}
        for document in self._control.find({"$or": [untaken, for_all]}).sort("_id", 1):
            self._consider(document, late)

    def _settle(self, document: Document) -> None:
        """One that was taken and is not answered."""
        request = _request(document["_id"])
        takers = [one for one in document["taken"] if isinstance(one, dict)]
        lives = [one.get("life") for one in takers if one.get("process") == self._process]
        why = (
            "not known: the process that took it ended before it answered; its journal says "
            "whether it was obeyed"
        )
        entry = self._entry(None, why)
        if self._life in lives:  # taken by an update whose answer was lost
            try:
                self._give(document["_id"], command_in(document, request))
                return
            except ValueError as error:  # somebody has changed it since
                entry = self._entry(False, str(error))
        self._control.update_one({"_id": document["_id"]}, {"$push": {"answers": entry}})

    def _consider(self, document: Document, late: bool) -> None:
        with self._sparing(document["_id"]):
            self._decide(document, late)

    def _decide(self, document: Document, late: bool) -> None:
        key = document["_id"]
        try:
            if late:
                self._check_age(key)
            control = command_in(document, _request(key))
        except ValueError as error:
            if self._first:
                self._refuse(key, str(error))
            return
        if self._is_mine(control, document):
            self._take(key, control)
        elif self._first:
            why = f'no robots process that runs has a robot "{control.robot}"'
            if control.command == "add":
                why = f'no robots process "{process_in(document)}" runs'
            self._unseated[control.request] = key, time.monotonic() + _GRACE_S, why

    def _is_mine(self, control: Control, document: Document) -> bool:
        if self._seats is None or is_for_all(control):
            return True
        if control.command == "add":
            process = process_in(document)
            return process == self._process if process else self._first
        return self._seats(control.robot)

    def _check_age(self, key: object) -> None:
        if not isinstance(key, ObjectId):
            raise ValueError(
                "not obeyed: nobody looked when it came, and its `_id` has no time in it"
            )
        age_s = time.time() - key.generation_time.timestamp()
        if age_s > self._oldest_s:
            raise ValueError(
                f"not obeyed: it was inserted {age_s:.0f} s before anybody looked, and after "
                f"{self._oldest_s:g} s nobody may still mean it"
            )

    def _take(self, key: object, control: Control) -> None:
        """Make it ours, if it is nobody's yet, and give it to whoever receives."""
        free: Document = {"taken": {"$exists": False}}
        if is_for_all(control):
            free = {"taken.process": {"$ne": self._process}}
        if self._control.update_one({"_id": key, **free}, self._taken()).matched_count:
            self._give(key, control)

    def _give(self, key: object, control: Control) -> None:
        self._keys[control.request] = key
        self._asked.put(encode_events([control]))

    def _refuse(self, key: object, why: str) -> None:
        said = shortened(why)
        _log.warning("%s: a command in `control` is refused: %s", self._address.shown, said)
        update = self._taken()
        update["$push"]["answers"] = self._entry(False, why)
        self._control.update_one({"_id": key, "taken": {"$exists": False}}, update)

    def _refuse_unseated(self) -> None:
        """What was for another process, and none has taken."""
        now_s = time.monotonic()
        for request, (key, until_s, why) in [*self._unseated.items()]:
            if now_s > until_s:
                del self._unseated[request]
                if self._control.find_one({"_id": key, "taken": {"$exists": False}}, {"_id": 1}):
                    self._refuse(key, why)

    @contextmanager
    def _sparing(self, key: object) -> Iterator[None]:
        """One document that cannot be written, say for its size, does not end the others."""
        try:
            yield
        except WriteError as error:
            if is_passing(error):
                raise
            _log.warning("%s: left alone in `control`: %s: %s", self._address.shown, key, error)

    def _taken(self) -> Document:
        return {"$push": {"taken": self._signed({"life": self._life})}}

    # ---- what is shown ---------------------------------------------------------------------------

    def _entry(self, accepted: bool | None, why: str) -> Document:
        said = {"accepted": accepted, "reason": shortened(why), "standing": "", "parameters": None}
        return self._signed(said)

    def _signed(self, entry: Document) -> Document:
        return {"process": self._process, **entry, "when": datetime.now(UTC)}

    def _show_soon(self, request: str, entry: Document) -> None:
        unanswered = {"_id": self._keys[request], "answers.process": {"$ne": self._process}}

        def show() -> None:
            self._control.update_one(unanswered, {"$push": {"answers": entry}})
            self._keys.pop(request, None)

        self._writes.add(show)


def _request(key: object) -> str:
    return f"{_REQUEST}{key if isinstance(key, ObjectId) else repr(key)}"  # 1 is not "1"
