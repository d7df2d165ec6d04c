"""`millstream diff` as a user meets it."""

from __future__ import annotations

import json

import pytest
from tests.analysis.sessions import write_session
from tests.cli.test_cli import refusal
from tests.journal.test_two_runs import TURNS, later
from tests.journal.test_two_runs import written as write_run

from millstream.cli import run


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two runs that are the same, one with another volume, one that was killed early."""
    folder = tmp_path_factory.mktemp("sessions")
    write_session(folder / "one", "run001", seconds=12)
    write_session(folder / "same", "run002", seconds=12)
    write_session(folder / "bigger", "run003", volume="0.6", seconds=12)
    write_session(folder / "killed", "run004", seconds=6, closed=False)
    return folder


def test_two_runs_of_the_same_events_are_equal(folders, capsys):
    assert run(["diff", str(folders / "one"), str(folders / "same" / "journal")]) == 0
    said = capsys.readouterr().out
    assert said.endswith("EQUAL: every event, order, timer, log line and state is the same\n")
    assert "run run001, began 2023-11-14 22:13:20 UTC" in said


def test_the_first_difference_is_named_by_event_robot_and_field(folders, capsys):
    assert run(["diff", str(folders / "one"), str(folders / "bigger")]) == 1
    said = capsys.readouterr().out.splitlines()
    assert "           robots.ann.parameters.volume: A 0.5, B 0.6" in said
    assert said[-1].startswith("DIFFERENT, first at event ")
    assert said[-1].endswith("robot ann, place_order.volume: A 0.5, B 0.6")


def test_json_names_the_same(folders, capsys):
    assert run(["diff", "--json", str(folders / "one"), str(folders / "bigger")]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["first"]["field"] == "volume"
    assert found["setup"][0]["key"] == "robots.ann.parameters.volume"
    assert found["counts_a"]["ticker"] == 12
    assert found["a"]["run_id"] == "run001"


def test_a_killed_session_is_compared_up_to_its_end(folders, capsys):
    assert run(["diff", str(folders / "one"), str(folders / "killed")]) == 1
    said = capsys.readouterr().out
    assert "note: B did not end in good order" in said
    assert "nothing: it ends at event" in said.splitlines()[-1]


def test_orders_are_compared_without_their_events(folders, capsys):
    assert run(["diff", "--orders", str(folders / "one"), str(folders / "same")]) == 0
    assert "EQUAL: every order" in capsys.readouterr().out
    assert run(["diff", "--orders", str(folders / "one"), str(folders / "bigger")]) == 1
    said = capsys.readouterr().out
    assert "volume: A 0.5, B 0.6" in said
    assert run(["diff", "--orders", "--json", str(folders / "one"), str(folders / "killed")]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["only_a"][0]["status"]
    assert found["only_b"] == []


def test_who_only_hears_later_is_told_of_without_times(tmp_path, capsys):
    write_run(tmp_path / "early", TURNS)
    write_run(tmp_path / "late", later(TURNS, 1))
    folders = [str(tmp_path / "early"), str(tmp_path / "late")]
    assert run(["diff", *folders]) == 1
    assert capsys.readouterr().out.rstrip().endswith("--without-times")
    assert run(["diff", "--without-times", *folders]) == 0


def test_one_journal_is_told_of_replay(folders):
    assert f"millstream replay {folders / 'one'}" in refusal("diff", folders / "one")


def test_a_folder_without_a_journal_is_one_sentence(folders, tmp_path):
    assert "holds no journal" in refusal("diff", folders / "one", tmp_path)
