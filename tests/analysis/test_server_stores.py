"""`orders`, `why` and `analyze` of a session whose orders are on MongoDB."""

import json
import sqlite3

import msgspec
import pytest
from tests.analysis import sessions
from tests.analysis.sessions import Played, manifest, market
from tests.orders.conftest import mongo_url, replica_set  # noqa: F401

from millstream.analysis.stores import stored_changes, with_password
from millstream.cli import run
from millstream.config import without_password
from millstream.journal import Journal, JournalWriter
from millstream.model import SessionEnd
from millstream.orders.mongo.store import MongoStore

AWAY = "mongodb://127.0.0.1:1/fleet"


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Five seconds are long for a test."""
    monkeypatch.setattr("millstream.orders.mongo.server._FIND_S", 0.3)


class Session(Played):
    """One whose last changes were stored and never journaled: it was killed then."""

    def __init__(self, folder, url, monkeypatch):
        told = msgspec.structs.replace(manifest(), config={"order_store": url})
        folder.mkdir(parents=True)
        monkeypatch.setattr(sessions, "SqliteStore", lambda _: MongoStore(url))
        super().__init__(folder, told, JournalWriter(folder / "journal", told))
        for batch in market(10):
            self.turn(batch)
            self.follow()
        for batch in [*market(12)][10:]:
            self.turn(batch)
        self.turn([SessionEnd(self.now_ns, "the test is over")])
        self.store.wait_until_readable(10)
        self.ids = [one.order_id for one in self.store.orders()]
        self.unheard = self.store.orders()[-1].order_id
        self.journal.close("the test is over")
        self.store.close()


@pytest.fixture
def session(mongo_url, tmp_path, monkeypatch):  # noqa: F811
    return Session(tmp_path / "one", mongo_url, monkeypatch)


@pytest.fixture
def millstream(capsys):
    def call(*arguments):
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_orders_are_read_from_the_folder_or_the_address(session, mongo_url, tmp_path, millstream):  # noqa: F811
    for place in (tmp_path / "one", mongo_url):
        code, out, err = millstream("orders", place, "--json")
        assert code == 0, err
        assert [json.loads(line)["order_id"] for line in out.splitlines()] == session.ids
    code, out, _ = millstream("orders", mongo_url, "--robot", "ann")
    assert code == 0
    assert "orders" in out


def test_why_knows_what_only_the_store_knows(session, tmp_path, millstream):
    code, out, err = millstream("why", session.unheard, tmp_path / "one")
    assert code == 0, err
    assert "sent" in out
    assert "note" not in out


def test_an_analysis_has_every_step_that_the_store_has(session, tmp_path, millstream):
    code, _, err = millstream("analyze", tmp_path / "one", "--to", tmp_path / "out.sqlite")
    assert code == 0, err
    with sqlite3.connect(tmp_path / "out.sqlite") as file:
        orders = file.execute("SELECT order_id FROM orders WHERE status != 'wished'").fetchall()
        steps = file.execute("SELECT count(*) FROM order_steps").fetchone()[0]
    file.close()
    assert sorted(one for (one,) in orders) == sorted(session.ids)
    told = Journal.open(tmp_path / "one" / "journal").manifest
    found = stored_changes(tmp_path / "one" / "journal", told)
    assert [one.revision for one in found] == [*range(1, len(found) + 1)]
    assert steps == sum(not hasattr(one, "trade_id") for one in found)


def test_orders_of_other_runs_in_the_same_store_are_left_out(session, tmp_path):
    other = msgspec.structs.replace(
        Journal.open(tmp_path / "one" / "journal").manifest, run_id="run002"
    )
    assert stored_changes(tmp_path / "one" / "journal", other) == []


def test_a_server_that_is_away_is_one_sentence(session, tmp_path, millstream):
    code, out, _ = millstream("why", session.ids[0], tmp_path / "one", "--store", AWAY)
    assert code == 0  # the journal has it
    (note,) = [line for line in out.splitlines() if line.startswith("note")]
    assert "no primary answers" in note
    assert note.endswith("this is told from the journal alone")
    code, out, err = millstream("orders", AWAY)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert "127.0.0.1:1/fleet: no primary answers" in err
    code, out, err = millstream(
        "analyze", tmp_path / "one", "--to", tmp_path / "o.sqlite", "--store", AWAY
    )
    assert code == 0
    assert "no primary answers" in out


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("mongodb://ann:geheim@127.0.0.1:1/fleet", "no primary"),
        ("mongodb://ann:geheim@127.0.0.1:1:2/fleet", "not an address of MongoDB"),
        ("mongodb://ann:geheim@127.0.0.1:1/fleet?w=1", "asks for w=1"),
    ],
)
def test_no_password_is_repeated(address, said, millstream):
    code, out, err = millstream("orders", address)
    assert code == 2
    assert said in err
    assert "geheim" not in out + err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("wrong", ["rubbish", "mongo://h/d", "sqlite:nowhere.sqlite", "mongodb://"])
def test_a_wrong_store_is_one_sentence_on_every_command(session, tmp_path, millstream, wrong):
    place = tmp_path / "one"
    for command in (
        ("orders", place), ("why", session.ids[0], place),
        ("analyze", place, "--to", tmp_path / "o.sqlite"),
    ):  # fmt: skip
        code, _, err = millstream(*command, "--store", wrong)
        assert code == 2, command
        assert len(err.splitlines()) == 1
        assert "store" in err


def test_a_driver_s_secret_options_stay_out_of_the_journal():
    address = "mongodb://a:b@h/d?tls=true&tlsCertificateKeyFilePassword=geheim&w=majority"
    assert without_password(address) == (
        "mongodb://h/d?tls=true&tlsCertificateKeyFilePassword=&w=majority"
    )


def test_a_database_without_an_order_store_is_refused(replica_set, millstream):  # noqa: F811
    code, _, err = millstream("orders", replica_set.url("fleeet"))
    assert code == 2
    assert "there is none in this database" in err
    with replica_set.client() as client:
        assert "fleeet" not in client.list_database_names()


def test_a_password_comes_from_the_environment_for_the_same_address_only():
    known = {"MILLSTREAM__ORDER_STORE": "mongodb://ann:secret@h:1/fleet?replicaSet=rs0"}
    same, other = "mongodb://h:1/fleet?replicaSet=rs0", "mongodb://h:1/other?replicaSet=rs0"
    assert with_password(same, known) == known["MILLSTREAM__ORDER_STORE"]
    assert with_password(other, known) == other
    assert with_password("sqlite:orders.sqlite", {}) == "sqlite:orders.sqlite"
