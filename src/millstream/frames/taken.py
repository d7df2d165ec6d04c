"""What a follower has taken of one producer, and what it asked for: told as events, counted."""

from __future__ import annotations

from typing import Final

import msgspec

from millstream.frames.held import HeldFrames
from millstream.frames.rows import Rows, pack
from millstream.frames.schema import DATE
from millstream.frames.settings import ConsumerSection, ProducerEntry
from millstream.frames.signals import without_signals
from millstream.model.events import Event
from millstream.model.frames import FrameUpdate, ProducerState, Whitelist

ASK_AGAIN_NS: Final = 30_000_000_000
FrameKey = tuple[str, str, str]  # pair, timeframe, candle type


class Taken:
    """The frames and pairs of one producer as they are told to our robots."""

    def __init__(self, entry: ProducerEntry, section: ConsumerSection) -> None:
        self.entry, self._section = entry, section
        self.held = HeldFrames()
        self.asked: dict[FrameKey, tuple[bool, int]] = {}  # (for the whole frame, when)
        self.updates = self.gaps = self.repairs = 0

    def take(self, update: FrameUpdate, rows: Rows, events: list[Event]) -> int:
        """Hold an update and tell it; the candles that are missing before it."""
        key = (update.pair, update.timeframe, update.candle_type)
        shown = rows.only((DATE, *self.entry.columns)) if self.entry.columns else rows
        if self._section.remove_entry_exit_signals:
            shown = without_signals(shown)
        before = self.held.status(self.entry.name, *key)
        applied = self.held.apply_rows(update, shown)
        if not applied.ok:
            return applied.missing
        told = update.rows if shown is rows and update.rows else pack(shown)
        if before is not None and before.state == "stale":
            events.append(self._state(key, "fresh", "", update.received_ns))
        events.append(msgspec.structs.replace(update, rows=told))
        self.updates += 1
        if before is not None and before.state == "gap":
            self.repairs += 1
            events.append(self._state(key, "repaired", "", update.received_ns))
        if update.replace or rows.count > 1 or (before is not None and before.state == "gap"):
            self.asked.pop(key, None)
        return 0

    def may_ask(self, key: FrameKey, whole: bool, now_ns: int) -> bool:
        """Not while an answer to the same question may be on its way."""
        asked = self.asked.get(key)
        if asked is not None and asked[0] >= whole and now_ns - asked[1] < ASK_AGAIN_NS:
            return False
        self.asked[key] = (whole, now_ns)
        return True

    def gap(self, key: FrameKey, reason: str, now_ns: int, events: list[Event]) -> None:
        """Rows of a frame are missing."""
        self.gaps += 1
        state = self._state(key, "gap", reason, now_ns)
        self.held.set_state(state)
        events.append(state)

    def pairs(self, pairs: tuple[str, ...], now_ns: int, events: list[Event]) -> None:
        """The producer's pairs from now on."""
        whitelist = Whitelist(now_ns, self.entry.name, pairs)
        self.held.set_pairs(whitelist)
        events.append(whitelist)

    def due(self, now_ns: int) -> list[Event]:
        """What has become too old since the last look."""
        most_ns = self.entry.max_age_ns
        events: list[Event] = []
        for key in self.held.keys(self.entry.name) if most_ns else []:
            status = self.held.status(*key)
            if status is not None and status.state != "stale" and status.age_ns(now_ns) > most_ns:
                reason = f"older than max_age ({self.entry.max_age})"
                stale = self._state(key[1:], "stale", reason, now_ns)
                self.held.set_state(stale)
                events.append(stale)
        return events

    def _state(self, key: FrameKey, state: str, reason: str, now_ns: int) -> ProducerState:
        return ProducerState(now_ns, self.entry.name, state, *key, reason)
