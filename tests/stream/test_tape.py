"""Tapes: what was written is read, what is damaged is named."""

import gzip
import os
import tempfile
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from millstream.errors import TapeError
from millstream.model import Channel, CurrencyPair
from millstream.stream.tape import (
    TapeCutOff,
    TapeHeader,
    TapeWriter,
    read_tape,
    rest_answer,
)

RECORDINGS = Path(__file__).parents[2] / ".." / "shared" / "data" / "exchanges"
SPOT = RECORDINGS / "binance_spot" / "hftbacktest_spot_btcusdt_20240808.gz"
HEADER = TapeHeader("binance", ("BTC/USDT",), ("ticker",), 1_723_161_254_000_000_000, "a test")


def write(path, frames):
    with TapeWriter(path, HEADER) as tape:
        for ns, raw in frames:
            tape.frame(Channel.TICKER, raw, ns)


def read(path):
    return [(frame.ns, frame.raw) for frame in read_tape(path)]


def read_until_error(path):
    frames = []
    try:
        for frame in read_tape(path):
            frames.append((frame.ns, frame.raw))  # noqa: PERF401 - kept when the next one raises
    except TapeError as error:
        return frames, str(error)
    raise AssertionError("the tape was read to its end without an error")


@settings(max_examples=150, deadline=None)
@given(
    frames=st.lists(
        st.tuples(
            st.integers(min_value=0, max_value=2**63 - 1),
            st.binary(max_size=40)
            | st.sampled_from([b"~", b"~aGk=", b"a\r", b"\n", b"", b"#x", b"\xff", b" ", b"\0"])
            | st.text(max_size=20).map(str.encode),
        ),
        max_size=20,
    ),
    suffix=st.sampled_from(["", ".gz", ".zst", ".tape"]),
)
def test_any_bytes_are_read_as_they_were_written(frames, suffix):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"tape{suffix}"
        write(path, frames)
        assert read(path) == frames
        assert read_tape(path).header == HEADER


def test_a_tape_can_be_read_twice(tmp_path):
    write(tmp_path / "tape", [(1, b"{}"), (2, b"[]")])
    tape = read_tape(tmp_path / "tape")
    assert list(tape) == list(tape)


def test_lines_without_our_header_are_read(tmp_path):
    path = tmp_path / "foreign"
    path.write_bytes(b'1723161254087891268 {"a":1}\n1723161254087896568 {"b": 2}\r\n\n3 ~x')
    assert read_tape(path).header is None
    assert read(path) == [
        (1723161254087891268, b'{"a":1}'),
        (1723161254087896568, b'{"b": 2}'),
        (3, b"~x"),
    ]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress])
def test_compression_is_known_by_the_first_bytes_and_not_by_the_name(tmp_path, pack):
    path = tmp_path / "tape.txt"
    path.write_bytes(pack(b"1 a\n2 b\n"))
    assert read(path) == [(1, b"a"), (2, b"b")]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress])
def test_compressed_files_joined_together_are_read_to_the_end(tmp_path, pack):
    path = tmp_path / "tape"
    path.write_bytes(pack(b"1 a\n2 b") + pack(b"b\n3 c\n"))
    assert read(path) == [(1, b"a"), (2, b"bb"), (3, b"c")]


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_cut_compressed_tape_gives_what_is_readable_and_then_the_error(tmp_path, suffix):
    path = tmp_path / f"tape{suffix}"
    frames = [(n * 1_500_000_000, os.urandom(400).hex().encode()) for n in range(200)]
    write(path, frames)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 3 // 4])
    found, message = read_until_error(path)
    assert 100 < len(found) < 200
    assert found == frames[: len(found)]
    assert str(path) in message
    assert f"after line {len(found) + 1}" in message  # the header is line 1
    with pytest.raises(TapeCutOff):
        list(read_tape(path))


def test_a_tape_of_ours_cut_within_a_line_gives_the_whole_lines_and_then_the_error(tmp_path):
    path = tmp_path / "tape"
    write(path, [(1, b"first"), (2, b"second")])
    path.write_bytes(path.read_bytes()[:-4])
    found, message = read_until_error(path)
    assert found == [(1, b"first")]
    assert "line 3" in message


def test_a_recorder_that_was_killed_loses_at_most_the_last_second(tmp_path):
    path = tmp_path / "tape.gz"
    tape = TapeWriter(path, HEADER)
    for n in range(50):
        tape.frame(Channel.TRADE, b"frame %d" % n, n * 100_000_000)
    found, _ = read_until_error(path)  # never closed: the file ends in the middle
    tape.close()
    assert 39 <= len(found) <= 50
    assert len(read(path)) == 50


def test_a_flipped_bit_in_a_compressed_tape_is_an_error(tmp_path):
    path = tmp_path / "tape.gz"
    write(path, [(n, b"frame %d" % n) for n in range(1000)])
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 0x10
    path.write_bytes(raw)
    _, message = read_until_error(path)
    assert str(path) in message


def test_a_bad_line_is_named_by_its_number(tmp_path):
    path = tmp_path / "tape"
    path.write_bytes(b"1 a\n2 b\nnonsense\n4 d\n")
    found, message = read_until_error(path)
    assert found == [(1, b"a"), (2, b"b")]
    assert f"{path}, line 3" in message


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"{}\n", "line 1"),
        (b"\x89PNG\r\n\x1a\n....", "line 1"),
        (b"99999999999999999999 x\n", "line 1"),
        (b'#millstream-tape 2 {"exchange":"binance"}\n', "format 2"),
        (b"#millstream-tape 1 {oops\n", "header"),
        (b'#millstream-tape 1 {"pairs":[]}\n', "exchange"),
    ],
)
def test_a_file_that_is_no_tape_is_refused_at_once(tmp_path, content, says):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(TapeError, match=says):
        read_tape(path)


def test_a_missing_file_and_a_directory_are_refused_at_once(tmp_path):
    with pytest.raises(TapeError, match="no tape at"):
        read_tape(tmp_path / "none")
    with pytest.raises(TapeError, match="cannot be read"):
        read_tape(tmp_path)


def test_a_line_without_end_does_not_fill_the_memory(tmp_path):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(b"1 a\n2 " + bytes(80 * 1024 * 1024), compresslevel=1))
    found, message = read_until_error(path)
    assert found == [(1, b"a")]
    assert "line 2: longer than" in message


def test_a_tape_never_overwrites_a_file(tmp_path):
    path = tmp_path / "tape"
    path.write_bytes(b"precious")
    with pytest.raises(TapeError, match="there already"):
        TapeWriter(path, HEADER)
    assert path.read_bytes() == b"precious"


def test_an_unwritable_place_and_a_closed_tape_are_refused(tmp_path):
    with pytest.raises(TapeError, match="cannot be written"):
        TapeWriter(tmp_path / "no" / "such" / "folder", HEADER)
    tape = TapeWriter(tmp_path / "tape", HEADER)
    tape.close()
    tape.close()
    tape.frame(Channel.TICKER, b"{}", 1)
    with pytest.raises(TapeError, match="closed"):
        tape.flush()


@pytest.mark.parametrize("body", [b'{"lastUpdateId":7}', b'{"lastUpdateId":7,\n"x":"\xc3\xa9"}'])
def test_a_rest_answer_is_told_apart_with_its_own_bytes(tmp_path, body):
    asked = "/api/v3/depth?symbol=BTCUSDT&limit=5000"
    with TapeWriter(tmp_path / "tape", HEADER) as tape:
        tape.snapshot(Channel.BOOK, CurrencyPair.BTC_USDT, asked, body, 5)
    [(ns, raw)] = read(tmp_path / "tape")
    answer = rest_answer(raw)
    assert answer is not None
    assert (ns, answer.rest, bytes(answer.data)) == (5, asked, body)


def test_ordinary_frames_are_no_rest_answers():
    assert rest_answer(b'{"stream":"btcusdt@trade","data":{}}') is None
    assert rest_answer(b'{"rest":"/api') is None


@pytest.mark.skipif(not SPOT.exists(), reason="the recordings are not beside the project")
def test_the_recording_of_2024_08_08_is_read_whole():
    frames = list(read_tape(SPOT))
    assert len(frames) == 41_249
    assert frames[0].ns == 1_723_161_253_937_085_768
    assert frames[-1].ns == 1_723_161_599_999_231_384
    assert sum(frame.raw.startswith(b'{"lastUpdateId"') for frame in frames) == 1
