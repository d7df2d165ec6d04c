"""Where frames went, counted."""

from millstream.exchange import decoding
from millstream.exchange.decoding import OTHER_REASONS, FrameCounts


def test_the_memory_of_reasons_is_bounded_and_counts_every_frame(monkeypatch):
    monkeypatch.setattr(decoding, "MAX_REASONS", 3)
    counts = FrameCounts()
    for number in range(10):
        counts.ignore(f"the venue said {number}")
        counts.reject(f"the venue said {number}", "", b"")
    assert len(counts.reasons) == 4
    assert counts.reasons[OTHER_REASONS] == 14
    assert sum(counts.reasons.values()) == counts.accounted == 20
