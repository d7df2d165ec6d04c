from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from millstream.bus import Bus, FirstThen, Inbox, load_keys
from millstream.bus.keys import make_keys
from millstream.errors import ConfigError


@pytest.fixture
def bus():
    with Bus() as bus:
        yield bus


@pytest.fixture(params=["inproc", "ipc", "tcp", "tcp with keys"])
def transport(request, tmp_path):
    """A bus, and an endpoint of it."""
    keys = None
    if request.param == "tcp with keys":
        make_keys(tmp_path / "keys")
        keys = load_keys(str(tmp_path / "keys"))
    endpoint = {"inproc": "inproc://robo", "ipc": f"ipc://{tmp_path}/robo"}
    with Bus(keys) as bus:
        yield bus, endpoint.get(request.param, "tcp://127.0.0.1:*")


# ---- one contract, every transport --------------------------------------------------------------


def test_messages_arrive_whole_and_in_order(transport):
    bus, endpoint = transport
    receiver = bus.receiver(endpoint)
    sender = bus.sender(receiver.endpoint)
    sent = [bytes([number % 256]) * number for number in range(300)]
    assert all(sender.send(body) for body in sent)
    assert [receiver.receive(2_000) for _ in sent] == sent


def test_nothing_comes_when_nothing_was_sent(transport):
    bus, endpoint = transport
    receiver = bus.receiver(endpoint)
    assert receiver.receive(0) is None
    assert receiver.receive(10) is None


def test_several_senders_meet_at_one_receiver(transport):
    bus, endpoint = transport
    receiver = bus.receiver(endpoint)

    def run(name):
        sender = bus.sender(receiver.endpoint)
        for number in range(100):
            assert sender.send(b"%s%d" % (name, number))

    threads = [threading.Thread(target=run, args=(name,)) for name in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    got = [receiver.receive(2_000) for _ in range(300)]
    for thread in threads:
        thread.join()
    for name in (b"a", b"b", b"c"):
        assert [body for body in got if body[:1] == name] == [
            b"%s%d" % (name, n) for n in range(100)
        ]


def test_a_full_queue_says_no_and_loses_nothing_it_took(transport):
    bus, endpoint = transport
    receiver = bus.receiver(endpoint, queue_messages=5)
    sender = bus.sender(receiver.endpoint, queue_messages=5)
    body = b"x" * 100_000
    taken = 0
    while taken < 10_000 and sender.send(body, timeout_ms=50):
        taken += 1
    assert 0 < taken < 10_000
    got = 0
    while receiver.receive(200) is not None:
        got += 1
    assert got == taken
    assert sender.send(body)  # there is room again


def test_an_inbox_says_which_receiver_a_message_came_from(transport):
    bus, endpoint = transport
    first = bus.receiver(endpoint)
    second = bus.receiver("inproc://other")
    inbox = Inbox({"wishes": second, "events": first})
    assert inbox.receive(0) == []
    bus.sender(first.endpoint).send(b"e")
    assert inbox.receive(2_000) == [("events", b"e")]
    bus.sender("inproc://other").send(b"w")
    assert inbox.receive(2_000) == [("wishes", b"w")]


# ---- what differs -------------------------------------------------------------------------------


def test_what_is_sent_before_the_receiver_came_waits_for_it(bus, tmp_path):
    endpoint = f"ipc://{tmp_path}/late"
    sender = bus.sender(endpoint)
    assert sender.send(b"early")
    assert bus.receiver(endpoint).receive(2_000) == b"early"


def test_another_process_sends_by_the_same_endpoint(bus, tmp_path):
    endpoint = f"ipc://{tmp_path}/robo"
    receiver = bus.receiver(endpoint)
    program = (
        "import sys; from millstream.bus import Bus\n"
        "bus = Bus(); sender = bus.sender(sys.argv[1])\n"
        "sender.send(b'from afar'); sender.close(); bus.close()"
    )
    process = subprocess.Popen([sys.executable, "-c", program, endpoint])
    assert receiver.receive(20_000) == b"from afar"
    assert process.wait(20) == 0


def test_a_public_address_is_refused_with_the_reason(bus):
    with pytest.raises(ConfigError, match="without keys the bus listens on this machine only"):
        bus.receiver("tcp://0.0.0.0:5555")


def test_an_endpoint_in_use_is_one_sentence(bus, tmp_path):
    endpoint = bus.receiver("tcp://127.0.0.1:*").endpoint
    with pytest.raises(ConfigError, match=r"cannot bind .*in use"):
        bus.receiver(endpoint)


@pytest.mark.parametrize(
    "endpoint", ["robo", "http://x", "tcp://127.0.0.1", "ipc:///no/such/dir/x"]
)
def test_what_is_no_endpoint_is_one_sentence(bus, endpoint):
    with pytest.raises(ConfigError, match="an endpoint is inproc://NAME"):
        bus.receiver(endpoint)


def test_a_bus_can_be_closed_after_it_could_not_connect():
    bus = Bus()
    with pytest.raises(ConfigError) as told:  # and its traceback with all that the call held
        bus.sender("tcp://127.0.0.1", watched=True)
    closing = threading.Thread(target=bus.close, daemon=True)
    closing.start()
    closing.join(30)
    assert not closing.is_alive(), told.value


def test_what_comes_first_is_given_before_a_burst_that_waits():
    with Bus() as bus:
        first, then = bus.receiver("inproc://own"), bus.receiver("inproc://robo")
        both = FirstThen(first, then)
        market, own = bus.sender("inproc://robo"), bus.sender("inproc://own")
        assert both.receive(0) is None
        for number in range(500):
            market.send(b"ticker %d" % number)
        assert both.receive(1_000) == b"ticker 0"
        own.send(b"fill")
        assert both.receive(1_000) == b"fill"  # behind one batch, not behind 499
        assert both.receive(1_000) == b"ticker 1"
