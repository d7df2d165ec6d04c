"""`docs/journal-format.md` is what the code does: its bytes, its sizes and its reader."""

import re
from pathlib import Path

import msgspec
from tests.journal.sample import contents, small_journal

from millstream.journal import JournalWriter, Manifest
from millstream.journal.format import BLOCK_HEADER, MAX_BODY_BYTES, SEAL_HEADER, SEGMENT_HEADER
from millstream.model import CurrencyPair, Exchange, LogLine, Output, Ticker
from millstream.model.codec import encode_events

PAGE = (Path(__file__).parents[2] / "docs" / "journal-format.md").read_text()
EXAMPLE = Manifest(
    run_id="r1",
    started_ns=1_700_000_000_000_000_000,
    seed=7,
    millstream_version="0.1.0",
    python_version="3.11.7",
    platform="linux",
    tags={"ticker.1": 1, "log_line.1": 45, "output.1": 60},
)


def write_example(directory):
    writer = JournalWriter(directory, EXAMPLE)
    pair = CurrencyPair.BTC_USDT
    event = Ticker(
        1_700_000_001_000_000_000, Exchange.BINANCE, pair, 0, 37_000.5, 1.25, 37_000.75, 0.5
    )
    sequence = writer.append_events(encode_events([event]), 1)
    writer.append_outputs([Output(sequence, "quoter", LogLine("info", "hi"))])
    writer.close("done")
    return (directory / "000001.journal").read_bytes()


def hexdump(raw):
    lines = []
    for offset in range(0, len(raw), 16):
        row = raw[offset : offset + 16]
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{offset:08x}  {row.hex(' '):<47}  |{shown}|")
    return "\n".join(lines)


def fenced(language):
    return re.findall(rf"^```{language}\n(.*?)\n```$", PAGE, re.DOTALL | re.MULTILINE)


def test_the_worked_example_is_what_the_code_writes(tmp_path):
    assert fenced("hexdump") == [hexdump(write_example(tmp_path / "j"))]


def test_the_sizes_of_the_page_are_those_of_the_code():
    assert f"A header of {SEGMENT_HEADER.size} bytes, then blocks" in PAGE
    assert f"A header of {BLOCK_HEADER.size} bytes, then the body" in PAGE
    assert f"A header of {SEAL_HEADER.size} bytes, then one zstd frame" in PAGE
    assert f"at most {MAX_BODY_BYTES:,} bytes" in PAGE


def test_every_field_of_the_manifest_is_on_the_page():
    missing = [name for name in Manifest.__struct_fields__ if f"`{name}`" not in PAGE]
    assert missing == []


def test_the_reader_on_the_page_reads_what_the_code_writes(tmp_path):
    (source,) = fenced("python")
    names = {}
    exec(source, names)
    small_journal(tmp_path, batches=12, segment_bytes=900)
    read = [tuple(block) for block in names["read_journal"](tmp_path)]
    assert read == [
        (int(kind), first, count, body) for kind, first, count, body in contents(tmp_path)
    ]


def test_the_events_of_the_example_are_plain_msgpack(tmp_path):
    write_example(tmp_path / "j")
    bodies = [body for kind, _, _, body in contents(tmp_path / "j") if kind == 2]
    shown = [1, 1700000001000000000, 1, ["BTC", "USDT"], 0, 37000.5, 1.25, 37000.75, 0.5]
    assert [msgspec.msgpack.decode(body) for body in bodies] == [[shown]]
    assert str(shown).replace("'", '"') in PAGE
