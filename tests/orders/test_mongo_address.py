"""Addresses as people write them, or copy them: each works, or is refused in one sentence."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import closing

import pytest
from pymongo.errors import OperationFailure
from tests import mongod
from tests.orders.sample import order

from millstream.errors import ConfigError, StoreError
from millstream.orders.mongo.address import parse_address
from millstream.orders.mongo.commands import CommandBox
from millstream.orders.mongo.follow import MongoFollower
from millstream.orders.mongo.mailbox import OrderMailbox
from millstream.orders.mongo.store import MongoStore


def test_an_address_that_prefers_secondaries_reads_from_the_primary_all_the_same(mongo_url):
    with closing(MongoStore(f"{mongo_url}&readPreference=secondary", patience_s=1)) as store:
        store.insert([order("a1")])
        assert [one.order_id for one in store.orders()] == ["a1"]


@pytest.mark.parametrize("database", ["admin", "config", "local", "fleet.orders"])
def test_a_database_that_cannot_hold_a_store_is_refused(database):
    with pytest.raises(ConfigError, match=rf"order_store: .*{database}"):
        parse_address(f"mongodb://ann:secret@h1/{database}?replicaSet=rs0")


def test_a_file_for_tls_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match=r"/nowhere\.pem .*cannot be read") as told:
        parse_address("mongodb://ann:secret@h1/x?tls=true&tlsCAFile=/nowhere.pem")
    assert "secret" not in str(told.value)


def test_a_file_that_holds_no_certificate_is_said_in_one_sentence(tmp_path):
    (tmp_path / "ca.pem").write_text("nothing\n")
    url = f"mongodb://ann:secret@127.0.0.1:1/x?replicaSet=rs0&tls=true&tlsCAFile={tmp_path}/ca.pem"
    with pytest.raises(StoreError, match="check tlsCAFile") as told:
        MongoStore(url)
    assert "secret" not in str(told.value)


def test_a_store_is_made_beside_a_large_collection_of_another_program(
    replica_set, mongo_url, monkeypatch
):
    with replica_set.client() as client:
        orders = client[parse_address(mongo_url).database].orders
        for part in range(2):
            orders.insert_many([{"order_id": f"{part}-{n}", "name": "x"} for n in range(50_000)])
        # A call may take so long: the indexes take longer.
        monkeypatch.setattr("millstream.orders.mongo.server._SOCKET_S", 0.1)
        MongoStore(mongo_url).close()
        assert "name_1_inserted_1" in orders.index_information()


def test_what_is_too_large_for_a_document_is_refused_and_the_store_goes_on(mongo_url):
    with closing(MongoStore(mongo_url)) as store:
        with pytest.raises(StoreError, match="reading or writing failed"):
            store.insert([order("a1", robot="r" * 17_000_000)])
        (stored,) = store.insert([order("a2")])
        assert stored.revision == 1


@pytest.fixture
def guarded(tmp_path):
    """A replica set that asks for a password, and wants TLS if a certificate could be made."""
    if reason := mongod.why_not():
        pytest.skip(reason)
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    pem = tmp_path / "both.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", tmp_path / "key.pem", "-out", tmp_path / "ca.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    pem.write_text((tmp_path / "key.pem").read_text() + (tmp_path / "ca.pem").read_text())
    key = tmp_path / "keyfile"
    key.write_text("k" * 32)
    key.chmod(0o600)
    started = mongod.ReplicaSet(
        options=("--keyFile", str(key), "--tlsMode", "preferTLS", "--tlsCertificateKeyFile",
                 str(pem), "--tlsAllowConnectionsWithoutCertificates", "--tlsCAFile",
                 str(tmp_path / "ca.pem")),
        user=("root", "toor"),
    )  # fmt: skip
    yield started
    started.stop()


def test_a_user_who_may_only_read_and_write_there_owns_a_store_over_tls(guarded, tmp_path):
    with guarded.client() as client:
        client.fleet.command("createUser", "ann", pwd="s3cret", roles=["readWrite"])
    host = guarded.members[0].address
    tls = f"replicaSet=rs0&tls=true&tlsCAFile={tmp_path / 'ca.pem'}"
    url = f"mongodb://ann:s3cret@{host}/fleet?{tls}"
    with (
        closing(MongoStore(url)) as store,
        closing(MongoFollower(url)) as follower,
        closing(CommandBox(url)),
    ):
        store.insert([order("a1")])
        assert follower.wait(0, 10)
    for wrong in (url.replace("s3cret", "s3cret2"), url.replace("/fleet", "/other")):
        with pytest.raises(StoreError, match="refuses this user") as told:
            MongoStore(wrong)
        assert "s3cret" not in str(told.value)
        assert not isinstance(told.value.__cause__, OperationFailure)


def test_a_user_who_may_not_watch_orders_is_warned_of_once(guarded, caplog):
    with guarded.client() as client:
        may = {"resource": {"db": "fleet", "collection": ""}, "actions": ["find", "update"]}
        client.fleet.command("createRole", "reader", privileges=[may], roles=[])
        client.fleet.command("createUser", "bob", pwd="s3cret", roles=["reader"])
    url = f"mongodb://bob:s3cret@{guarded.members[0].address}/fleet?replicaSet=rs0"
    with closing(OrderMailbox(url)) as mailbox:
        caplog.clear()
        assert [mailbox.receive(), mailbox.receive()] == [[], []]
    (warned,) = [one for one in caplog.records if one.levelname == "WARNING"]
    assert "mailbox" in warned.getMessage()
    assert "not authorized" in warned.getMessage()
