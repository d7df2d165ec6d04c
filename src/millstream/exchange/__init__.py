"""Each venue's tongue, one folder each, behind one door: a live stream or a pure decoder."""

from millstream.exchange.decoding import (
    ACKNOWLEDGEMENT,
    Decoder,
    FrameCounts,
    Sample,
    SnapshotRequest,
    Topic,
)
from millstream.exchange.factory import decoder, get_exchange_stream

__all__ = [
    "ACKNOWLEDGEMENT",
    "Decoder",
    "FrameCounts",
    "Sample",
    "SnapshotRequest",
    "Topic",
    "decoder",
    "get_exchange_stream",
]
