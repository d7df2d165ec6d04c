"""The times and sizes of a live connection, and its figures. Pure."""

from __future__ import annotations

import msgspec

from millstream.model import Channel

DEFAULT_STALE_S = 60.0


class StreamSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How patient a connection is; a venue's stream adds settings of its own."""

    connect_timeout_s: float = 10.0
    ping_idle_s: float = 10.0  # ask for a sign of life after so long without any bytes
    ping_reply_s: float = 10.0  # and give the connection up after so long without an answer
    first_delay_s: float = 1.0  # the longest wait before the first new attempt; it doubles ...
    longest_delay_s: float = 60.0  # ... up to here
    healthy_s: float = 60.0  # a connection that lived so long clears the count of failures
    ack_s: float = 10.0  # a subscription is to be acknowledged, or to send data, within this
    first_data_s: float = 60.0  # and to have sent data within this, or it counts as refused
    stale_s: float | dict[Channel, float] = DEFAULT_STALE_S  # data older than this is told; by
    # channel where one is quieter than another: {"trade": 600}
    lifetime_s: float = 0.0  # replace a connection before the venue ends it; 0: it lives on
    overlap_s: float = 1.0  # how long both connections send while one replaces the other
    message_pause_s: float = 0.25  # between two messages of ours: Binance allows 5 a second
    max_frame_bytes: int = 64 * 1024 * 1024

    def stale_after_s(self, channel: Channel) -> float:
        """How old the data of this channel may grow."""
        if isinstance(self.stale_s, dict):
            return self.stale_s.get(channel, DEFAULT_STALE_S)
        return self.stale_s


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
