"""Candles of a slower timeframe, joined from a faster one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from millstream.strategy.ring import CandleRing
from millstream.strategy.timeframes import timeframe_to_ns

_DAYS_TO_MONDAY_NS = 4 * 86_400_000_000_000  # 1970 began on a Thursday


def joined(
    ring: CandleRing, timeframe: str, slower: str, since_ns: int
) -> Iterator[tuple[int, tuple[float, ...]]]:
    """(begin in ns, prices) of each slower candle that is complete and begins after `since_ns`.

    Complete: the last of its faster candles is there. Holes in between are quiet times. The first
    one of the ring is left out unless it begins with it.
    """
    frame = ring.frame()
    fast_ns, slow_ns = timeframe_to_ns(timeframe), timeframe_to_ns(slower)
    shift_ns = _DAYS_TO_MONDAY_NS if slower.endswith("w") else 0
    dates = frame["date"].to_numpy("datetime64[ns]").view(np.int64)
    starts = dates - (dates - shift_ns) % slow_ns
    values = frame[["open", "high", "low", "close", "volume"]].to_numpy()
    edges = np.flatnonzero(np.diff(starts)) + 1
    groups = zip([0, *edges.tolist()], [*edges.tolist(), len(dates)], strict=True)
    for first, end in groups:
        if first == end or starts[first] <= since_ns:
            continue
        whole = first > 0 or dates[first] == starts[first]
        complete = end < len(dates) or dates[end - 1] + fast_ns >= starts[first] + slow_ns
        if whole and complete:
            part = values[first:end]
            yield int(starts[first]), (
                float(part[0, 0]), float(part[:, 1].max()), float(part[:, 2].min()),
                float(part[-1, 3]), float(part[:, 4].sum()),
            )  # fmt: skip
