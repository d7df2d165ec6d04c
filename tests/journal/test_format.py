import struct

from hypothesis import given
from hypothesis import strategies as st

from millstream.journal.format import (
    BLOCK_HEADER,
    SEGMENT_HEADER,
    Cut,
    block_bytes,
    block_hash,
    crc32c,
    file_name,
    read_segment_header,
    segment_header,
)


def test_the_checksum_is_crc32c_as_rfc_3720_gives_it():
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"123456789") == 0xE3069283


def test_a_block_is_its_header_then_its_body():
    block = block_bytes(2, 3, 17, bytes(range(16)), b"body")
    length, body_crc, kind, count, first, previous, header_crc = BLOCK_HEADER.unpack(block[:41])
    assert (length, kind, count, first, previous) == (4, 2, 3, 17, bytes(range(16)))
    assert body_crc == crc32c(b"body")
    assert header_crc == crc32c(block[:37])
    assert block[41:] == b"body"


def test_a_block_costs_41_bytes():
    assert len(block_bytes(2, 1, 1, bytes(16), b"")) == 41


def test_the_hash_of_a_block_has_16_bytes_and_depends_on_each_of_its_bits():
    block = block_bytes(2, 1, 1, bytes(16), b"x")
    hashes = {block_hash(block)}
    for position in range(len(block)):
        for bit in range(8):
            changed = bytearray(block)
            changed[position] ^= 1 << bit
            hashes.add(block_hash(bytes(changed)))
    assert len(hashes) == len(block) * 8 + 1
    assert {len(item) for item in hashes} == {16}


@given(
    number=st.integers(1, 2**32 - 1),
    first=st.integers(1, 2**64 - 1),
    previous=st.binary(min_size=16, max_size=16),
)
def test_a_segment_header_reads_as_it_was_written(number, first, previous):
    header = read_segment_header(segment_header(number, first, previous))
    assert (header.version, header.number) == (1, number)
    assert (header.first_sequence, header.previous) == (first, previous)


def test_a_segment_header_with_any_flipped_bit_is_none():
    raw = segment_header(3, 99, bytes(range(16)))
    assert len(raw) == SEGMENT_HEADER.size == 44
    for position in range(len(raw)):
        for bit in range(8):
            changed = bytearray(raw)
            changed[position] ^= 1 << bit
            assert read_segment_header(bytes(changed)) is None


def test_magic_and_version_stand_where_every_later_format_has_them():
    assert segment_header(1, 1, bytes(16))[:12] == b"MILLJRNL" + struct.pack("<I", 1)


def test_segments_are_named_so_that_they_sort():
    assert [file_name(n) for n in (1, 20)] == ["000001.journal", "000020.journal"]


def test_a_cut_says_where_how_much_and_what_remains():
    text = str(Cut("000001.journal", 812, 40, "a block header is not complete", 17))
    assert "000001.journal" in text
    assert "812" in text
    assert "40 bytes" in text
    assert "event 17" in text
