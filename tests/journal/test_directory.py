import pytest

from millstream.errors import JournalError
from millstream.journal.directory import create_file, leftovers, lock, segments


def touch(directory, *names):
    for name in names:
        (directory / name).write_bytes(b"")
    return directory


def test_segments_are_listed_in_order_with_their_forms(tmp_path):
    touch(tmp_path, "000002.journal", "000001.seal", "000001.journal")
    assert list(segments(tmp_path).items()) == [(1, {"seal", "journal"}), (2, {"journal"})]


def test_unfinished_files_are_no_segments(tmp_path):
    touch(tmp_path, "000001.journal", "000001.seal.part")
    assert segments(tmp_path) == {1: {"journal"}}
    assert [path.name for path in leftovers(tmp_path)] == ["000001.seal.part"]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "holds no journal"),
        (["000001.journal.part"], "holds no journal"),
        (["000002.journal"], "lacks segment 000001.journal"),
        (["000001.journal", "000003.seal"], "lacks segment 000002.journal"),
        (["000001.journal", "notes.txt"], "notes.txt"),
        (["000001.journal", "1.journal"], "1.journal"),
    ],
)
def test_what_is_no_whole_journal_is_refused_in_one_sentence(tmp_path, names, words):
    with pytest.raises(JournalError, match=words):
        segments(touch(tmp_path, *names))


def test_no_directory_is_refused_in_one_sentence(tmp_path):
    with pytest.raises(JournalError, match="there is no journal at"):
        segments(tmp_path / "none")


def test_a_file_is_no_journal(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"")
    with pytest.raises(JournalError, match="there is no journal at"):
        segments(file)


def test_a_created_file_has_its_first_bytes_and_appends(tmp_path):
    import os

    descriptor = create_file(tmp_path / "a", b"first")
    os.write(descriptor, b" second")
    os.close(descriptor)
    assert (tmp_path / "a").read_bytes() == b"first second"
    assert leftovers(tmp_path) == []


def test_a_directory_has_one_writer_at_a_time(tmp_path):
    import os

    held = lock(tmp_path)
    with pytest.raises(JournalError, match="another session"):
        lock(tmp_path)
    os.close(held)
    os.close(lock(tmp_path))
