"""Parts of a session as processes that are killed and started again; what they must agree on."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from contextlib import contextmanager, suppress
from decimal import Decimal

from tests.survival.harness import ROOT
from tests.venue import trading_venue

from millstream.errors import StoreError
from millstream.journal import Journal, Kind
from millstream.model import MyOrder, MyTrade
from millstream.model.codec import decode_events
from millstream.orders.kill_switch import KillSwitch
from millstream.orders.machine import is_open
from millstream.orders.risk import RiskState
from millstream.orders.sqlite import SqliteStore
from millstream.orders.sqlite_follow import SqliteFollower
from millstream.robot.moment import RUN_ID_LETTERS, sequence_of
from millstream.session.proof import replay_session

PATIENCE_S = 180  # on a machine that is busy with other things
PARTS = {
    "stream": ["--part", "stream"],
    "orders": ["--part", "orders"],
    "alice": ["--part", "robots", "--process", "alice"],
    "bob": ["--part", "robots", "--process", "bob"],
}
ROBOTS = ("alice", "bob")
OPEN_THERE = ("working", "partial")


def configuration(place, venue):
    """Two quoters in two processes, on the account of a simulated exchange."""
    key = venue["keys"][0]
    keys = {"api_key": key["key"], "api_secret": key["secret"]}

    def quoter(name, volume, away_bps):
        return {
            "name": name,
            "process": name,
            "robot": "millstream.demo.quoter:Quoter",
            "markets": ["binance@btc/usdt"],
            "parameters": {
                "volume": volume, "tick": "0.01", "most_position": "0.05",
                "away_bps": away_bps, "requote_bps": 0.05,
            },
        }  # fmt: skip

    ends = {
        "robo": "robo-{process}", "control": "control-{process}",
        "market": "market", "wishes": "wishes", "changes": "changes",
    }  # fmt: skip
    return {
        "robots": [quoter("alice", "0.002", 0.2), quoter("bob", "0.003", 0.4)],
        "streams": [
            {
                "exchange": "binance",
                "currency_pairs": ["btc/usdt"],
                "subscribe_channels": ["ticker", "trade", "my_order", "my_trade"],
                "api_host": venue["ws"],
                "subscribe_args": {"rest_host": venue["rest"]},
                **keys,
            }
        ],
        "bus": {name: f"ipc://{place}/{end}" for name, end in ends.items()},
        "gateway": {
            "kind": "simulator", "exchange": "binance", "url": venue["rest"],
            "reconcile_s": 2, "compare_balances": False, **keys,
        },
    }  # fmt: skip


class Parts:
    """The processes, by name."""

    def __init__(self, place, mutant):
        self._place, self._mutant = place, mutant
        self._running = {}
        self._log = (place / "words.txt").open("ab")

    def start(self, name):
        with self._said(name).open("wb") as said:
            self._running[name] = subprocess.Popen(
                [
                    sys.executable, "-m", "tests.survival.part", self._mutant, "run",
                    str(self._place / "config.json"), "--out", str(self._place / "out"),
                    *PARTS[name],
                ],
                cwd=ROOT, stdout=said, stderr=self._log,
            )  # fmt: skip

    def wait_until_up(self, name):
        """Until it has begun to run."""
        deadline = time.monotonic() + PATIENCE_S
        while not self._said(name).stat().st_size:
            assert self._running[name].poll() is None, f"{name} did not start: {self._place}"
            assert time.monotonic() < deadline, f"{name} takes too long to start: {self._place}"
            time.sleep(0.01)

    def _said(self, name):
        return self._place / f"{name}.said"

    def kill(self, name):
        process = self._running.pop(name)
        ended = process.poll()
        assert ended is None, f"{name} ended by itself: {ended}; see {self._place}"
        process.kill()
        process.wait()

    def stop(self, name):
        process = self._running.pop(name)
        process.send_signal(signal.SIGTERM)
        return process.wait(PATIENCE_S)

    def close(self):
        for process in self._running.values():
            process.kill()
            process.wait()
        self._log.close()


@contextmanager
def parts_on_a_venue(place, seed, mutant="right"):
    """A simulated exchange with all parts started; gives them and its REST address."""
    place.mkdir(parents=True)
    with trading_venue("--exchange", "binance", "--seed", seed, "--no-limits") as venue:
        (place / "config.json").write_text(json.dumps(configuration(place, venue)))
        parts = Parts(place, mutant)
        try:
            for name in PARTS:
                parts.start(name)
            yield parts, venue["rest"]
        finally:
            parts.close()


def kill_for(parts, place, seconds, seed, victims=("alice", "bob", "orders", "stream")):
    """Kill and start again at random for so long; returns how often each was killed."""
    dice, killed = random.Random(seed), Counter()
    wait_for_orders(place, 4)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        victim = dice.choice(victims)
        if dice.random() < 0.8:  # else it may be killed while it starts
            parts.wait_until_up(victim)
        time.sleep(dice.uniform(0.05, 1.5))
        parts.kill(victim)
        killed[victim] += 1
        time.sleep(dice.choice((0.0, 0.3)))
        parts.start(victim)
    return killed


def cancel_while_robots_are_away(parts, place):
    """Both robots are killed with orders at work, which a person then cancels by the switch.

    Returns the revision that everybody has to hear of.
    """
    _wait(lambda: opened(place) > 1, "no orders rest")
    for name in ROBOTS:
        parts.kill(name)
    switch = KillSwitch(place / "out" / "orders.sqlite")
    switch.set(RiskState.HALTED, "the test", "while robots are away", time.time_ns())
    _wait(lambda: not opened(place), "what is open is not canceled")
    switch.release()
    reached = _read(place, lambda record: record.revision)
    for name in ROBOTS:
        parts.start(name)
    return reached


def wait_for_orders(place, count):
    """Until the store has so many changes: everybody has started."""
    _wait(lambda: _read(place, lambda record: record.revision) >= count, "nobody places orders")


def opened(place):
    """How many orders are open at the venue, as another process reads it meanwhile."""
    return _read(place, lambda record: sum(o.venue_id != "" for o in record.orders(None, True)))


def _read(place, question):
    with suppress(StoreError):
        follower = SqliteFollower(place / "out" / "orders.sqlite")
        try:
            return question(follower)
        finally:
            follower.close()
    return 0


def _wait(until, what):
    deadline = time.monotonic() + PATIENCE_S
    while not until():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def end_in_good_order(parts, settle_s):
    """Robots first, then what is left open is given time to be settled."""
    for name in PARTS:
        parts.wait_until_up(name)
    time.sleep(1)
    codes = [parts.stop(name) for name in ROBOTS]
    time.sleep(settle_s)
    return [*codes, parts.stop("orders"), parts.stop("stream")]


def truth_of(rest):
    with urllib.request.urlopen(f"{rest}/_truth", timeout=PATIENCE_S) as answer:
        return json.load(answer)


def check(tally, place, truth, seed, heard_until=0):
    """The venue's truth, the store, the journals: all the same.

    heard_until: a revision that each robot had the time to hear of.
    """
    before = tally.bad
    tally.runs += 1
    store = SqliteStore(place / "out" / "orders.sqlite")
    orders, trades = {one.order_id: one for one in store.orders()}, store.trades()
    changes = {name: store.changes(0, name, limit=10**9) for name in ROBOTS}
    store.close()
    tally.acked += len(orders)
    _compare_with_the_venue(tally, orders, trades, truth)
    events = Counter()  # by run
    for name in ROBOTS:
        for session in sorted((place / "out").glob(f"{name}-*")):
            _check_journal(tally, session, changes[name], orders, events, heard_until)
    for order_id in orders:
        tally.lost += sequence_of(order_id) > events[order_id[:RUN_ID_LETTERS]]
    if tally.bad != before:
        tally.failures.append(f"seed {seed}")


def _compare_with_the_venue(tally, orders, trades, truth):
    placed = Counter(one["client_id"] for one in truth["orders"])
    tally.duplicated += sum(count - 1 for count in placed.values())
    tally.lost += sum(order_id not in orders for order_id in placed)
    there = Counter()
    for fill in truth["fills"]:
        there[fill["client_id"], str(fill["trade_id"]), Decimal(fill["volume"])] += 1
    here = Counter((one.order_id, one.trade_id, one.volume) for one in trades)
    tally.lost += sum((there - here).values())
    tally.duplicated += sum((here - there).values())
    filled = Counter()
    for one in trades:
        filled[one.order_id] += one.volume
    open_there = {one["client_id"] for one in truth["orders"] if one["status"] in OPEN_THERE}
    for order_id, order in orders.items():
        tally.wrong_state += order.filled_volume != filled[order_id]
        tally.wrong_state += order_id in open_there and not is_open(order)
        # In doubt and not at the venue is right: for 90 s "not found" proves nothing.
        tally.wrong_state += is_open(order) and order_id in placed and order_id not in open_there


def _check_journal(tally, session, changes, orders, events, heard_until):
    proof = replay_session(session)
    tally.wrong_state += not proof.equal
    journal = Journal.open(session / "journal")
    events[journal.manifest.run_id] = proof.events
    heard = [
        event
        for block in journal.blocks()
        if block.kind is Kind.EVENTS
        for event in decode_events(block.body)
        if isinstance(event, MyOrder | MyTrade) and event.revision  # else a private stream's
    ]
    tally.lost += sum(one.order_id not in orders for one in heard)
    revisions = [one.revision for one in heard]
    first, last = min(revisions, default=1), max([*revisions, heard_until])
    told = [one.revision for one in changes if first <= one.revision <= last]
    tally.wrong_state += revisions != told  # each change once, in order, without a hole


def show(tally, killed):
    print(f"{tally}; killed {dict(sorted(killed.items()))}")
