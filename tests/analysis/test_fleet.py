"""Many journals into one place: once, again, grown, broken, in processes."""

from __future__ import annotations

import shutil
import sqlite3

import pytest
from tests.analysis.sessions import write_session

from millstream.analysis.fleet import analyze_journals
from millstream.analysis.folders import journals_in, newest_session
from millstream.analysis.sqlite import SqliteKeeper
from millstream.analysis.tables import TABLES
from millstream.errors import JournalError


@pytest.fixture(scope="module")
def sessions(tmp_path_factory):
    """A folder of three sessions."""
    folder = tmp_path_factory.mktemp("fleet")
    for number in (1, 2, 3):
        write_session(folder / f"s{number}", run_id=f"run00{number}", seconds=20 * number)
    return folder


def analyze(folders, path, processes=1, progress=None):
    keeper = SqliteKeeper(path)
    try:
        return analyze_journals(journals_in(folders), keeper, processes, progress)
    finally:
        keeper.close()


def dump(path):
    """Every row of every table."""
    file = sqlite3.connect(path)
    try:
        return {
            name: file.execute(f"SELECT * FROM {name} ORDER BY 1, 2, 3").fetchall()
            for name in TABLES
        }
    finally:
        file.close()


def test_processes_save_what_one_process_saves(sessions, tmp_path):
    alone = analyze([sessions], tmp_path / "alone.sqlite")
    together = analyze([sessions], tmp_path / "together.sqlite", processes=2)
    assert [one.outcome for one in together] == ["saved"] * 3
    assert [one.rows for one in together] == [one.rows for one in alone]
    assert dump(tmp_path / "together.sqlite") == dump(tmp_path / "alone.sqlite")


def test_a_second_time_replays_nothing_and_changes_nothing(sessions, tmp_path):
    path = tmp_path / "out.sqlite"
    analyze([sessions], path)
    before = dump(path)
    again = analyze([sessions], path)
    assert [(one.outcome, one.rows, one.equal) for one in again] == [("up to date", {}, True)] * 3
    assert dump(path) == before


def test_a_session_that_grew_gets_only_its_new_events(sessions, tmp_path):
    path, place = tmp_path / "out.sqlite", tmp_path / "growing"
    shutil.copytree(sessions / "s3", place)
    journal = place / "journal" / "000001.journal"
    whole = journal.read_bytes()
    journal.write_bytes(whole[: len(whole) // 2])
    first = analyze([place], path)
    assert analyze([place], path)[0].notes == first[0].notes != []
    journal.write_bytes(whole)
    second = analyze([place], path)
    assert first[0].events + second[0].rows["events"] == second[0].events
    assert second[0].rows["events"] > 50
    analyze([sessions / "s3"], tmp_path / "whole.sqlite")
    grown, at_once = dump(path), dump(tmp_path / "whole.sqlite")
    del grown["sessions"], at_once["sessions"]  # they name their folders
    assert grown == at_once


def test_a_copy_is_the_same_session(sessions, tmp_path):
    shutil.copytree(sessions / "s1", tmp_path / "copy")
    found = analyze([sessions / "s1", tmp_path / "copy"], tmp_path / "out.sqlite")
    assert [one.outcome for one in found] == ["saved", "repeated"]


@pytest.mark.parametrize("processes", [1, 2])
def test_one_bad_journal_stops_no_other(sessions, tmp_path, processes):
    place = tmp_path / "all"
    shutil.copytree(sessions, place)
    bad = place / "s1" / "journal" / "000001.journal"
    bad.write_bytes(b"nothing of ours " * 100)
    (place / "s2" / "journal" / "000002.journal").write_bytes(b"x" * 100)
    found = analyze([place], tmp_path / "out.sqlite", processes)
    assert [one.outcome for one in found] == ["failed", "saved", "saved"]
    assert "000001.journal" in found[0].error
    assert "\n" not in found[0].error
    assert [(one.equal, "000002.journal" in one.damage) for one in found[1:]] == [
        (False, True), (True, False),
    ]  # fmt: skip
    assert found[1].events > 50  # all that came before the damage


@pytest.mark.parametrize("processes", [1, 2])
def test_a_robot_that_cannot_be_found_is_one_sentence(sessions, tmp_path, monkeypatch, processes):
    folder = tmp_path / "lost"
    for number in (1, 2):
        shutil.copytree(sessions / f"s{number}", folder / f"s{number}")
        path = folder / f"s{number}" / "journal"
        write_without_code(path, f"run00{number}")
    found = analyze([folder], tmp_path / "out.sqlite", processes)
    assert [one.outcome for one in found] == ["failed", "failed"]
    assert 'cannot import robot "gone:Robot"' in found[0].error


def write_without_code(path, run_id):
    """A journal whose robot is nowhere."""
    import msgspec
    from tests.analysis.sessions import manifest

    from millstream.journal import JournalWriter

    shutil.rmtree(path)
    told = manifest(run_id, robots=("ann",))
    entry = msgspec.structs.replace(told.robots[0], class_path="gone:Robot")
    JournalWriter(path, msgspec.structs.replace(told, robots=(entry,))).close("at once")


def test_progress_ends_where_the_journals_end(sessions, tmp_path):
    seen = []
    analyze([sessions], tmp_path / "out.sqlite", progress=seen.append)
    last = seen[-1]
    assert (last.done, last.of) == (3, 3)
    assert last.sequence == last.events > 300
    assert [one.sequence for one in seen] == sorted(one.sequence for one in seen)


def test_sessions_are_found_in_their_folders(sessions):
    assert [path.parent.name for path in journals_in([sessions])] == ["s1", "s2", "s3"]
    assert journals_in([sessions / "s1"]) == journals_in([sessions / "s1" / "journal"])


@pytest.mark.parametrize("place", ["empty", "absent"])
def test_a_folder_without_a_session_is_refused(tmp_path, place):
    (tmp_path / "empty").mkdir()
    with pytest.raises(JournalError, match=f"{place} .*: name a session's folder"):
        journals_in([tmp_path / place])


def test_the_newest_session_is_the_one_that_began_last(tmp_path):
    import msgspec
    from tests.analysis.sessions import manifest

    from millstream.journal import JournalWriter

    for name, began in (("b", 3), ("a", 9), ("c", 5)):
        told = msgspec.structs.replace(manifest(), started_ns=began)
        JournalWriter(tmp_path / name / "journal", told).close("at once")
    assert newest_session(tmp_path) == tmp_path / "a" / "journal"
    with pytest.raises(JournalError, match="no session in"):
        newest_session(tmp_path / "nowhere")
