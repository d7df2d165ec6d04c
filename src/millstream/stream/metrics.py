"""The figures of streams for Prometheus, read when it asks."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from millstream.errors import StreamError
from millstream.stream.figures import Rates, Stream, figures

# name: (field of Figures, what it is); of a connection, which all pairs of a channel share
COUNTERS: Final[dict[str, tuple[str, str]]] = {
    "millstream_frames": ("frames", "Frames received."),
    "millstream_gaps": ("gaps", "Discontinuities told as Gap."),
    "millstream_reconnects": ("reconnects", "Connections after the first."),
    "millstream_malformed": ("malformed", "Frames that were not understood."),
    "millstream_refused": ("refused", "Refusals by the venue, and frames of other venues."),
    "millstream_dropped": ("dropped", "Events that an observer's queue did not take."),
}
LIVE: Final = "millstream_subscription_live"  # 1: its data comes
UPDATES: Final = "millstream_subscription_updates"
AGE: Final = "millstream_subscription_age_seconds"


class StreamCollector(Collector):
    """Asks the streams each time it is asked."""

    def __init__(self, streams: Sequence[Stream]) -> None:
        self._streams = streams

    def collect(self) -> Iterator[Metric]:
        """Counters of each connection; state, age and updates of each subscription."""
        rows = figures(self._streams, Rates(), time.time_ns())
        # A channel's pairs share a connection and its numbers: one row of each is enough.
        connections = {(row.exchange, row.channel): row for row in rows}
        for name, (field, text) in COUNTERS.items():
            counter = CounterMetricFamily(name, text, labels=["exchange", "channel"])
            for of_channel, row in connections.items():
                counter.add_metric(of_channel, getattr(row, field))
            yield counter
        names = ["exchange", "channel", "pair"]
        live = GaugeMetricFamily(LIVE, "1: data comes; 0: it does not.", labels=names)
        age = GaugeMetricFamily(AGE, "Seconds since the last data.", labels=names)
        updates = CounterMetricFamily(UPDATES, "How often its data came.", labels=names)
        for row in rows:
            labels = (row.exchange, row.channel, row.pair)
            live.add_metric(labels, float(row.state == "live"))
            updates.add_metric(labels, row.updates)
            if row.age_s is not None:
                age.add_metric(labels, row.age_s)
        yield live
        yield age
        yield updates


def serve_metrics(streams: Sequence[Stream], port: int) -> int:
    """Answer Prometheus on 127.0.0.1 from a thread of its own; the port, chosen when it is 0."""
    registry = CollectorRegistry()
    registry.register(StreamCollector(streams))
    try:
        server, _ = start_http_server(port, addr="127.0.0.1", registry=registry)
    except OSError as error:
        raise StreamError(f"metrics cannot be served on port {port}: {error.strerror}.") from None
    return int(server.server_port)
