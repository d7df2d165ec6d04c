"""Keys of a fleet: files, and who comes in by real sockets."""

from __future__ import annotations

import socket
import time

import pytest
import zmq

from millstream.bus import Bus, load_keys
from millstream.bus.keys import add_client, make_keys
from millstream.cli import run
from millstream.errors import ConfigError

PATIENCE_S = 60
ANYWHERE = "tcp://127.0.0.1:*"


@pytest.fixture
def folder(tmp_path):
    make_keys(tmp_path / "keys")
    return tmp_path / "keys"


@pytest.fixture
def home(folder):
    """A bus with the keys of the fleet."""
    with Bus(load_keys(str(folder))) as bus:
        yield bus


def said(caplog, words):
    """Wait until the log says so; how often."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := [one for one in caplog.messages if words in one]):
        assert time.monotonic() < deadline, caplog.messages
        time.sleep(0.01)
    return len(found)


# ---- who comes in -------------------------------------------------------------------------------


def test_who_has_the_fleets_keys_is_heard(folder, home):
    receiver = home.receiver(ANYWHERE)
    with Bus(load_keys(str(folder))) as elsewhere:
        assert elsewhere.sender(receiver.endpoint).send(b"wish")
        assert receiver.receive(PATIENCE_S * 1000) == b"wish"


def test_a_stranger_gets_nothing_in_though_he_knows_the_servers_public_key(
    folder, home, tmp_path, caplog
):
    receiver = home.receiver(ANYWHERE)
    make_keys(tmp_path / "others")
    (tmp_path / "others" / "server.public").write_bytes((folder / "server.public").read_bytes())
    with Bus(load_keys(str(tmp_path / "others"))) as stranger:
        stranger.sender(receiver.endpoint).offer(b"sell everything")
        said(caplog, "127.0.0.1 was turned away")
        said(caplog, "has to be the same fleet's on both hosts")
        assert receiver.receive(300) is None


def test_a_stranger_without_keys_gets_nothing_in(home, caplog):
    receiver = home.receiver(ANYWHERE)
    with zmq.Context() as context, context.socket(zmq.PUSH) as stranger:
        stranger.linger = 0
        stranger.connect(receiver.endpoint)
        stranger.send(b"sell everything")
        said(caplog, "has no keys, or others than we have")
        assert receiver.receive(300) is None


def test_a_stranger_without_keys_hears_nothing(folder, home):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    caller = home.caller(f"tcp://127.0.0.1:{port}")
    with (
        zmq.Context() as context,
        context.socket(zmq.SUB) as stranger,
        Bus(load_keys(str(folder))) as friend,
    ):
        stranger.linger = 0
        stranger.subscribe(b"")
        stranger.connect(caller.endpoint)
        listener = friend.listener(caller.endpoint)
        deadline = time.monotonic() + PATIENCE_S
        while listener.receive(50) is None:
            caller.offer(b"revision 7")
            assert time.monotonic() < deadline
        assert not stranger.poll(200)


@pytest.mark.parametrize("watched", [False, True])
def test_a_sender_to_another_fleet_says_so_once_and_nothing_arrives(
    home, tmp_path, caplog, watched
):
    receiver = home.receiver(ANYWHERE)
    make_keys(tmp_path / "others")
    with Bus(load_keys(str(tmp_path / "others"))) as stranger:
        sender = stranger.sender(receiver.endpoint, watched=watched)
        sender.offer(b"sell everything")
        began = time.monotonic()
        words = [f"bus: {end}: the other end has no keys" for end in (receiver.endpoint, ANYWHERE)]
        # it tries many times; a watched sender says so when it is asked
        while time.monotonic() < began + 1 or not all(one in caplog.text for one in words):
            assert time.monotonic() < began + PATIENCE_S, caplog.messages
            assert not sender.there
            time.sleep(0.01)
        assert receiver.receive(0) is None
    assert [said(caplog, one) <= 2 for one in words] == [True, True]


def test_a_client_added_later_is_let_in_by_who_starts_then(folder):
    client = load_keys(str(add_client(folder, "feed")))
    with Bus(load_keys(str(folder))) as home, Bus(client) as feed:
        receiver = home.receiver(ANYWHERE)
        sender = feed.sender(receiver.endpoint, watched=True)
        deadline = time.monotonic() + PATIENCE_S
        while not sender.there:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert sender.offer(b"ticker")
        assert receiver.receive(PATIENCE_S * 1000) == b"ticker"
        with pytest.raises(ConfigError, match="of a client, that only connects"):
            feed.receiver(ANYWHERE)


def test_a_client_whose_file_is_taken_away_is_turned_away(folder, caplog):
    client = load_keys(str(add_client(folder, "feed")))
    (folder / "clients" / "feed.public").unlink()
    with Bus(load_keys(str(folder))) as home, Bus(client) as feed:
        receiver = home.receiver(ANYWHERE)
        feed.sender(receiver.endpoint).offer(b"ticker")
        said(caplog, "its key is not among our clients")
        assert receiver.receive(200) is None


def test_with_keys_an_address_of_any_network_is_bound(home):
    assert home.receiver("tcp://0.0.0.0:*").endpoint.startswith("tcp://0.0.0.0:")


# ---- the files ----------------------------------------------------------------------------------


def test_private_files_are_their_owners_alone_and_no_key_is_printed(tmp_path, capsys):
    place = tmp_path / "keys"
    assert run(["keys", str(place)]) == 0
    assert run(["keys", str(place), "--client", "feed"]) == 0
    printed = "".join(capsys.readouterr()) + repr(load_keys(str(place)))
    private = sorted(place.rglob("*.private"))
    assert len(private) == 3
    for file in private:
        assert file.stat().st_mode & 0o777 == 0o600
    assert place.stat().st_mode & 0o077 == 0
    for file in place.rglob("*.p*"):
        assert file.read_text().strip() not in printed


def spoil(folder, name, text):
    (folder / name).write_text(text)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda place: (place / "client.private").unlink(), "No such file.*millstream keys"),
        (lambda place: (place / "server.public").unlink(), "No such file.*millstream keys"),
        (lambda place: spoil(place, "server.public", "x"), "server.public is no key"),
        (lambda place: spoil(place, "client.private", "é" * 40), "client.private is no key"),
        (lambda place: (place / "client.private").chmod(0o644), 'run "chmod 600 '),
    ],
)
def test_keys_that_cannot_be_used_are_one_sentence(folder, harm, words):
    harm(folder)
    with pytest.raises(ConfigError, match=words) as refused:
        load_keys(str(folder))
    assert "\n" not in str(refused.value)


def test_keys_are_never_written_over(folder, capsys):
    before = (folder / "server.private").read_bytes()
    assert run(["keys", str(folder)]) == 2
    assert run(["keys", str(folder), "--client", "feed"]) == 0
    assert run(["keys", str(folder), "--client", "feed"]) == 2
    assert run(["keys", str(folder), "--client", "../feed"]) == 2
    assert run(["keys", str(folder / "none"), "--client", "feed"]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[0] for line in errors] == ["millstream"] * 4
    assert (folder / "server.private").read_bytes() == before


def test_no_folder_is_no_keys():
    assert load_keys("") is None
