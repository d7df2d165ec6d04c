"""The kill switch: from every side, through restarts, with robots that hang."""

import fcntl
import json
import os
import socket
import struct
import threading
import time
import urllib.error
import urllib.request

import pytest
from tests.orders.sample import order, ticker, wish
from tests.orders.test_service import Script, events, wishes

from millstream.errors import ConfigError, StoreError
from millstream.model import OrderStatus, Side
from millstream.orders import (
    Gateway,
    MemoryStore,
    OrderDesk,
    PaperSettings,
    PaperVenue,
    RiskBook,
    RiskLimits,
    RiskState,
)
from millstream.orders.kill_http import KillServer
from millstream.orders.kill_switch import Brake, Heartbeat, KillSwitch
from millstream.orders.service import orders_loop

S = OrderStatus
HALTED, REDUCING, ACTIVE = RiskState.HALTED, RiskState.REDUCING, RiskState.ACTIVE


@pytest.fixture
def path(tmp_path):
    return tmp_path / "orders.sqlite"


@pytest.fixture
def switch(path):
    return KillSwitch(path)


class TestSwitch:
    def test_it_holds_in_every_process_until_somebody_resumes(self, path, switch):
        assert switch.look(1).state is ACTIVE
        brake = switch.set(HALTED, "anna", "runaway", 7)
        assert KillSwitch(path).look(8) == brake == Brake(HALTED, "anna", "runaway", 7)
        assert str(brake) == "halted by anna: runaway"
        assert switch.release() == brake
        assert str(KillSwitch(path).look(9)) == "active"
        assert switch.release().state is ACTIVE

    def test_it_is_never_loosened_but_by_a_release(self, switch):
        switch.set(REDUCING, "anna", "", 1)
        halted = switch.set(HALTED, "ben", "", 2)
        assert switch.set(REDUCING, "anna", "", 3) == switch.set(HALTED, "cleo", "", 4) == halted

    def test_a_reduce_in_one_process_never_overwrites_a_halt_in_another(self, path, switch):
        other, write = KillSwitch(path), switch._write
        halting = threading.Thread(target=other.set, args=(HALTED, "ben", "", 2))

        def slowly(brake):
            halting.start()
            halting.join(0.05)  # long enough to halt between this one's look and its write
            write(brake)

        switch._write = slowly
        switch.set(REDUCING, "anna", "", 1)
        halting.join(60)
        assert KillSwitch(path).read().state is HALTED

    def test_a_process_that_is_stopped_while_it_sets_holds_up_no_kill(self, path, switch):
        held = os.open(path.parent, os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            assert switch.set(HALTED, "anna", "", 1).state is HALTED
        finally:
            os.close(held)
        assert KillSwitch(path).read().state is HALTED

    def test_a_person_can_touch_the_file(self, path, switch):
        path.with_name("orders.sqlite.halt").touch()
        assert switch.look(1).state is HALTED

    @pytest.mark.parametrize("text", ["{", '{"state": "asleep"}', "\udcff", "[]", "7"])
    def test_a_file_that_cannot_be_understood_halts(self, path, switch, text):
        path.with_name("orders.sqlite.halt").write_bytes(text.encode(errors="surrogateescape"))
        assert switch.look(1).state is HALTED

    def test_another_file_halts_as_soon_as_it_exists_and_also_when_it_is_gone(self, path, tmp_path):
        switch = KillSwitch(path, [tmp_path / "STOP"])
        assert switch.look(1).state is ACTIVE
        (tmp_path / "STOP").touch()
        assert switch.look(2).state is HALTED
        (tmp_path / "STOP").unlink()
        assert KillSwitch(path).look(3).who == "a file"

    def test_a_lost_heartbeat_halts_and_stays(self, path):
        heartbeat = Heartbeat(5)
        switch = KillSwitch(path, heartbeat=heartbeat)
        assert switch.look(10**30).state is ACTIVE  # nobody has begun to beat
        last_ns = heartbeat.clock_ns()
        assert switch.look(last_ns + 5).state is ACTIVE
        assert "have not turned for" in switch.look(last_ns + 6).why
        heartbeat.clock_ns()
        assert KillSwitch(path).look(1).who == "the heartbeat"

    def test_a_clock_that_is_set_back_hides_no_silence(self, path):
        heartbeat = Heartbeat(5)
        switch = KillSwitch(path, heartbeat=heartbeat)
        back_ns = heartbeat.clock_ns() - 600 * 10**9
        assert switch.look(back_ns).state is ACTIVE
        assert switch.look(back_ns + 6).state is HALTED

    def test_who_ended_in_good_order_is_not_missed(self, path):
        heartbeat = Heartbeat(5)
        heartbeat.clock_ns()
        heartbeat.stop()
        assert KillSwitch(path, heartbeat=heartbeat).look(10**30).state is ACTIVE

    def test_a_brake_that_cannot_be_written_is_one_sentence(self, tmp_path):
        with pytest.raises(StoreError, match="it cannot be written"):
            KillSwitch(tmp_path / "gone" / "orders.sqlite").set(HALTED, "anna", "", 1)

    def test_a_brake_that_cannot_be_written_holds_in_this_process_all_the_same(self, path, switch):
        path.with_name(f"orders.sqlite.halt.{os.getpid()}").mkdir()  # as good as a full disk
        with pytest.raises(StoreError, match="it cannot be written"):
            switch.set(HALTED, "anna", "runaway", 1)
        assert str(switch.look(2)) == "halted by anna: runaway"
        assert switch.release().state is HALTED
        assert switch.look(3).state is ACTIVE

    def test_what_halts_by_itself_halts_also_when_it_cannot_be_written(self, path, tmp_path):
        path.with_name(f"orders.sqlite.halt.{os.getpid()}").mkdir()
        switch = KillSwitch(path, [tmp_path / "STOP"])
        (tmp_path / "STOP").touch()
        assert switch.look(1).who == switch.look(2).who == "a file"


class TestHttp:
    @pytest.fixture
    def server(self, switch):
        made = KillServer(switch, 0, "open sesame")
        yield made
        made.close()

    def ask(self, server, path, body=None, token="open sesame"):
        request = urllib.request.Request(server.url + path, data=body, method="POST")
        request.add_header("Authorization", f"Bearer {token}")
        if body is None:
            request.method = "GET"
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def test_it_halts_with_a_name_and_a_reason(self, server, switch):
        body = json.dumps({"who": "anna", "why": "runaway"}).encode()
        assert self.ask(server, "/")["state"] == "active"
        assert self.ask(server, "/halt", body)["state"] == "halted"
        assert str(switch.look(1)) == "halted by anna: runaway"

    def test_it_reduces_and_halts_also_when_badly_written(self, server, switch):
        self.ask(server, "/reduce", b"{}")
        assert switch.look(1).state is REDUCING
        self.ask(server, "/halt", b"\xff not json")
        assert switch.look(1).state is HALTED

    def test_it_halts_also_when_the_line_breaks_in_the_middle(self, server, switch):
        port = int(server.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as line:
            head = "POST /halt HTTP/1.1\r\nAuthorization: Bearer open sesame\r\n"
            line.sendall(f"{head}Content-Length: 99\r\n\r\n".encode())
            time.sleep(0.1)  # it reads the body by now, of which nothing comes
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        deadline = time.monotonic() + 60
        while switch.look(1).state is not HALTED:
            assert time.monotonic() < deadline
            time.sleep(0.005)

    @pytest.mark.parametrize(
        ("where", "token", "code"), [("/halt", "x", 401), ("/resume", "", 404)]
    )
    def test_nobody_without_the_token_and_no_way_to_resume(
        self, server, switch, where, token, code
    ):
        with pytest.raises(urllib.error.HTTPError) as caught:
            self.ask(server, where, b"{}", token or "open sesame")
        caught.value.close()
        assert caught.value.code == code
        assert switch.look(1).state is ACTIVE

    def test_without_a_token_it_does_not_listen_and_a_taken_port_is_one_sentence(
        self, server, switch
    ):
        with pytest.raises(ConfigError, match=r"kill\.token"):
            KillServer(switch, 0, "")
        with pytest.raises(ConfigError, match=r"kill\.port: .* cannot be listened on"):
            KillServer(switch, int(server.url.rpartition(":")[2]), "t")


def run(script, switch, store):
    gateway = Gateway(store, PaperVenue(PaperSettings()))
    desk = OrderDesk(store, RiskBook(RiskLimits()))
    brake = switch.look if isinstance(switch, KillSwitch) else switch
    clock, stop = script.clock_ns, script.stop
    orders_loop(script, store, desk, gateway, lambda: None, clock, stop, brake)
    return store


def test_after_the_mark_nothing_leaves_and_what_works_is_canceled(switch):
    class Marking(Script):
        def receive(self, timeout_ms):
            if len(self.turns) == 2:
                switch.set(HALTED, "anna", "runaway", 1)
            return super().receive(timeout_ms)

    store = run(
        Marking(
            [events(ticker(1)), wishes(wish("a1", price="90"))],
            [wishes(wish("a2", price="90"))],
            [wishes(wish("a3", price=None))],
        ),
        switch,
        MemoryStore(),
    )
    assert store.get("a1").status is S.CANCELED
    assert [store.get(i).reason for i in ("a2", "a3")] == ["risk: trading is halted"] * 2
    assert store.trades() == []


def test_a_brake_holds_through_a_restart(switch):
    store = MemoryStore()
    store.insert([order("a1")])
    switch.set(HALTED, "anna", "runaway", 1)
    run(Script([wishes(wish("a2"))]), switch, store)
    assert store.get("a1").status is S.CANCELED
    assert store.get("a1").reason == "halted by anna: runaway"
    assert store.get("a2").status is S.REJECTED


def test_reducing_lets_out_what_makes_a_position_smaller(switch):
    store = MemoryStore()
    run(Script([events(ticker(1)), wishes(wish("a1", price=None))]), switch, store)
    switch.set(REDUCING, "anna", "", 1)
    run(
        Script(
            [events(ticker(1)), wishes(wish("a2", price=None), wish("a3", Side.SELL, price=None))]
        ),
        switch,
        store,
    )
    assert store.get("a2").status is S.REJECTED
    assert store.get("a3").status is S.FILLED


def test_robots_that_hang_are_not_asked(path):
    """The robots' thread sleeps for good; the orders' thread finds out and cancels."""
    heartbeat = Heartbeat(50_000_000)
    switch = KillSwitch(path, heartbeat=heartbeat)
    store, stopped = MemoryStore(), threading.Event()

    class Wire:
        told = False

        def receive(self, timeout_ms):
            if not self.told:
                self.told = True
                return [events(ticker(1)), wishes(wish("a1", price="90"))]
            time.sleep(timeout_ms / 1000)
            return []

    gateway = Gateway(store, PaperVenue(PaperSettings()))
    desk = OrderDesk(store, RiskBook(RiskLimits()))
    heartbeat.clock_ns()
    thread = threading.Thread(
        target=orders_loop,
        args=(
            Wire(),
            store,
            desk,
            gateway,
            lambda: None,
            time.time_ns,
            stopped.is_set,
            switch.look,
        ),
    )
    thread.start()
    deadline = time.monotonic() + 60
    while (one := store.get("a1")) is None or one.status is not S.CANCELED:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    stopped.set()
    thread.join()
    assert switch.read().who == "the heartbeat"
