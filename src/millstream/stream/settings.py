"""The times and sizes of a live connection, and its figures. Pure."""

from __future__ import annotations

import msgspec

from millstream.model import Channel


class StreamSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How patient a connection is; a venue's stream adds settings of its own."""

    connect_timeout_s: float = 10.0
    ping_idle_s: float = 10.0  # ask for a sign of life after so long without any bytes
    ping_reply_s: float = 10.0  # and give the connection up after so long without an answer
    first_delay_s: float = 1.0  # the longest wait before the first new attempt; it doubles ...
    longest_delay_s: float = 60.0  # ... up to here
    healthy_s: float = 60.0  # a connection that lived so long clears the count of failures
    first_data_s: float = 60.0  # warn when a subscription has sent nothing so long after it began
    stale_s: float = 60.0  # and when a connection has been silent for so long
    message_pause_s: float = 0.25  # between two messages of ours: Binance allows 5 a second
    max_frame_bytes: int = 64 * 1024 * 1024


class ChannelStatistics(msgspec.Struct, frozen=True):
    """The figures of one channel of a stream, from its start to now."""

    channel: Channel
    state: str  # "idle", "connecting", "connected", "waiting", "stopped"
    frames: int = 0
    events: int = 0
    ignored: int = 0
    malformed: int = 0
    refused: int = 0
    gaps: int = 0
    snapshots: int = 0
    reconnects: int = 0
    dropped: int = 0  # events that an observer's queue did not take
    last_received_ns: int = 0  # 0: nothing yet
