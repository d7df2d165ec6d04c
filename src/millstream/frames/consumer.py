"""A follower of one producer, without its socket: what to ask, what is missing, what to tell.

Bytes and their time come in; events and requests go out. The producer may be a freqtrade, which
knows no sequences: then dates tell what is missing. With a Millstream the sequence of each frame
tells, and only what changed is asked for.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from millstream.errors import BadMessage
from millstream.frames import fast_wire, freqtrade_wire
from millstream.frames.held import HeldFrames, Key
from millstream.frames.rows import unpack
from millstream.frames.schema import Schema
from millstream.frames.settings import ConsumerSection, ProducerEntry
from millstream.frames.taken import FrameKey, Taken
from millstream.model.codec import batch
from millstream.model.events import Event
from millstream.model.frames import FrameUpdate, ProducerState

WHOLE: Final = 100  # rows; freqtrade takes as many for the whole frame
LONGEST_PAUSE_S: Final = 300.0


class ProducerFigures(msgspec.Struct, frozen=True):
    """How one producer stands, for people to look at."""

    name: str
    connected: bool
    wire: str  # "freqtrade", "millstream"; "": not connected yet
    pairs: int
    frames: int
    rows: int  # of all frames
    updates: int
    gaps: int
    repairs: int
    bytes: int
    malformed: int
    connections: int
    oldest_ns: int  # when the frame that waits longest was last updated; 0: there is none


class Outcome(NamedTuple):
    """What is to be done with a message."""

    events: list[Event]
    requests: list[bytes]


class ProducerFollower:
    """What we know of one producer, and of each of its frames."""

    def __init__(self, entry: ProducerEntry, section: ConsumerSection) -> None:
        self.entry, self._section = entry, section
        self._taken = Taken(entry, section)
        self._schemas: dict[FrameKey, Schema] = {}  # as they come, before columns are left out
        self._fast = self._connected = False
        self._run = ""
        self._sequences: dict[FrameKey, int] = {}
        self._answered: set[FrameKey] = set()  # frames told whole on this connection
        self._in_turn: list[str] | None = None  # pairs to ask for one by one: a frame was too big
        self._asking: str | None = None
        self._too_big: set[str] = set()
        self._failures = 0
        self._bytes = self._malformed = self._connections = 0

    # ---- the connection -------------------------------------------------------------------------

    def connected(self, fast: bool, now_ns: int) -> Outcome:
        """A connection is open; fast: the producer speaks our own wire."""
        self._fast, self._connected = fast, True
        self._connections += 1
        self._taken.asked.clear()
        self._answered.clear()
        state = ProducerState(now_ns, self.entry.name, "connected")
        self._taken.held.set_state(state)
        if fast:
            return Outcome([state], [])  # the producer's Hello comes first
        requests = [freqtrade_wire.subscribe_request(), freqtrade_wire.pairs_request()]
        if self._in_turn is None:
            requests.append(freqtrade_wire.frames_request(self._section.initial_candle_limit))
        return Outcome([state], requests)

    def disconnected(self, code: int, reason: str, now_ns: int) -> list[Event]:
        """A connection has ended, or there was none to be had."""
        events: list[Event] = []
        if code == 1009:
            self._failures += 1
            if self._asking is not None:
                pair = self._asking
                self._too_big.add(pair)
                reason = (
                    f"the frame of {pair} is larger than message_size_limit "
                    f"({self._section.message_size_limit} MiB): it is asked for no more; raise "
                    "that limit or lower initial_candle_limit"
                )
                events.append(
                    ProducerState(now_ns, self.entry.name, "refused", pair, "", "", reason)
                )
            self._in_turn = []
        elif not self._connected:
            self._failures += 1
        self._asking = None
        self._connected = False
        refused = code in (401, 403, 429)
        state = "refused" if refused else "disconnected"
        told = ProducerState(now_ns, self.entry.name, state, reason=reason[:300])
        self._taken.held.set_state(told)
        return [*events, told]

    def pause_s(self, random: float) -> float:
        """Seconds to wait before the next attempt; random: in [0, 1)."""
        first = max(0.05, float(self._section.sleep_time))
        if not self._failures:  # it was there a moment ago
            return min(first, 1.0) * (0.5 + random / 2)
        bound = min(max(LONGEST_PAUSE_S, first), first * float(1 << min(self._failures - 1, 10)))
        return bound * (0.5 + random / 2)

    # ---- messages -------------------------------------------------------------------------------

    def receive(self, raw: bytes, received_ns: int) -> Outcome:
        """A message of the producer; raises BadMessage where the connection is no good any more."""
        self._bytes += len(raw)
        self._failures = 0
        events: list[Event] = []
        requests: list[bytes] = []
        try:
            if self._fast:
                wants: list[fast_wire.Known] = []
                for message in fast_wire.read_producer(raw):
                    self._receive_fast(message, received_ns, events, wants, requests)
                if wants:
                    requests.append(batch([fast_wire.encode(fast_wire.Want(tuple(wants)))]))
            else:
                self._receive_text(raw, received_ns, events, requests)
        except BadMessage:
            self._malformed += 1
            raise
        return Outcome(events, requests)

    def _receive_fast(
        self,
        message: fast_wire.FromProducer,
        received_ns: int,
        events: list[Event],
        wants: list[fast_wire.Known],
        requests: list[bytes],
    ) -> None:
        if isinstance(message, fast_wire.Hello):
            if message.version != fast_wire.VERSION:
                raise BadMessage(f"the producer speaks version {message.version} of our wire")
            if message.run != self._run:
                self._run = message.run
                self._sequences.clear()
            known = [fast_wire.Known(*key, n) for key, n in self._sequences.items()]
            follow = fast_wire.Follow(
                self._run,
                tuple(self.entry.columns),
                self._section.initial_candle_limit,
                self._section.message_bytes,
                tuple(known),
            )
            requests.append(batch([fast_wire.encode(follow)]))
            return
        if isinstance(message, fast_wire.PairsNow):
            self._taken.pairs(message.pairs, received_ns, events)
            return
        key = (message.pair, message.timeframe, message.candle_type)
        sequence = self._sequences.get(key, 0)
        if message.sequence <= sequence:
            return  # an answer was faster
        if message.since > sequence and not message.replace:
            if self._taken.may_ask(key, False, received_ns):
                wants.append(fast_wire.Known(*key, sequence))
                self._taken.gap(key, f"updates {sequence + 1} to {message.since} are missing",
                          received_ns, events)  # fmt: skip
            return
        rows = unpack(message.rows, self._section.message_bytes)
        if rows.count != message.count:
            raise BadMessage(f"an update of {message.count} rows has {rows.count}")
        self._sequences[key] = message.sequence
        if not rows.count:
            return
        update = FrameUpdate(
            received_ns=received_ns,
            producer=self.entry.name,
            pair=message.pair,
            timeframe=message.timeframe,
            candle_type=message.candle_type,
            analyzed_ns=message.analyzed_ns,
            sequence=message.sequence,
            replace=message.replace,
            rows=message.rows,
        )
        self._taken.take(update, rows, events)

    def _receive_text(
        self, raw: bytes, received_ns: int, events: list[Event], requests: list[bytes]
    ) -> None:
        message = freqtrade_wire.parse_message(raw, self._schemas)
        if isinstance(message, freqtrade_wire.Pairs):
            self._taken.pairs(message.pairs, received_ns, events)
            if self._in_turn is not None:
                self._in_turn = [pair for pair in message.pairs if pair not in self._too_big]
                self._next_in_turn(requests)
        elif isinstance(message, freqtrade_wire.Frame):
            self._frame(message, received_ns, events, requests)
            if self._asking == message.pair and message.rows.count != 1:
                self._next_in_turn(requests)

    def _next_in_turn(self, requests: list[bytes]) -> None:
        self._asking = None
        if self._in_turn:
            self._asking = self._in_turn.pop(0)
            limit = self._section.initial_candle_limit
            requests.append(freqtrade_wire.frames_request(limit, self._asking))

    def _frame(
        self,
        frame: freqtrade_wire.Frame,
        received_ns: int,
        events: list[Event],
        requests: list[bytes],
    ) -> None:
        rows = frame.rows
        if not rows.count or not rows.schema.names:
            return
        key = (frame.pair, frame.timeframe, frame.candle_type)
        held = self._taken.held.status(self.entry.name, *key)
        whole_asked = self._taken.asked.get(key, (False, 0))[0]
        # Fewer rows than were asked for are all there are: whatever else is held is of another run.
        limit = self._section.initial_candle_limit or freqtrade_wire.MAX_LIMIT
        first = key not in self._answered and rows.count < limit
        replace = rows.count >= WHOLE or held is None or (rows.count > 1 and (whole_asked or first))
        if rows.count > 1:
            self._answered.add(key)
        if rows.count > 1 or held is None:
            self._schemas[key] = rows.schema
        update = FrameUpdate(
            received_ns=received_ns,
            producer=self.entry.name,
            pair=frame.pair,
            timeframe=frame.timeframe,
            candle_type=frame.candle_type,
            analyzed_ns=frame.analyzed_ns,
            sequence=0,
            replace=replace,
            rows=b"",
        )
        missing = self._taken.take(update, rows, events)
        if held is None and rows.count == 1 and frame.pair not in self._too_big:
            # One candle of a frame we know nothing of: the rest is asked for, once.
            if self._taken.may_ask(key, True, received_ns):
                requests.append(self._ask(frame.pair, WHOLE))
        elif missing and frame.pair not in self._too_big:
            whole = missing + 1 >= WHOLE or (key in self._taken.asked and rows.count > 1)
            if self._taken.may_ask(key, whole, received_ns):
                self._taken.gap(key, f"{missing} candles are missing", received_ns, events)
                requests.append(self._ask(frame.pair, missing + 1 if not whole else WHOLE))

    def _ask(self, pair: str, rows: int) -> bytes:
        limit = rows if rows < WHOLE else (self._section.initial_candle_limit or 1500)
        return freqtrade_wire.frames_request(max(limit, WHOLE if rows >= WHOLE else 1), pair)

    def due(self, now_ns: int) -> list[Event]:
        """What has become too old since the last look."""
        return self._taken.due(now_ns)

    @property
    def held(self) -> HeldFrames:
        """What is held of the producer now."""
        return self._taken.held

    @property
    def figures(self) -> ProducerFigures:
        """How it stands."""
        keys: list[Key] = self._taken.held.keys(self.entry.name)
        statuses = [status for key in keys if (status := self._taken.held.status(*key)) is not None]
        return ProducerFigures(
            name=self.entry.name,
            connected=self._connected,
            wire=("millstream" if self._fast else "freqtrade") if self._connections else "",
            pairs=len(self._taken.held.pairs(self.entry.name)),
            frames=len(keys),
            rows=sum(status.rows for status in statuses),
            updates=self._taken.updates,
            gaps=self._taken.gaps,
            repairs=self._taken.repairs,
            bytes=self._bytes,
            malformed=self._malformed,
            connections=self._connections,
            oldest_ns=min((status.received_ns for status in statuses), default=0),
        )
