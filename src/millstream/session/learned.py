"""What other bots told, until the robots take it: bounded, and no candle of it is lost.

Robots that analyze more slowly than their producers tell would let updates wait without an end.
Past a bound what waits is conflated: of each frame one update stays, with every row that the others
changed; of each whitelist and each state the latest. The robots are told how many came as one.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Hashable, Sequence
from typing import Final, TypeAlias

from millstream.bus import EventPublisher
from millstream.bus.publisher import Follower
from millstream.model import Event, FrameUpdate, ProducerState, Whitelist

UPDATES_WAITING: Final = 1_000
BYTES_WAITING: Final = 16 << 20

AsOne: TypeAlias = Callable[[Sequence[FrameUpdate]], FrameUpdate]


class LearnedQueue:
    """Events of other bots, oldest first.

    as_one: makes one update of several of one frame: `frames.client.FrameClient.as_one`.
    """

    def __init__(
        self, as_one: AsOne, most: int = UPDATES_WAITING, most_bytes: int = BYTES_WAITING
    ) -> None:
        self._as_one, self._least = as_one, (most, most_bytes)
        self._most, self._most_bytes = most, most_bytes
        self._waiting: deque[Event] = deque()
        self._bytes = 0
        self._left_out: Counter[Hashable] = Counter()  # updates that a waiting one stands for
        self.conflated = 0  # events that a later one stands for

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, event: Event) -> None:
        """Add what a producer told; conflates where too much waits."""
        self._waiting.append(event)
        self._bytes += _size(event)
        if len(self._waiting) > self._most or self._bytes > self._most_bytes:
            self._conflate()

    def take(self) -> list[Event]:
        """The oldest event; where others came as one with it, a state before it says how many."""
        event = self._waiting.popleft()
        self._bytes -= _size(event)
        left_out = self._left_out.pop(_key(event), 0) if isinstance(event, FrameUpdate) else 0
        if not left_out or not isinstance(event, FrameUpdate):
            return [event]
        reason = f"{left_out + 1} updates came as one: they came faster than this bot takes them"
        told = ProducerState(
            event.received_ns, event.producer, "conflated",
            event.pair, event.timeframe, event.candle_type, reason,
        )  # fmt: skip
        return [told, event]

    def _conflate(self) -> None:
        """Keep one event of each kind and frame, in the place of the last of them."""
        groups: dict[Hashable, list[Event]] = {}
        for event in self._waiting:
            key = _key(event)
            group = groups.pop(key, [])
            group.append(event)
            groups[key] = group
        kept: deque[Event] = deque()
        for key, group in groups.items():
            updates = [event for event in group if isinstance(event, FrameUpdate)]
            if len(updates) > 1:
                self._left_out[key] += len(updates) - 1
                kept.append(self._as_one(updates))
            else:
                kept.append(group[-1])
        self.conflated += len(self._waiting) - len(kept)
        self._waiting, self._bytes = kept, sum(_size(event) for event in kept)
        # As many frames as there are may wait; each is looked at again only when there is more.
        self._most = max(self._least[0], 2 * len(kept))
        self._most_bytes = max(self._least[1], 2 * self._bytes)


class LearnedPublisher:
    """Hands the robots what other bots told, as fast as they take it. Belongs to one event loop."""

    def __init__(self, robots: Follower, clock_ns: Callable[[], int], learned: LearnedQueue):
        self._learned = learned
        self._behind = False
        self._publisher = EventPublisher([robots], clock_ns, self._full, self._room)

    def learn(self, event: Event) -> None:
        """Hand it over with the batch of this turn, or when there is room."""
        self._learned.put(event)
        self._pass_on()

    @property
    def waiting(self) -> int:
        """Events that are not yet handed over."""
        return len(self._learned) + self._publisher.waiting

    def close(self) -> None:
        """Hand over nothing more."""
        self._behind = True
        self._publisher.close()

    def _full(self) -> None:
        self._behind = True

    def _room(self) -> None:
        self._behind = False
        self._pass_on()

    def _pass_on(self) -> None:
        while self._learned and not self._behind:
            for event in self._learned.take():
                self._publisher.put_nowait(event)


def _key(event: Event) -> Hashable:
    if isinstance(event, FrameUpdate | ProducerState):
        return type(event), event.producer, event.pair, event.timeframe, event.candle_type
    return (type(event), event.producer) if isinstance(event, Whitelist) else id(event)


def _size(event: Event) -> int:
    return len(event.rows) if isinstance(event, FrameUpdate) else 0
