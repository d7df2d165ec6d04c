"""The main job, whole: an exchange process, a session, a journal, its replay in a new process."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.test_app import events

from millstream.demo.truth import compare_with_exchange
from millstream.errors import JournalError
from millstream.journal import Journal, Kind
from millstream.model import MyTrade
from millstream.simulator.simulation import keys_of


def order_of_truth(client_id, volume):
    """A fill as the exchange's `/_truth` has it."""
    return {
        "client_id": client_id, "pair": "BTC/USDT", "side": "buy",
        "price": "100", "volume": volume, "fee": "0.1",
    }  # fmt: skip


@contextlib.contextmanager
def told_truth(*fills):
    """A server that says these fills."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps({"fills": fills}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


DATA = Path(__file__).parents[2].parent / "shared" / "data" / "exchanges"
SPOT = DATA / "binance_spot" / "hftbacktest_spot_btcusdt_20240808.gz"
USDM = DATA / "binance_usdm" / "hftbacktest_usdm_btcusdt_20240808.gz"
needs_recordings = pytest.mark.skipif(
    not DATA.exists(), reason="../shared/data is not beside this checkout"
)


def millstream(*arguments, **settings):
    return subprocess.run(
        [sys.executable, "-m", "millstream", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        **settings,
    )


def accounted(report):
    market = sum(report["events"].get(kind, 0) for kind in ("Ticker", "Trade", "Book", "Candle"))
    others = ("snapshots", "ignored", "refused", "malformed")
    return market + sum(report[key] for key in others)


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """A short generated market, played as fast as it goes."""
    out = tmp_path_factory.mktemp("demo") / "out"
    told = ("--seconds", "40", "--speed", "max", "--paper")
    done = millstream("demo", *told, "--json", "--out", out)
    assert done.returncode == 0, done.stderr
    return out, json.loads(done.stdout)


def test_the_demo_trades_and_its_replay_is_equal(played):
    _, report = played
    assert report["replay"]["equal"]
    assert report["replay"]["first_difference"] is None
    assert report["orders"] > 10
    assert report["fills"] > 0
    assert {robot["standing"] for robot in report["robots"]} == {"stopped"}
    assert report["replay"]["orders"] == report["orders"]


@pytest.fixture(scope="module")
def traded(tmp_path_factory):
    """A short generated market, traded at the exchange."""
    out = tmp_path_factory.mktemp("demo") / "out"
    done = millstream("demo", "--seconds", "60", "--json", "--out", out)
    assert done.returncode == 0, done.stderr + done.stdout
    return out, json.loads(done.stdout)


def test_by_default_the_demo_trades_at_the_exchange_which_has_the_same_fills(traded):
    _, report = traded
    assert report["replay"]["equal"]
    assert report["orders"] > 0
    assert report["exchange"]["equal"]
    assert report["exchange"]["fills"] == report["fills"]
    assert (report["malformed"], report["refused"], report["gaps"]) == (0, 0, 0)


def test_its_keys_are_in_no_file(traded):
    out, _ = traded
    (key,) = keys_of("binance", 1)
    text = b"".join(file.read_bytes() for file in out.rglob("*") if file.is_file())
    assert key.secret.encode() not in text
    assert key.key.encode() not in text


def test_the_fills_came_by_the_private_stream(traded):
    out, report = traded
    told = {
        event.trade_id for event in events(out) if isinstance(event, MyTrade) and not event.revision
    }
    # The last ones may come while the session ends, when no stream is open any more.
    assert report["fills"] - 3 <= len(told) <= report["fills"]
    assert told


def test_a_fill_that_the_store_has_not_is_named():
    order = order_of_truth("a1", volume="0.5")
    with told_truth(order) as url:
        found = compare_with_exchange(url, [])
    assert not found.equal
    assert found.first_difference.endswith(
        "the exchange has buy 0.5 at 100, fee 0.1, the order store nothing more"
    )


def test_as_fast_as_it_goes_is_for_paper(tmp_path):
    done = millstream("demo", "--speed", "max", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "--speed max needs --paper" in done.stderr


def test_every_frame_is_accounted_for(played):
    _, report = played
    assert report["frames"] > 5_000
    assert report["frames"] == accounted(report)
    assert (report["malformed"], report["refused"], report["gaps"]) == (0, 0, 0)
    assert {"Ticker", "Trade", "Book", "Candle"} <= set(report["events"])


def test_the_journal_replays_in_another_place_and_another_world(played, tmp_path):
    out, report = played
    moved = tmp_path / "elsewhere"
    shutil.copytree(out / "journal", moved)
    world = os.environ | {"PYTHONHASHSEED": "12345", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    done = millstream("replay", moved, "--json", env=world, cwd=tmp_path)
    proof = json.loads(done.stdout)
    assert done.returncode == 0
    assert proof["equal"]
    assert proof["events"] == report["replay"]["events"]


def test_a_flipped_bit_is_named_by_file_and_offset(played, tmp_path):
    out, _ = played
    broken = tmp_path / "broken"
    shutil.copytree(out / "journal", broken)
    segment = sorted(broken.glob("0*"))[0]
    raw = bytearray(segment.read_bytes())
    raw[len(raw) // 2] ^= 0x10
    segment.write_bytes(raw)
    done = millstream("replay", broken)
    assert done.returncode == 1
    assert "DAMAGED" in done.stdout
    assert segment.name in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_journal_that_was_cut_says_so_and_replays(played, tmp_path):
    out, _ = played
    cut = tmp_path / "cut"
    shutil.copytree(out / "journal", cut)
    segment = sorted(cut.glob("0*"))[-1]
    segment.write_bytes(segment.read_bytes()[:-7])
    done = millstream("replay", cut)
    assert done.returncode == 0, done.stdout
    assert "note:" in done.stdout
    assert "EQUAL" in done.stdout


def journaled(out):
    """Whether events are in its journal."""
    with contextlib.suppress(JournalError):
        return any(one.kind is Kind.EVENTS for one in Journal.open(out / "journal").blocks())
    return False


def test_ctrl_c_ends_in_good_order_and_what_was_played_replays(tmp_path):
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-m", "millstream", "demo", "--out", str(out), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not journaled(out) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    report = json.loads(stdout)
    assert report["interrupted"]
    assert report["replay"]["equal"]
    assert report["replay"]["events"] > 0


def test_a_killed_session_replays_up_to_where_it_died(tmp_path):
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-m", "millstream", "demo", "--out", str(out), "--json"],
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not journaled(out) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1)
    process.kill()
    process.wait()
    done = millstream("replay", out, "--json")
    proof = json.loads(done.stdout)
    assert proof["equal"], proof
    assert proof["events"] > 0
    assert any("did not end in good order" in note for note in proof["notes"])


ROBOT = """
from decimal import Decimal
import msgspec
from millstream import Robot, Side

class Memory(msgspec.Struct):
    seen: int = 0

class Simple(Robot):
    State = Memory

    def on_ticker(self, ticker):
        self.state.seen += 1
        if self.state.seen % 100 == 0:
            price = Decimal(repr(ticker.bid_price))
            return self.limit(Side.BUY, price, Decimal("0.001"), post_only=True)
"""


@pytest.fixture(scope="module")
def own_robot(tmp_path_factory):
    """A session with a user's own robot, in a file of its own."""
    place = tmp_path_factory.mktemp("own")
    (place / "simple.py").write_text(ROBOT)
    venue = subprocess.Popen(
        [sys.executable, "-m", "millstream.simulator", "--market-seconds", "30", "--speed", "10",
         "--expect", "btcusdt@bookTicker,btcusdt@trade"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    ready = json.loads(venue.stdout.readline())
    config = {
        "robots": [
            {"name": "simple", "robot": "simple.py:Simple", "markets": ["binance@btc/usdt"]}
        ],
        "streams": [
            {
                "exchange": "binance",
                "currency_pairs": ["btc/usdt"],
                "subscribe_channels": ["ticker", "trade"],
                "api_host": ready["ws"],
            }
        ],
    }
    (place / "bot.json").write_text(json.dumps(config))
    done = millstream("run", "bot.json", "--seconds", "4", "--out", "out", cwd=place)
    venue.communicate()
    assert done.returncode == 0, done.stderr
    return place


def test_a_users_own_robot_runs_and_replays(own_robot):
    done = millstream("replay", "out", "--json", cwd=own_robot)
    proof = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert proof["orders"] > 0
    assert proof["changed_robots"] == []


@pytest.mark.parametrize(
    ("old", "new", "kind", "field"),
    [
        ('Decimal("0.001")', 'Decimal("0.002")', "place_order", "volume"),
        ("Side.BUY", "Side.SELL", "place_order", "side"),
        ("% 100 == 0", "% 100 == 50", "place_order", "extra"),
        ("seen += 1", "seen += 1; self.state.seen -= not ticker", None, None),
    ],
)
def test_one_changed_line_of_a_robot_is_found_and_named(own_robot, tmp_path, old, new, kind, field):
    place = tmp_path / "changed"
    shutil.copytree(own_robot, place)
    (place / "simple.py").write_text(ROBOT.replace(old, new))
    done = millstream("replay", "out", "--json", cwd=place)
    proof = json.loads(done.stdout)
    assert proof["changed_robots"] == ["simple"]
    assert any("simple.py" in note for note in proof["notes"])
    if kind is None:  # the code has changed, what it does has not
        assert done.returncode == 0
        return
    assert done.returncode == 1
    first = proof["first_difference"]
    assert (first["robot"], first["kind"], first["field"]) == ("simple", kind, field)


# ---- recordings of the real venue ---------------------------------------------------------------


@needs_recordings
def test_a_recording_of_the_real_venue_plays_with_every_frame_accounted_for(tmp_path):
    done = millstream("demo", "--tape", SPOT, "--speed", "max", "--json", "--out", tmp_path / "out")
    report = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert report["frames"] == 41_249
    assert accounted(report) == report["frames"]
    assert (report["malformed"], report["refused"], report["gaps"]) == (0, 0, 0)
    assert report["snapshots"] == 1
    assert report["conflated"] == 0
    assert report["orders"] > 0
    assert report["replay"]["equal"]


@needs_recordings
def test_a_recording_of_the_futures_is_refused_in_one_sentence(tmp_path):
    done = millstream("demo", "--tape", USDM, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "Binance USD-M futures" in done.stderr
    assert len(done.stderr.splitlines()) == 1
