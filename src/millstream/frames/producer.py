"""A producer without its sockets: what it publishes, and what each follower is to be sent.

Each connection has a queue of its own, with a bound. Messages in it are shared with the others;
an answer is made when its turn comes. A queue that is full keeps the latest update of each frame:
the follower sees the hole and asks, when it has time again. Nobody waits for it meanwhile.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

import msgspec

from millstream.errors import BadMessage
from millstream.frames import fast_wire, freqtrade_wire
from millstream.frames.shelf import FrameKey, OwnFrame
from millstream.model.codec import batch
from millstream.model.frames import FrameUpdate, PublishFrame, PublishWhitelist

ROWS_KEPT: Final = 5_000
UPDATES_QUEUED: Final = 2_000
BYTES_QUEUED: Final = 16 << 20
ANSWERS_QUEUED: Final = 20_000
BATCH_BYTES: Final = 1 << 20  # of our own messages in one websocket message


class TooSlow(Exception):
    """A follower asks for more than it takes; its connection is to be ended."""


class FollowerFigures(msgspec.Struct, frozen=True):
    """One connection, for people to look at."""

    name: str
    wire: str  # "freqtrade", "millstream"
    messages: int
    bytes: int
    queued: int
    conflated: int  # updates that were not sent because a later one was


class _Queued(NamedTuple):
    key: FrameKey | None  # of an update, that a later one of the same frame may take the place of
    size: int
    make: Callable[[], str | bytes]


Send: TypeAlias = str | bytes  # a text message, or a binary one


class Producer:
    """The frames and pairs of this bot, and who follows them.

    run: names this run: another one begins its sequences anew.
    default_key: (timeframe, candle type) told of a pair that there is no frame of.
    """

    def __init__(
        self, run: str, keep: int = ROWS_KEPT, default_key: tuple[str, str] = ("5m", "spot")
    ) -> None:
        self.run = run
        self.default_key = default_key
        self.pairs: tuple[str, ...] = ()
        self._keep = keep
        self._frames: dict[FrameKey, OwnFrame] = {}
        self._followers: set[Follower] = set()

    @property
    def frames(self) -> dict[FrameKey, OwnFrame]:
        """Every frame there is."""
        return self._frames

    @property
    def followers(self) -> frozenset[Follower]:
        """Every connection there is."""
        return frozenset(self._followers)

    def publish(self, message: PublishFrame | PublishWhitelist) -> None:
        """Take in what a robot publishes, and queue it for everyone who wants it.

        Raises BadMessage for rows that cannot be read.
        """
        if isinstance(message, PublishWhitelist):
            if message.pairs != self.pairs:
                self.pairs = message.pairs
                for follower in self._followers:
                    follower.tell_pairs()
            return
        key = (message.pair, message.timeframe, message.candle_type)
        frame = self._frames.get(key)
        if frame is None:
            frame = OwnFrame(key, self._keep)
        if frame.update(message):
            self._frames[key] = frame
            for follower in self._followers:
                follower.tell(frame)

    def relay(self, update: FrameUpdate) -> None:
        """Publish another bot's frame as it came, when it was analyzed included: a chain."""
        self.publish(
            PublishFrame(
                pair=update.pair,
                timeframe=update.timeframe,
                candle_type=update.candle_type,
                analyzed_ns=update.analyzed_ns,
                replace=update.replace,
                rows=update.rows,
            )
        )

    def frame_of(self, pair: str) -> OwnFrame | None:
        """The frame that a request for a pair means: of our own timeframe, else the first."""
        preferred = self._frames.get((pair, *self.default_key))
        if preferred is not None:
            return preferred
        return next((frame for key, frame in self._frames.items() if key[0] == pair), None)

    def join(self, name: str, fast: bool, wake: Callable[[], None]) -> Follower:
        """A new connection; `wake` is called whenever it has something to send."""
        follower = Follower(self, name, fast, wake)
        self._followers.add(follower)
        return follower

    def leave(self, follower: Follower) -> None:
        """A connection has ended."""
        self._followers.discard(follower)


class Follower:
    """One connection to a producer. Made by `Producer.join`."""

    def __init__(self, producer: Producer, name: str, fast: bool, wake: Callable[[], None]) -> None:
        self._producer, self._name, self._fast, self._wake = producer, name, fast, wake
        self._types: frozenset[str] = frozenset()
        self._follow: fast_wire.Follow | None = None
        self._updates: deque[_Queued] = deque()
        self._answers: deque[_Queued] = deque()
        self._bytes_queued = 0
        self._messages = self._bytes = self._conflated = 0
        if fast:
            hello = fast_wire.encode(fast_wire.Hello(fast_wire.VERSION, producer.run))
            self._answer(lambda: hello)

    # ---- what it says ---------------------------------------------------------------------------

    def receive(self, raw: str | bytes) -> None:
        """Take in what it says; raises BadMessage or TooSlow where its connection is to end."""
        if self._fast:
            if isinstance(raw, str):
                raise BadMessage("a text message on the binary wire")
            for message in fast_wire.read_follower(raw):
                self._receive_fast(message)
            return
        if isinstance(raw, bytes):
            raise BadMessage("a binary message on freqtrade's wire")
        match freqtrade_wire.parse_request(raw):
            case freqtrade_wire.Subscribe(types):
                self._types = types
            case freqtrade_wire.AskPairs():
                self._answer(self._pairs)
            case freqtrade_wire.AskFrames(limit, pair):
                for one in (pair,) if pair else self._producer.pairs:
                    self._answer(lambda one=one, limit=limit: self._text(one, limit))  # type: ignore[misc]
            case freqtrade_wire.Unknown(kind):
                self._answer(lambda: freqtrade_wire.refusal_message(kind).decode())

    def _receive_fast(self, message: fast_wire.FromFollower) -> None:
        known: dict[FrameKey, int] = {}
        if isinstance(message, fast_wire.Follow):
            self._follow = message
            if message.run == self._producer.run:
                known = {(k.pair, k.timeframe, k.candle_type): k.sequence for k in message.known}
            self._answer(self._pairs)
            wanted = [(key, known.get(key, 0)) for key in self._producer.frames]
        else:
            wanted = [((k.pair, k.timeframe, k.candle_type), k.sequence) for k in message.frames]
        for key, sequence in wanted:
            frame = self._producer.frames.get(key)
            if frame is not None and frame.sequence != sequence:
                self._answer(lambda frame=frame, sequence=sequence: self._since(frame, sequence))  # type: ignore[misc]

    # ---- what it is told ------------------------------------------------------------------------

    def tell_pairs(self) -> None:
        """The pairs have changed."""
        if self._follow is not None or freqtrade_wire.WHITELIST in self._types:
            self._answer(self._pairs)

    def tell(self, frame: OwnFrame) -> None:
        """A frame has an update."""
        if self._follow is not None:
            made: str | bytes = frame.fast_update(self._follow.columns)
            self._queue(_Queued(frame.key, len(made), lambda: made))
            return
        if freqtrade_wire.ANALYZED_DF in self._types:
            text = frame.text_update()
            self._queue(_Queued(frame.key, len(text), lambda: text))
        if frame.is_new_candle and freqtrade_wire.NEW_CANDLE in self._types:
            told = freqtrade_wire.new_candle_message(*frame.key).decode()
            self._queue(_Queued(None, len(told), lambda: told))

    def _pairs(self) -> str | bytes:
        if self._fast:
            return fast_wire.encode(fast_wire.PairsNow(self._producer.pairs))
        return freqtrade_wire.pairs_message(self._producer.pairs).decode()

    def _text(self, pair: str, limit: int | None) -> str:
        frame = self._producer.frame_of(pair)
        if frame is None:
            empty = freqtrade_wire.empty_frame_message(pair, *self._producer.default_key)
            return empty.decode()
        return frame.text_limit(limit)

    def _since(self, frame: OwnFrame, sequence: int) -> bytes:
        follow = self._follow or fast_wire.Follow("", (), 0, 1 << 23, ())
        most = follow.max_bytes - 64
        return frame.fast_since(sequence, follow.limit, follow.columns, most)

    def _answer(self, make: Callable[[], str | bytes]) -> None:
        if len(self._answers) >= ANSWERS_QUEUED:
            raise TooSlow(f"{self._name} asks for more than it reads; {len(self._answers)} wait")
        self._answers.append(_Queued(None, 0, make))
        self._wake()

    def _queue(self, queued: _Queued) -> None:
        self._updates.append(queued)
        self._bytes_queued += queued.size
        if len(self._updates) > UPDATES_QUEUED or self._bytes_queued > BYTES_QUEUED:
            self._conflate()
        self._wake()

    def _conflate(self) -> None:
        """Keep the latest update of each frame."""
        latest = {queued.key: queued for queued in self._updates}
        self._conflated += len(self._updates) - len(latest)
        self._updates = deque(latest.values())
        self._bytes_queued = sum(queued.size for queued in self._updates)

    # ---- what is sent ---------------------------------------------------------------------------

    @property
    def has_more(self) -> bool:
        """There is something to send."""
        return bool(self._answers or self._updates)

    def take(self) -> Send:
        """The next websocket message; answers first, in the order they were asked for."""
        if not self._fast:
            made = self._take().make()
            self._messages, self._bytes = self._messages + 1, self._bytes + len(made)
            return made
        pieces: list[bytes] = []
        size = 0
        most = min(BATCH_BYTES, self._follow.max_bytes // 2 if self._follow else BATCH_BYTES)
        while self.has_more and size < most:
            piece = self._take().make()
            assert isinstance(piece, bytes)
            if pieces and size + len(piece) > most:
                self._answers.appendleft(_Queued(None, len(piece), lambda piece=piece: piece))  # type: ignore[misc]
                break
            pieces.append(piece)
            size += len(piece)
        sent = batch(pieces)
        self._messages, self._bytes = self._messages + 1, self._bytes + len(sent)
        return sent

    def _take(self) -> _Queued:
        if self._answers:
            return self._answers.popleft()
        queued = self._updates.popleft()
        self._bytes_queued -= queued.size
        return queued

    @property
    def figures(self) -> FollowerFigures:
        """How it stands."""
        return FollowerFigures(
            name=self._name,
            wire="millstream" if self._fast else "freqtrade",
            messages=self._messages,
            bytes=self._bytes,
            queued=len(self._answers) + len(self._updates),
            conflated=self._conflated,
        )
