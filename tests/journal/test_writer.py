import errno
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.journal.sample import (
    MANIFEST,
    Quoter,
    abandon,
    contents,
    drive,
    event_bodies,
    line,
    order,
    small_journal,
    ticker,
)

from millstream.errors import JournalDamaged, JournalError
from millstream.journal import Journal, JournalWriter, Kind
from millstream.journal import writer as writer_module
from millstream.model.codec import decode_outputs, encode_events

BODY = encode_events([ticker(1)])


def names(directory):
    return sorted(os.listdir(directory))


def read_to_end(directory):
    journal = Journal.open(directory)
    for _ in journal.blocks():
        pass
    return journal


# ---- what is written is read --------------------------------------------------------------------


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.binary(max_size=300), st.integers(1, 9)),
            st.lists(st.integers(1, 50).map(line), min_size=1, max_size=3),
            st.just("sync"),
        ),
        max_size=30,
    ),
    segment_bytes=st.sampled_from([1, 200, 700, 10**6]),
    compress=st.booleans(),
    reason=st.text(max_size=20),
)
def test_blocks_read_as_they_were_written(tmp_path, steps, segment_bytes, compress, reason):
    directory = tmp_path / "journal"
    shutil.rmtree(directory, ignore_errors=True)
    writer = JournalWriter(directory, MANIFEST, segment_bytes, compress)
    written = []
    following = 1
    for step in steps:
        if step == "sync":
            writer.sync()
        elif isinstance(step, tuple):
            assert writer.append_events(*step) == following
            written.append((Kind.EVENTS, following, step[1], step[0]))
            following += step[1]
            assert writer.next_sequence == following
        else:
            writer.append_outputs(step)
            written.append((Kind.OUTPUTS, following, len(step), step))
    writer.close(reason)
    journal = Journal.open(directory)
    assert journal.manifest == MANIFEST
    blocks = list(journal.blocks())
    found = [
        (b.kind, b.first_sequence, b.count, decode_outputs(b.body) if b.kind == 3 else b.body)
        for b in blocks[1:-1]
    ]
    assert found == written
    assert blocks[0].kind is Kind.MANIFEST
    assert journal.closed
    assert journal.close_reason == reason
    assert journal.cut is None
    assert journal.last_sequence == following - 1


def test_the_body_of_a_block_is_the_batch_the_bus_carried(tmp_path):
    writer = JournalWriter(tmp_path / "j", MANIFEST)
    writer.append_events(BODY, 1)
    writer.close("done")
    assert event_bodies(tmp_path / "j") == [BODY]


def test_an_append_is_in_the_file_when_it_returns(tmp_path):
    writer = JournalWriter(tmp_path / "j", MANIFEST)
    writer.append_events(BODY, 1)
    assert event_bodies(tmp_path / "j") == [BODY]
    writer.close("done")


def test_nothing_is_written_for_no_events_and_no_outputs(tmp_path):
    writer = JournalWriter(tmp_path / "j", MANIFEST)
    size = (tmp_path / "j" / "000001.journal").stat().st_size
    assert writer.append_events(b"\x90", 0) == 1
    writer.append_outputs([])
    assert (tmp_path / "j" / "000001.journal").stat().st_size == size
    writer.close("done")


def test_a_batch_over_the_limit_is_refused_and_the_journal_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("millstream.journal.writer.MAX_BODY_BYTES", 100)
    writer = JournalWriter(tmp_path / "j", MANIFEST)
    writer.append_events(bytes(100), 1)
    with pytest.raises(JournalError, match="101 bytes"):
        writer.append_events(bytes(101), 1)
    writer.append_events(BODY, 1)
    writer.close("done")
    assert event_bodies(tmp_path / "j") == [bytes(100), BODY]


# ---- beginning and ending -----------------------------------------------------------------------


def test_a_directory_that_holds_a_journal_is_refused(tmp_path):
    small_journal(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(JournalError, match="holds a journal already"):
        JournalWriter(tmp_path, MANIFEST)
    assert contents(tmp_path) == before


def test_a_directory_that_holds_anything_else_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(JournalError, match=r"holds notes\.txt already"):
        JournalWriter(tmp_path, MANIFEST)


def test_a_journal_that_never_began_gives_way_to_one_that_does(tmp_path):
    (tmp_path / "000001.journal.part").write_bytes(b"half of its first bytes")
    JournalWriter(tmp_path, MANIFEST).close("done")
    assert Journal.open(tmp_path).manifest == MANIFEST


def test_a_directory_that_cannot_be_made_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="Not a directory"):
        JournalWriter(tmp_path / "file" / "j", MANIFEST)


def test_two_sessions_cannot_write_one_journal(tmp_path):
    writer = JournalWriter(tmp_path / "j", MANIFEST)
    with pytest.raises(JournalError, match="another session"):
        JournalWriter.resume(tmp_path / "j")
    writer.close("done")
    JournalWriter.resume(tmp_path / "j").close("done")


def test_a_closed_journal_takes_no_more_and_closing_again_does_nothing(tmp_path):
    writer = JournalWriter(tmp_path / "j", MANIFEST)
    writer.close("done")
    writer.close("again")
    writer.sync()
    with pytest.raises(JournalError, match="is closed"):
        writer.append_events(BODY, 1)
    assert read_to_end(tmp_path / "j").close_reason == "done"


def test_a_journal_lets_go_of_every_descriptor(tmp_path):
    before = len(os.listdir("/proc/self/fd"))
    writer = JournalWriter(tmp_path / "j", MANIFEST, segment_bytes=500)
    drive(writer, Quoter(), [[ticker(i)] for i in range(30)])
    writer.close("done")
    read_to_end(tmp_path / "j")
    assert len(os.listdir("/proc/self/fd")) == before


# ---- segments -----------------------------------------------------------------------------------


def test_full_segments_are_sealed_and_the_last_stays_plain(tmp_path):
    small_journal(tmp_path, batches=12, segment_bytes=900)
    files = names(tmp_path)
    assert len(files) > 3
    assert [name.split(".")[1] for name in files] == ["seal"] * (len(files) - 1) + ["journal"]


def test_without_compression_every_segment_stays_plain(tmp_path):
    small_journal(tmp_path, batches=12, segment_bytes=1500, compress=False)
    assert {name.split(".")[1] for name in names(tmp_path)} == {"journal"}


def test_segments_change_nothing_in_what_is_read(tmp_path):
    one = contents(small_journal(tmp_path / "one"))
    many = contents(small_journal(tmp_path / "many", segment_bytes=1))
    assert one == many
    assert len(names(tmp_path / "many")) == len(one)


# ---- durable ------------------------------------------------------------------------------------


def test_sync_asks_the_disk_only_when_something_is_new(tmp_path, monkeypatch):
    synced = []
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda fd: (synced.append(fd), real(fd)))
    writer = JournalWriter(tmp_path / "j", MANIFEST)
    synced.clear()
    writer.sync()
    assert len(synced) == 0
    writer.append_events(BODY, 1)
    writer.sync()
    writer.sync()
    assert len(synced) == 1
    writer.close("done")
    assert len(synced) == 2


def test_a_full_segment_is_on_disk_before_the_next_one_begins(tmp_path, monkeypatch):
    order_of_calls = []
    real_sync, real_rename = os.fdatasync, os.rename
    writer = JournalWriter(tmp_path / "j", MANIFEST, segment_bytes=1, compress=False)
    full = writer._descriptor

    def fdatasync(descriptor):
        order_of_calls.append("full" if descriptor == full else "new")
        real_sync(descriptor)

    def rename(*paths):
        order_of_calls.append("rename")
        real_rename(*paths)

    writer.append_events(BODY, 1)  # closes segment 1, whose manifest is on disk already
    full = writer._descriptor
    monkeypatch.setattr(os, "fdatasync", fdatasync)
    monkeypatch.setattr(os, "rename", rename)
    writer.append_events(BODY, 1)
    assert order_of_calls == ["full", "new", "rename"]
    writer.close("done")


def test_other_threads_may_sync_while_the_owner_appends_rotates_and_closes(tmp_path):
    writer = JournalWriter(tmp_path / "j", MANIFEST, segment_bytes=20_000)
    stop = threading.Event()
    errors = []

    def keep_syncing():
        while not stop.is_set():
            try:
                writer.sync()
            except BaseException as error:
                errors.append(error)
                return

    threads = [threading.Thread(target=keep_syncing) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(1_500):
        writer.append_events(BODY, 1)
    writer.close("done")
    time.sleep(0.01)
    stop.set()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    assert errors == []
    assert event_bodies(tmp_path / "j") == [BODY] * 1_500


def test_sync_covers_what_was_appended_before_it_was_called(tmp_path, monkeypatch):
    """What the owner appends while the disk is busy is left for the next sync."""
    real = os.fdatasync
    writer = JournalWriter(tmp_path / "j", MANIFEST)
    synced = []

    def slow(descriptor):
        real(descriptor)
        if not synced:
            writer.append_events(BODY, 1)
        synced.append(descriptor)

    monkeypatch.setattr(os, "fdatasync", slow)
    writer.append_events(BODY, 1)
    writer.sync()
    writer.sync()
    writer.sync()
    assert len(synced) == 2
    writer.close("done")


# ---- the disk fails -----------------------------------------------------------------------------


def refuses_everything(writer):
    for act in (
        lambda: writer.append_events(BODY, 1),
        lambda: writer.append_outputs([line(1)]),
        writer.sync,
    ):
        with pytest.raises(JournalError, match="takes no more"):
            act()


def test_a_full_disk_stops_the_writer_and_names_file_and_offset(tmp_path):
    """A real one: the kernel refuses to let the file grow, in the middle of a block."""
    directory = tmp_path / "j"
    writer = JournalWriter(directory, MANIFEST)
    for _ in range(10):
        writer.append_events(BODY, 1)
    good = event_bodies(directory)
    size = (directory / "000001.journal").stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 60, limits[1]))
        with pytest.raises(JournalError, match=rf"000001\.journal at offset {size}.*60 of 95"):
            writer.append_events(BODY, 1)  # a short write
        refuses_everything(writer)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    refuses_everything(writer)  # also when there is room again: the torn block stays the last
    writer.close("cannot")
    journal = read_to_end(directory)
    assert journal.cut.offset == size
    assert journal.cut.bytes == 60
    assert not journal.closed
    resumed = JournalWriter.resume(directory)
    assert resumed.next_sequence == 11
    resumed.append_events(BODY, 1)
    resumed.close("done")
    assert event_bodies(directory) == [*good, BODY]


def test_a_refused_write_stops_the_writer(tmp_path):
    directory = tmp_path / "j"
    writer = JournalWriter(directory, MANIFEST)
    size = (directory / "000001.journal").stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
        with pytest.raises(JournalError, match=f"offset {size}: File too large"):
            writer.append_events(BODY, 1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    refuses_everything(writer)
    writer.close("cannot")
    assert read_to_end(directory).cut is None


def test_a_sync_that_fails_stops_the_writer(tmp_path, monkeypatch):
    """After a failed fdatasync the kernel may call lost pages clean: a retry proves nothing."""
    writer = JournalWriter(tmp_path / "j", MANIFEST)
    writer.append_events(BODY, 1)

    def fail(descriptor):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fail)
        with pytest.raises(JournalError, match=r"could not sync .*Input/output error"):
            writer.sync()
    refuses_everything(writer)
    writer.close("cannot")


def test_a_segment_that_cannot_begin_stops_the_writer(tmp_path, monkeypatch):
    writer = JournalWriter(tmp_path / "j", MANIFEST, segment_bytes=1)

    def fail(*paths):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", fail)
        with pytest.raises(JournalError, match=r"begin the segment after .*No space left"):
            writer.append_events(BODY, 1)
    refuses_everything(writer)
    writer.close("cannot")
    assert event_bodies(tmp_path / "j") == []


def test_an_append_interrupted_by_ctrl_c_stops_the_writer(tmp_path, monkeypatch):
    writer = JournalWriter(tmp_path / "j", MANIFEST)

    def interrupted(block):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("millstream.journal.writer.block_hash", interrupted)
        with pytest.raises(KeyboardInterrupt):
            writer.append_events(BODY, 1)
    with pytest.raises(JournalError, match="was interrupted"):
        writer.append_events(BODY, 1)
    writer.close("cannot")
    assert event_bodies(tmp_path / "j") == [BODY]
    assert not read_to_end(tmp_path / "j").closed


def test_a_segment_of_many_small_blocks_ends_too_so_that_its_reading_is_bounded(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(writer_module, "SEGMENT_BLOCKS", 4)
    writer = JournalWriter(tmp_path, MANIFEST, compress=False)
    for _ in range(10):
        writer.append_events(BODY, 1)
    writer.close("done")
    assert len(names(tmp_path)) == 3
    files = [block.file for block in Journal(tmp_path).blocks()]
    assert [files.count(name) for name in names(tmp_path)] == [5, 4, 3]  # the first: its manifest


# ---- resume -------------------------------------------------------------------------------------


@pytest.mark.parametrize("segment_bytes", [10**6, 700, 1])
@pytest.mark.parametrize("close", ["done", None])
def test_a_resumed_journal_is_one_journal(tmp_path, segment_bytes, close):
    small_journal(tmp_path, close=close, segment_bytes=segment_bytes)
    before = [block for block in contents(tmp_path) if block[0] is not Kind.CLOSE]
    writer = JournalWriter.resume(tmp_path, segment_bytes=segment_bytes)
    assert writer.cut is None
    assert writer.next_sequence == 13
    writer.append_events(BODY, 1)
    writer.append_outputs([order(13)])
    writer.close("later")
    after = [block for block in contents(tmp_path) if block[0] is not Kind.CLOSE]
    assert after[: len(before)] == before
    assert after[-2] == (Kind.EVENTS, 13, 1, BODY)
    assert read_to_end(tmp_path).close_reason == "later"


def test_what_a_killed_writer_left_is_on_disk_before_a_resume_begins_the_next_segment(
    tmp_path, monkeypatch
):
    small_journal(tmp_path, close=None)
    steps = []
    real_sync, real_rename = os.fdatasync, os.rename

    def fdatasync(descriptor):
        steps.append(os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))
        real_sync(descriptor)

    def rename(*paths):
        steps.append("rename")
        real_rename(*paths)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    monkeypatch.setattr(os, "rename", rename)
    writer = JournalWriter.resume(tmp_path, compress=False)
    assert steps == ["000001.journal", "000002.journal.part", "rename"]
    writer.close("later")


def test_a_resume_cuts_the_torn_tail_and_says_so(tmp_path):
    small_journal(tmp_path, close=None)
    before = contents(tmp_path)
    path = tmp_path / "000001.journal"
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    last = list(Journal.open(tmp_path).blocks())[-1]
    writer = JournalWriter.resume(tmp_path)
    assert writer.cut.file == "000001.journal"
    assert writer.cut.offset + writer.cut.bytes == len(whole) - 3
    assert writer.cut.offset == last.offset + 41 + len(last.body)
    writer.close("later")
    assert contents(tmp_path)[:-1] == before[:-1]


def test_a_resume_cuts_a_last_block_whose_content_is_wrong_and_says_that_it_was(tmp_path):
    small_journal(tmp_path, close=None)
    before = contents(tmp_path)
    path = tmp_path / "000001.journal"
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    writer = JournalWriter.resume(tmp_path)
    assert "damaged" in writer.cut.reason
    writer.close("later")
    assert contents(tmp_path)[:-1] == before[:-1]


def test_a_resume_does_not_cut_what_is_damaged_further_up(tmp_path):
    small_journal(tmp_path, close=None)
    path = tmp_path / "000001.journal"
    raw = bytearray(path.read_bytes())
    raw[-400] ^= 1
    path.write_bytes(raw)
    with pytest.raises(JournalDamaged):
        JournalWriter.resume(tmp_path)
    assert path.read_bytes() == raw


@pytest.mark.parametrize("length", [0, 1, 43, 44])
def test_a_resume_replaces_a_segment_that_hardly_began(tmp_path, length):
    small_journal(tmp_path, close=None, segment_bytes=1500)
    whole = contents(tmp_path)
    last = max(tmp_path.glob("*.journal"))
    kept = whole[: len(whole) - sum(1 for _ in Journal(tmp_path).tail())]
    last.write_bytes(last.read_bytes()[:length])
    writer = JournalWriter.resume(tmp_path)
    writer.append_events(BODY, 1)
    writer.close("later")
    assert [block[3] for block in contents(tmp_path)] == [*(b[3] for b in kept), BODY, b"later"]


def test_a_resume_seals_what_was_left_plain_and_removes_what_was_left_unfinished(tmp_path):
    small_journal(tmp_path, batches=12, close=None, segment_bytes=1500, compress=False)
    (tmp_path / "000001.seal.part").write_bytes(b"half")
    before = contents(tmp_path)
    JournalWriter.resume(tmp_path).close("later")
    assert [name.split(".")[1] for name in names(tmp_path)][-2:] == ["seal", "journal"]
    assert sum(name.endswith(".journal") for name in names(tmp_path)) == 1
    assert contents(tmp_path)[:-1] == before


def test_where_there_is_no_journal_nothing_is_resumed_and_nothing_made(tmp_path):
    with pytest.raises(JournalError, match="there is no journal"):
        JournalWriter.resume(tmp_path / "none")
    assert names(tmp_path) == []


# ---- kill -9 ------------------------------------------------------------------------------------

WRITE_UNTIL_KILLED = """
import os, sys
from pathlib import Path
from millstream.journal import JournalWriter
from tests.journal.sample import MANIFEST, line
writer = JournalWriter(Path(sys.argv[1]), MANIFEST, segment_bytes=30_000)
number = 0
while True:
    body = b"%d " % number + b"x" * (number * 37 % 900)
    writer.append_events(body, 1)
    if number % 5 == 0:
        writer.append_outputs([line(number)])
    os.write(1, b"%d\\n" % number)  # acknowledged only now
    number += 1
"""


@pytest.mark.parametrize("seed", range(20))
def test_kill_9_loses_nothing_that_was_appended(tmp_path, seed):
    directory = tmp_path / "j"
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", WRITE_UNTIL_KILLED, str(directory)], stdout=subprocess.PIPE, cwd=root
    )
    try:
        process.stdout.readline()  # it is under way
        threading.Timer(random.Random(seed).uniform(0, 0.15), process.kill).start()
        acknowledged = 1 + len(process.stdout.read().splitlines())
    finally:
        process.kill()
        process.stdout.close()
        process.wait(10)
    journal = Journal.open(directory)
    bodies = [block.body for block in journal.blocks() if block.kind is Kind.EVENTS]
    assert [int(body.split()[0]) for body in bodies] == list(range(len(bodies)))
    assert len(bodies) >= acknowledged
    writer = JournalWriter.resume(directory)
    writer.append_events(BODY, 1)
    writer.close("resumed")
    assert event_bodies(directory) == [*bodies, BODY]


def test_an_abandoned_journal_is_not_closed(tmp_path):
    writer = JournalWriter(tmp_path / "j", MANIFEST)
    writer.append_events(BODY, 1)
    abandon(writer)
    journal = read_to_end(tmp_path / "j")
    assert not journal.closed
    assert journal.cut is None
