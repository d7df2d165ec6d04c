import os
import re

import pytest
from tests.journal.sample import MANIFEST, contents, small_journal

from millstream.errors import JournalDamaged, JournalError
from millstream.journal import Journal, JournalWriter, Kind
from millstream.journal.format import (
    NO_HASH,
    SEGMENT_MAGIC,
    block_bytes,
    block_hash,
    crc32c,
    segment_header,
)
from millstream.journal.seal import seal_segment

SEGMENT = "000001.journal"


def read_to_end(directory):
    journal = Journal.open(directory)
    blocks = list(journal.blocks())
    return journal, blocks


def segment(*blocks):
    """A segment's bytes of (kind, count, first sequence, body), chained."""
    raw = segment_header(1, 1, NO_HASH)
    previous = NO_HASH
    for kind, count, first, body in ((1, 1, 1, MANIFEST.to_json()), *blocks):
        block = block_bytes(kind, count, first, previous, body)
        previous = block_hash(block)
        raw += block
    return raw


# ---- cut ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("close", ["done", None])
def test_a_journal_cut_at_any_byte_of_its_last_block_opens_and_says_what_it_cut(tmp_path, close):
    small_journal(tmp_path, close=close)
    _, blocks = read_to_end(tmp_path)
    path = tmp_path / SEGMENT
    whole = path.read_bytes()
    last = blocks[-1]
    assert last.offset + 41 + len(last.body) == len(whole)
    for size in range(len(whole) - 1, last.offset, -1):
        os.truncate(path, size)
        journal, found = read_to_end(tmp_path)
        assert found == blocks[:-1]
        assert (journal.cut.file, journal.cut.offset) == (SEGMENT, last.offset)
        assert journal.cut.bytes == size - last.offset
        assert journal.cut.last_sequence == 12
        assert not journal.closed
    os.truncate(path, last.offset)
    journal, found = read_to_end(tmp_path)
    assert found == blocks[:-1]
    assert journal.cut is None  # nothing tells that there was more, but that no close was seen
    assert not journal.closed


def test_a_journal_cut_at_any_byte_keeps_every_block_before_it(tmp_path):
    small_journal(tmp_path)
    _, blocks = read_to_end(tmp_path)
    path = tmp_path / SEGMENT
    for size in range(path.stat().st_size - 1, blocks[1].offset, -1):
        os.truncate(path, size)
        journal, found = read_to_end(tmp_path)
        assert found == [b for b in blocks if b.offset + 41 + len(b.body) <= size]
        ends_between_blocks = any(b.offset == size for b in blocks)
        assert (journal.cut is None) is ends_between_blocks


def test_a_journal_cut_before_its_manifest_is_complete_is_refused_in_one_sentence(tmp_path):
    small_journal(tmp_path)
    path = tmp_path / SEGMENT
    for size in range(44 + 41 + len(MANIFEST.to_json()) - 1, -1, -1):
        os.truncate(path, size)
        with pytest.raises(JournalError, match="ends before its manifest"):
            Journal.open(tmp_path)


@pytest.mark.parametrize("zeros", [1, 40, 41, 5_000, 600_000])
def test_zeros_at_the_end_are_a_cut_as_a_power_cut_makes_it(tmp_path, zeros):
    small_journal(tmp_path, close=None)
    before = contents(tmp_path)
    path = tmp_path / SEGMENT
    size = path.stat().st_size
    os.truncate(path, size + zeros)
    journal, blocks = read_to_end(tmp_path)
    assert (journal.cut.offset, journal.cut.bytes) == (size, zeros)
    assert len(blocks) == len(before)


def test_zeros_with_anything_behind_them_are_damage(tmp_path):
    small_journal(tmp_path, close=None)
    path = tmp_path / SEGMENT
    path.write_bytes(path.read_bytes() + bytes(300_000) + b"x")
    with pytest.raises(JournalDamaged):
        read_to_end(tmp_path)


def test_only_the_last_segment_may_be_cut(tmp_path):
    small_journal(tmp_path, segment_bytes=900, compress=False)
    path = tmp_path / SEGMENT
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(JournalDamaged, match=SEGMENT):
        read_to_end(tmp_path)


def test_a_sealed_segment_is_never_cut(tmp_path):
    small_journal(tmp_path, close=None)
    path = tmp_path / SEGMENT
    os.truncate(path, path.stat().st_size - 1)
    seal_segment(tmp_path, 1)
    with pytest.raises(JournalDamaged, match=r"000001\.seal"):
        read_to_end(tmp_path)


# ---- damage -------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["plain", "sealed", "unclosed"])
def test_every_flipped_bit_is_found(tmp_path, form):
    """All eight bits of each byte: found as damage, never as a cut, never as other content."""
    small_journal(tmp_path, close=None if form == "unclosed" else "done", batches=8)
    if form == "sealed":
        seal_segment(tmp_path, 1)
    (path,) = tmp_path.iterdir()
    raw = path.read_bytes()
    assert 1_000 < len(raw) < 4_096
    silent = []
    with path.open("r+b", buffering=0) as file:
        for position, byte in enumerate(raw):
            for bit in range(8):
                os.pwrite(file.fileno(), bytes([byte ^ 1 << bit]), position)
                try:
                    read_to_end(tmp_path)
                    silent.append((position, bit))
                except JournalDamaged:
                    pass
            os.pwrite(file.fileno(), bytes([byte]), position)
    assert silent == []
    read_to_end(tmp_path)


def test_damage_names_file_offset_expected_found_and_the_last_good_event(tmp_path):
    small_journal(tmp_path)
    _, blocks = read_to_end(tmp_path)
    damaged = next(b for b in blocks if b.kind is Kind.EVENTS and b.first_sequence == 7)
    path = tmp_path / SEGMENT
    raw = bytearray(path.read_bytes())
    raw[damaged.offset + 41 + 5] ^= 0x10
    path.write_bytes(raw)
    with pytest.raises(JournalDamaged) as caught:
        read_to_end(tmp_path)
    assert re.search(
        rf"{path} is damaged at offset {damaged.offset}: "
        rf"expected a block body with CRC32C {crc32c(damaged.body):08x}, "
        r"found one with [0-9a-f]{8}; up to event 6 all is good",
        str(caught.value),
    )
    assert caught.value.last_sequence == 6


def test_damage_in_a_later_segment_names_the_last_good_event_before_it(tmp_path):
    small_journal(tmp_path, batches=12, segment_bytes=900)
    with (tmp_path / "000002.seal").open("r+b") as file:
        file.seek(40)
        byte = file.read(1)[0]
        file.seek(40)
        file.write(bytes([byte ^ 1]))
    seen = 0

    def read():
        nonlocal seen
        for block in Journal.open(tmp_path).blocks():
            seen += block.count if block.kind is Kind.EVENTS else 0

    with pytest.raises(JournalDamaged) as caught:
        read()
    assert seen > 0
    assert f"up to event {seen} all is good" in str(caught.value)


EVENTS = (2, 1, 1, b"one")


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        ([EVENTS, (2, 1, 3, b"three")], "expected sequence 2, found 3"),
        ([EVENTS, (2, 1, 1, b"one")], "expected sequence 2, found 1"),
        ([EVENTS, (3, 1, 1, b"out")], "expected sequence 2, found 1"),
        ([(9, 1, 1, b"?")], "found a block of kind 9"),
        ([(1, 1, 1, b"{}")], "found a block of kind 1"),
        ([(4, 1, 1, b"done"), EVENTS], "expected nothing after the close"),
    ],
)
def test_blocks_that_do_not_follow_each_other_are_damage(tmp_path, blocks, expected):
    """Each with good checksums and a good chain: somebody wrote it so."""
    (tmp_path / SEGMENT).write_bytes(segment(*blocks))
    with pytest.raises(JournalDamaged, match=expected):
        read_to_end(tmp_path)


def test_a_block_left_out_or_swapped_breaks_the_chain(tmp_path):
    blocks = [(3, 1, 1, b"a"), (3, 1, 1, b"b"), (3, 1, 1, b"c")]
    raw = segment(*blocks)
    size = 42
    head, a, b, c = raw[: -3 * size], *(raw[len(raw) - n * size :][:size] for n in (3, 2, 1))
    path = tmp_path / SEGMENT
    path.write_bytes(head + a + b + c)
    read_to_end(tmp_path)
    for wrong in (head + a + c, head + b + c, head + a + c + b, head + a + b + b + c):
        path.write_bytes(wrong)
        with pytest.raises(JournalDamaged, match="hash of the block before"):
            read_to_end(tmp_path)


def test_anything_after_a_close_is_damage(tmp_path):
    small_journal(tmp_path)
    path = tmp_path / SEGMENT
    raw = path.read_bytes()
    for more in (b"x", bytes(50), b"y" * 50):
        path.write_bytes(raw + more)
        with pytest.raises(JournalDamaged):
            read_to_end(tmp_path)


def test_a_segment_of_another_journal_is_damage(tmp_path):
    for name, body in (("one", b"1"), ("other", b"2")):
        writer = JournalWriter(tmp_path / name, MANIFEST, segment_bytes=1, compress=False)
        writer.append_events(body, 1)
        writer.close("done")
    last = "000003.journal"
    (tmp_path / "one" / last).write_bytes((tmp_path / "other" / last).read_bytes())
    with pytest.raises(JournalDamaged, match=f"{last} .*expected hash of the block before"):
        read_to_end(tmp_path / "one")


# ---- what is no journal -------------------------------------------------------------------------


def test_a_journal_of_a_newer_format_is_refused_in_one_sentence(tmp_path):
    header = bytearray(segment_header(1, 1, NO_HASH))
    header[8] = 2
    header[-4:] = crc32c(bytes(header[:-4])).to_bytes(4, "little")
    (tmp_path / SEGMENT).write_bytes(header)
    with pytest.raises(JournalError, match="format 2, newer than 1") as caught:
        Journal.open(tmp_path)
    assert not isinstance(caught.value, JournalDamaged)


def test_a_foreign_file_under_a_segments_name_is_named(tmp_path):
    (tmp_path / SEGMENT).write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(JournalDamaged, match=f"expected {re.escape(repr(SEGMENT_MAGIC))}"):
        Journal.open(tmp_path)
    (tmp_path / SEGMENT).rename(tmp_path / "000001.seal")
    with pytest.raises(JournalDamaged, match="expected a seal's first bytes"):
        Journal.open(tmp_path)


def test_a_missing_segment_is_named(tmp_path):
    small_journal(tmp_path, batches=12, segment_bytes=900)
    (tmp_path / "000002.seal").unlink()
    with pytest.raises(JournalError, match=r"lacks segment 000002\.journal"):
        Journal.open(tmp_path)


# ---- reading ------------------------------------------------------------------------------------


def test_reading_again_starts_at_the_beginning(tmp_path):
    journal = Journal.open(small_journal(tmp_path))
    first = list(journal.blocks())
    assert list(journal.blocks()) == first


def test_a_journal_that_is_still_written_reads_up_to_where_it_is(tmp_path):
    writer = JournalWriter(tmp_path / "j", MANIFEST)
    writer.append_events(b"one", 1)
    journal, blocks = read_to_end(tmp_path / "j")
    assert [block.body for block in blocks[1:]] == [b"one"]
    assert not journal.closed
    writer.close("done")


def test_a_segment_sealed_while_the_journal_is_read_is_read_on(tmp_path):
    small_journal(tmp_path, batches=12, segment_bytes=900, compress=False)
    before = contents(tmp_path)
    found = []
    for block in Journal.open(tmp_path).blocks():
        if not found:
            for number in (1, 2):
                seal_segment(tmp_path, number)
        found.append((block.kind, block.first_sequence, block.count, block.body))
    assert found == before


def test_blocks_over_the_size_of_a_chunk_are_read_whole(tmp_path):
    bodies = [bytes([i]) * size for i, size in enumerate((3, 700_000, 262_144, 1, 262_103, 5))]
    writer = JournalWriter(tmp_path / "j", MANIFEST, segment_bytes=900_000)
    for body in bodies:
        writer.append_events(body, 1)
    writer.close("done")
    assert [body for kind, _, _, body in contents(tmp_path / "j") if kind == 2] == bodies


def test_memory_does_not_grow_with_the_journal(tmp_path):
    import tracemalloc

    writer = JournalWriter(tmp_path / "j", MANIFEST, segment_bytes=4_000_000)
    body = os.urandom(10_000)
    for _ in range(1_500):
        writer.append_events(body, 1)
    writer.close("done")
    journal = Journal.open(tmp_path / "j")
    tracemalloc.start()
    try:
        for _ in journal.blocks():
            pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000  # of 15 MB
