"""`millstream analyze` as a user meets it."""

from __future__ import annotations

import json
import shutil
from typing import NamedTuple

import pytest
from tests.analysis.sessions import write_session

from millstream.cli import run

ROBOT = """
from millstream import Robot

class Own(Robot):
    def on_ticker(self, ticker):
        self.log.info("seen")
"""


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def millstream(capsys, monkeypatch):
    """The command line, in this process: its exit code and its words."""

    def call(*arguments, cwd=None):
        if cwd is not None:
            monkeypatch.chdir(cwd)
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        return Done(code, *capsys.readouterr())

    return call


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    folder = tmp_path_factory.mktemp("commands") / "one"
    write_session(folder, seconds=20)
    return folder


def test_it_says_what_it_saved_and_that_the_replay_is_equal(session, tmp_path, millstream):
    done = millstream("analyze", session, "--to", tmp_path / "out.sqlite")
    assert done.returncode == 0, done.stderr
    first, verdict = done.stdout.splitlines()
    assert "journal: saved: " in first
    assert verdict == "  EQUAL: every order, timer, log line and state is the same"
    again = millstream("analyze", session, "--to", tmp_path / "out.sqlite")
    assert "journal: up to date" in again.stdout


def test_json_has_a_session_each_with_the_rows_added(session, tmp_path, millstream):
    done = millstream("analyze", session, "--to", tmp_path / "out.sqlite", "--json")
    report = json.loads(done.stdout)
    (told,) = report["sessions"]
    assert (told["outcome"], told["equal"], told["run_id"]) == ("saved", True, "run001")
    assert told["rows"]["events"] == told["events"]


def test_a_difference_is_reported_as_replay_reports_it_and_again(tmp_path, millstream):
    import msgspec
    from tests.analysis.sessions import BEGAN_NS, Played, manifest

    from millstream.journal import JournalWriter, RobotEntry
    from millstream.model import CurrencyPair, Exchange, SessionEnd, Ticker

    (tmp_path / "own.py").write_text(ROBOT)
    entry = RobotEntry(
        name="own", class_path=f"{tmp_path}/own.py:Own", markets=("binance@btc/usdt",),
        parameters={}, code_hash="?", source_file="own.py",
    )  # fmt: skip
    told = msgspec.structs.replace(manifest(), robots=(entry,))
    folder = tmp_path / "session"
    folder.mkdir()
    played = Played(folder, told, journal := JournalWriter(folder / "journal", told))
    ticker = Ticker(BEGAN_NS, Exchange.BINANCE, CurrencyPair.BTC_USDT, 0, 1.0, 1.0, 2.0, 1.0)
    played.turn([ticker])
    played.turn([SessionEnd(BEGAN_NS, "done")])
    journal.close("done")
    played.store.close()
    (tmp_path / "own.py").write_text(ROBOT.replace("seen", "looked"))
    replayed = millstream("replay", folder)
    assert replayed.returncode == 1
    verdict = replayed.stdout.splitlines()[-1]
    assert verdict.startswith("NOT EQUAL, first at event 1 ")
    for outcome in ("saved", "up to date"):
        done = millstream("analyze", folder, "--to", tmp_path / "out.sqlite")
        assert done.returncode == 1
        assert outcome in done.stdout.splitlines()[0]
        assert done.stdout.splitlines()[-1] == f"  {verdict}"


@pytest.mark.parametrize(
    ("journal", "target", "says"),
    [
        ("nowhere", "out.sqlite", "nowhere is not a folder"),
        (".", "out.sqlite", "holds no journal"),
        ("session", "out.csv", '"out.csv" does not say what to write'),
        ("session", "session", "holds something else than an analysis"),
        ("session", "absent/out.sqlite", "check that its folder exists"),
        (
            "session",
            "mongodb://me:pw@127.0.0.1:1/db?serverSelectionTimeoutMS=200",
            "no primary answers",
        ),
    ],
)
def test_wrong_input_is_one_sentence(session, tmp_path, journal, target, says, millstream):
    place = tmp_path / "here"
    if journal == "session":
        shutil.copytree(session, place / "session")
    place.mkdir(exist_ok=True)
    done = millstream("analyze", journal, "--to", target, cwd=place)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "me:pw" not in done.stderr


def test_a_journal_that_cannot_be_read_is_told_beside_the_others(session, tmp_path, millstream):
    shutil.copytree(session, tmp_path / "all" / "good")
    (tmp_path / "all" / "bad" / "journal").mkdir(parents=True)
    (tmp_path / "all" / "bad" / "journal" / "000001.journal").write_bytes(b"no journal " * 99)
    done = millstream("analyze", tmp_path / "all", "--to", tmp_path / "out.sqlite")
    assert done.returncode == 2
    assert "EQUAL" in done.stdout
    assert len(done.stderr.splitlines()) == 1
    assert "000001.journal" in done.stderr
