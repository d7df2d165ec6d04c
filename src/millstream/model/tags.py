"""The promised tags: a tag names the shape of a message for ever, its number goes over the wire.

A number is never given to another shape. A field may be added at the end of a shape with a default
(old journals then read as if it had been there); any other change is a new tag with a new number.
A journal's manifest carries this table, so that its bytes explain themselves.
"""

from __future__ import annotations

from typing import Final

TAGS: Final[dict[str, int]] = {
    # market
    "ticker.1": 1,
    "trade.1": 2,
    "book.1": 3,
    "candle.1": 4,
    "candle_history.1": 5,
    # other bots' frames
    "frame.1": 6,
    "whitelist.1": 7,
    "producer_state.1": 8,
    # the health of a stream
    "connected.1": 10,
    "disconnected.1": 11,
    "gap.1": 12,
    "stale.1": 13,
    "resynced.1": 14,
    "refused.1": 15,
    # own orders
    "my_order.1": 20,
    "my_trade.1": 21,
    "my_order_batch.1": 22,
    # time and people
    "timer.1": 30,
    "control.1": 31,
    "session_end.1": 32,
    # what a robot answers
    "place_order.1": 40,
    "cancel_order.1": 41,
    "cancel_all.1": 42,
    "set_timer.1": 43,
    "stop_timer.1": 44,
    "log_line.1": 45,
    "checkpoint.1": 46,
    "robot_failed.1": 47,
    "publish_frame.1": 48,
    "publish_whitelist.1": 49,
    "amend_order.1": 50,
    "control_answer.1": 51,
    # what wraps them
    "output.1": 60,
}


def tag(name: str) -> int:
    """The number that stands for a promised tag."""
    return TAGS[name]
