"""What becomes of a frame: its handler by its head, and one count for each way it can go."""

from decimal import Overflow

import msgspec
import pytest

from millstream.exchange.decoding import FrameCounts
from millstream.exchange.feeding import OfNoUse, WrongFrame, feeder
from millstream.model import Exchange, Gap

GAP = Gap(1, Exchange.OKX, "book", None, "", "", 0, "lost")


def fed(raw, answer=lambda raw, received_ns: []):
    counts, asked = FrameCounts(), []

    def other(raw, received_ns):
        asked.append(raw)
        return []

    feed = feeder(counts, {b'{"a":"b"': answer}, b",", other, lambda raw, received_ns: [GAP])
    return feed(raw, 7), counts, asked


def test_a_frame_goes_to_the_handler_of_its_head_and_any_other_the_slow_way():
    events, counts, asked = fed(b'{"a":"b","c":1}', lambda raw, received_ns: [received_ns])
    assert (events, asked, counts.frames) == ([7], [], 1)
    for raw in (b'{ "a":"b","c":1}', b'{"c":1,"a":"b"}', b"", b","):
        assert fed(raw)[2] == [raw]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (WrongFrame("the symbol is not the stream's"), "the symbol is not the stream's"),
        (msgspec.DecodeError("x"), "not JSON"),
        (msgspec.ValidationError("x"), "a field is missing or has an impossible value"),
        (RecursionError(), "nested too deeply"),
        (Overflow(), "an impossible number"),
    ],
)
def test_a_frame_that_cannot_be_used_is_malformed_and_what_it_may_have_changed_is_told(
    error, reason
):
    def answer(raw, received_ns):
        raise error

    events, counts, _ = fed(b'{"a":"b","c":1}', answer)
    assert (events, counts.malformed, counts.reasons) == ([GAP], 1, {reason: 1})


def test_text_that_nobody_reads_must_be_text_too():
    events, counts, asked = fed(b'{"a":"b","c":"\xff"}')
    assert (events, asked, counts.reasons) == ([GAP], [], {"not UTF-8": 1})


def test_a_frame_that_says_nothing_new_is_ignored_and_nothing_is_lost():
    def answer(raw, received_ns):
        raise OfNoUse("a frame seen before")

    events, counts, _ = fed(b'{"a":"b","c":1}', answer)
    assert (events, counts.ignored, counts.accounted) == ([], 1, counts.frames)


def test_an_error_of_ours_is_not_taken_for_the_venues():
    with pytest.raises(KeyError):
        fed(b'{"a":"b","c":1}', lambda raw, received_ns: {}[raw])
