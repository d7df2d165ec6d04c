"""What a follower holds of other bots: their pairs, their frames, and how each stands.

Fed with the events of a journal or of a live connection, it is the same either way: it asks no
clock, and the same events leave the same frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec
import pandas as pd

from millstream.errors import BadMessage
from millstream.frames.history import History, in_order
from millstream.frames.rows import Rows, pack, unpack
from millstream.frames.timeframe import candles_between, length_ns
from millstream.model.frames import FrameUpdate, ProducerState, Whitelist

MAX_ROWS_HELD: Final = 1500  # as freqtrade keeps

Key = tuple[str, str, str, str]  # producer, pair, timeframe, candle type


class Applied(NamedTuple):
    """What became of an update."""

    ok: bool  # False: nothing of it is held
    missing: int = 0  # candles that lie between what is held and its first row
    reason: str = ""


class FrameStatus(msgspec.Struct, frozen=True):
    """How one frame stands."""

    rows: int
    last_ns: int  # the last candle's date
    sequence: int  # of its last update; 0: its wire has none
    analyzed_ns: int  # by the producer's clock
    received_ns: int  # by ours
    state: str  # "fresh", "gap", "stale", "disconnected"

    def age_ns(self, now_ns: int) -> int:
        """How long ago we received its last update."""
        return max(0, now_ns - self.received_ns)


class HeldFrame:
    """One frame, and how it stands."""

    __slots__ = ("analyzed_ns", "history", "received_ns", "sequence", "state", "step_ns")

    def __init__(self, history: History, timeframe: str) -> None:
        self.history = history
        self.step_ns = length_ns(timeframe)
        self.analyzed_ns = self.received_ns = self.sequence = 0
        self.state = "fresh"


class HeldFrames:
    """The frames and pairs of every producer.

    limit: how many of the last rows of each frame are kept.
    """

    def __init__(self, limit: int = MAX_ROWS_HELD) -> None:
        self._limit = limit
        self._frames: dict[Key, HeldFrame] = {}
        self._pairs: dict[str, tuple[str, ...]] = {}
        self._states: dict[str, str] = {}

    def apply(self, update: FrameUpdate) -> Applied:
        """Hold the rows of an update, unless candles are missing before its first one.

        Rows take the place of held ones of the same dates; a frame that is whole takes the place
        of all. Never raises: an update that cannot be read is not held, and says so.
        """
        try:
            return self.apply_rows(update, unpack(update.rows))
        except BadMessage as error:
            return Applied(False, 0, str(error))

    def apply_rows(self, update: FrameUpdate, rows: Rows) -> Applied:
        """`apply` for who has read the update's rows already; raises BadMessage."""
        key = (update.producer, update.pair, update.timeframe, update.candle_type)
        held = self._frames.get(key)
        if (
            held is not None
            and rows.count == 1
            and not update.replace
            and rows.schema is held.history.schema
        ):  # the usual case, in few steps
            block, row, unit_ns = self._date(rows)
            date_ns = int(rows.blocks[block][row, 0]) * unit_ns
            if 0 < date_ns - held.history.last_ns <= held.step_ns:
                held.history.append(rows, date_ns)
                return _told(held, update)
        rows = in_order(rows)
        if not rows.count:
            return Applied(False, 0, "it has no rows")
        if held is None or update.replace:
            if held is None:
                held = self._frames[key] = HeldFrame(History(rows, self._limit), update.timeframe)
            else:
                held.history = History(rows, self._limit)
            return _told(held, update)
        first_ns = int(rows.dates_ns()[0])
        between = candles_between(update.timeframe, held.history.last_ns, first_ns)
        # A sequence was checked by who received it, and a market may have been closed.
        if between > 1 and not update.sequence:
            held.state = "gap"
            return Applied(False, int(between), f"{int(between)} candles are missing")
        held.history.join(rows)
        return _told(held, update)

    def _date(self, rows: Rows) -> tuple[int, int, int]:
        schema = rows.schema
        return schema.date_block, schema.date_row, schema.date_unit_ns

    def as_one(self, updates: Sequence[FrameUpdate]) -> FrameUpdate:
        """One update in the place of several of one frame, which were all applied: every row that
        they changed, as it is now.
        """
        last = updates[-1]
        held = self._frames.get((last.producer, last.pair, last.timeframe, last.candle_type))
        if held is None:
            return last
        rows = held.history.rows
        dates = rows.dates_ns()
        first_ns = min(int(unpack(update.rows).dates_ns().min()) for update in updates)
        # Rows that are held no more were told too: only the whole frame is without a hole.
        whole = any(update.replace for update in updates) or first_ns < int(dates[0])
        first = 0 if whole else int(dates.searchsorted(first_ns))
        return msgspec.structs.replace(
            last,
            analyzed_ns=held.analyzed_ns,
            sequence=held.sequence,
            replace=whole,
            rows=pack(rows.between(first, rows.count)),
        )

    def set_pairs(self, whitelist: Whitelist) -> None:
        """A producer's pairs from now on; an empty list is one too."""
        self._pairs[whitelist.producer] = whitelist.pairs

    def set_state(self, state: ProducerState) -> None:
        """How a producer or one of its frames stands from now on."""
        if not state.pair:
            self._states[state.producer] = state.state
            return
        held = self._frames.get((state.producer, state.pair, state.timeframe, state.candle_type))
        if held is not None and state.state in ("stale", "fresh", "gap", "repaired"):
            held.state = "fresh" if state.state == "repaired" else state.state

    def pairs(self, producer: str) -> list[str]:
        """A producer's pairs; none of one we do not know."""
        return list(self._pairs.get(producer, ()))

    def producers(self) -> list[str]:
        """Everyone we have heard of."""
        return sorted({*self._pairs, *self._states, *(key[0] for key in self._frames)})

    def state(self, producer: str) -> str:
        """How a producer stands: "connected", "disconnected", "refused"; "": never heard of it."""
        return self._states.get(producer, "")

    def keys(self, producer: str) -> list[Key]:
        """Every frame that is held of a producer."""
        return [key for key in self._frames if key[0] == producer]

    def get(
        self, producer: str, pair: str, timeframe: str, candle_type: str
    ) -> tuple[pd.DataFrame, int]:
        """(frame, when it was analyzed in ns); an empty frame and 0 where there is none.

        The frame is the caller's: pandas copies what he writes to, what is held stays as it is.
        A stale frame is no frame.
        """
        held = self._frames.get((producer, pair, timeframe, candle_type))
        if held is None or held.state == "stale":
            return pd.DataFrame(), 0
        return held.history.frame(), held.analyzed_ns or held.received_ns

    def status(
        self, producer: str, pair: str, timeframe: str, candle_type: str
    ) -> FrameStatus | None:
        """How a frame stands; None: nothing is held of it."""
        held = self._frames.get((producer, pair, timeframe, candle_type))
        if held is None:
            return None
        return FrameStatus(
            rows=len(held.history),
            last_ns=held.history.last_ns,
            sequence=held.sequence,
            analyzed_ns=held.analyzed_ns,
            received_ns=held.received_ns,
            state=held.state,
        )

    def history(self, producer: str, pair: str, timeframe: str, candle_type: str) -> History | None:
        """The rows held of a frame."""
        held = self._frames.get((producer, pair, timeframe, candle_type))
        return held.history if held else None

    def forget(self, keys: Iterable[Key]) -> None:
        """Hold these frames no longer."""
        for key in keys:
            self._frames.pop(key, None)


def _told(held: HeldFrame, update: FrameUpdate) -> Applied:
    held.analyzed_ns, held.received_ns = update.analyzed_ns, update.received_ns
    held.sequence, held.state = update.sequence, "fresh"
    return _APPLIED


_APPLIED: Final = Applied(True)
