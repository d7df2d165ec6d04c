"""A producer's own frames: the last state of each, what changed in which update, and each message
about it encoded once for all who get it.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from millstream.frames import fast_wire, freqtrade_wire
from millstream.frames.history import History, in_order
from millstream.frames.rows import Rows, pack, unpack
from millstream.frames.schema import DATE
from millstream.model.frames import PublishFrame

FrameKey = tuple[str, str, str]  # pair, timeframe, candle type
CHANGES_REMEMBERED: Final = 256  # updates; who lacks more gets the whole frame
SHORT: Final = 100  # rows; freqtrade takes fewer as an addition, more as a whole frame


class OwnFrame:
    """One frame of ours."""

    def __init__(self, key: FrameKey, keep: int) -> None:
        self.key = key
        self.sequence = 0
        self.analyzed_ns = 0
        self.is_new_candle = False  # the last update began one
        self._keep = keep
        self._history: History | None = None
        self._changes: deque[tuple[int, int]] = deque(maxlen=CHANGES_REMEMBERED)
        self._whole_at = 0  # the last update that replaced everything
        self._last: Rows | None = None  # of the last update
        self._encoded: dict[object, bytes] = {}
        self._texts: dict[object, str] = {}

    def __len__(self) -> int:
        return len(self._history) if self._history else 0

    @property
    def rows(self) -> Rows:
        """Every row; the frame has had an update."""
        assert self._history is not None
        return self._history.rows

    @property
    def history(self) -> History | None:
        """What is held; None before the first update."""
        return self._history

    def update(self, message: PublishFrame) -> bool:
        """Take an update in; False: it has no rows. Raises BadMessage."""
        rows = in_order(unpack(message.rows))
        if not rows.count:
            return False
        before_ns = self._history.last_ns if self._history else 0
        self.sequence += 1
        if message.replace or self._history is None:
            self._history = History(rows, self._keep)
            self._whole_at = self.sequence
            self._changes.clear()
        else:
            self._history.join(rows)
            self._changes.append((self.sequence, int(rows.dates_ns()[0])))
        self._last, self.analyzed_ns = rows, message.analyzed_ns
        self.is_new_candle = self._history.last_ns > before_ns
        self._encoded.clear()
        self._texts.clear()
        return True

    def since(self, sequence: int, limit: int) -> tuple[Rows, bool]:
        """(rows that changed after an update, whether they are the whole frame)."""
        rows = self.rows
        lost = not self._changes or self._changes[0][0] > sequence + 1
        if (
            sequence < self._whole_at
            or sequence > self.sequence
            or (lost and self._lacks(sequence))
        ):
            return rows.between(max(0, rows.count - limit) if limit else 0, rows.count), True
        changed = [first_ns for number, first_ns in self._changes if number > sequence]
        if not changed:
            return rows.between(rows.count, rows.count), False
        first = int(rows.dates_ns().searchsorted(min(changed)))
        return rows.between(first, rows.count), False

    def _lacks(self, sequence: int) -> bool:
        return sequence < self.sequence

    # ---- encoded once ---------------------------------------------------------------------------

    def fast_update(self, columns: tuple[str, ...]) -> bytes:
        """The last update as our own wire tells it."""
        name = ("fast", columns)
        if (made := self._encoded.get(name)) is None:
            whole = self._whole_at == self.sequence
            assert self._last is not None
            rows = self.rows if whole else self._last
            made = self._encoded[name] = self._fast(rows, self.sequence - 1, whole, columns)
        return made

    def fast_since(
        self, sequence: int, limit: int, columns: tuple[str, ...], max_bytes: int
    ) -> bytes:
        """What changed after an update, as our own wire tells it."""
        name = ("since", sequence, limit, columns, max_bytes)
        if (made := self._encoded.get(name)) is None:
            rows, whole = self.since(sequence, limit)
            made = self._fast(rows, sequence, whole, columns)
            while len(made) > max_bytes and rows.count > 1:
                rows = rows.between(rows.count - max(1, rows.count // 2), rows.count)
                made = self._fast(rows, sequence, True, columns)
            self._encoded[name] = made
        return made

    def _fast(self, rows: Rows, since: int, whole: bool, columns: tuple[str, ...]) -> bytes:
        told = rows.only((DATE, *columns)) if columns else rows
        return fast_wire.encode(
            fast_wire.Update(
                *self.key, self.analyzed_ns, since, self.sequence, whole, told.count, pack(told)
            )
        )

    def text_update(self) -> str:
        """The last update as freqtrade tells it: the last candle, and older ones that changed."""
        if (made := self._texts.get("update")) is None:
            last = self._last
            assert last is not None
            if self._whole_at == self.sequence or last.count >= SHORT:
                last = self.rows.between(len(self) - 1, len(self))
            made = self._texts["update"] = self._text(last, len(self) - last.count)
        return made

    def text_limit(self, limit: int | None) -> str:
        """The last rows as freqtrade tells them."""
        name = ("limit", limit)
        if (made := self._texts.get(name)) is None:
            first = freqtrade_wire.last_rows(len(self), limit)
            rows = self.rows.between(first, len(self))
            made = self._texts[name] = self._text(rows, first)
        return made

    def _text(self, rows: Rows, first_label: int) -> str:
        frame = freqtrade_wire.Frame(*self.key, self.analyzed_ns, rows)
        return freqtrade_wire.frame_message(frame, max(0, first_label)).decode()
