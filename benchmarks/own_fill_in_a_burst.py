"""How long an own fill waits while the market comes faster than the robots think.

    python -m benchmarks.own_fill_in_a_burst [--quick]

A whole session, as `millstream run` makes it, on the websocket of a simulated exchange that sends
as fast as it is read. One robot sends a market order every 50 ms, filled on paper; all watch the
same market. The time is from the return of the commit of the fill in the order store to
`on_my_trade`; "between" counts the market's events that the robots were given meanwhile; "behind"
is how old the market was that they saw then. Beside it, in turn, the design that this is compared
with: own changes come through the market's queue.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import deque
from decimal import Decimal
from pathlib import Path
from statistics import quantiles
from time import monotonic, sleep, time_ns

from millstream import app
from millstream.bus import Bus
from millstream.config import BusSection, Config, PaperSection, RobotSection, StreamSection
from millstream.model import MyTrade, Side
from millstream.robot import Robot

OWN, ONE_QUEUE = "own endpoint first", "one queue"
CALM_S = 1.0  # the connection is up, the first batches are through
PAIR = "btc/usdt"


class Watcher(Robot):
    """Looks at each quote and trade."""

    high = 0.0

    def on_ticker(self, ticker):
        self.high = max(self.high, ticker.bid_price)

    def on_trade(self, trade):
        self.high = max(self.high, trade.price)


class Taker(Robot):
    """Trades, and notes by the clock when it heard of it: a thermometer, no robot to copy."""

    def on_start(self):
        self.given = deque(maxlen=100_000)  # when each event of the market was
        self.found = []  # (milliseconds, events between, milliseconds behind)
        self.market_ns = 0
        self.events = 0
        self.committed_ns = {}  # of each fill, by its id: filled by the thread of the orders
        self.every("50ms")

    def on_ticker(self, ticker):
        self.given.append(time_ns())
        self.market_ns = ticker.received_ns
        self.events += 1

    on_trade = on_ticker

    def on_timer(self, timer):
        return self.at_market(
            Side.BUY if timer.received_ns // 50_000_000 % 2 else Side.SELL, Decimal("0.001")
        )

    def on_my_trade(self, trade):
        now_ns = time_ns()
        # A fill can be heard of before the thread that committed it gets its next turn.
        committed_ns = self.committed_ns.pop(trade.trade_id, now_ns)
        between = 0
        for at_ns in reversed(self.given):
            if at_ns < committed_ns:
                break
            between += 1
        waited, behind = now_ns - committed_ns, now_ns - self.market_ns
        self.found.append((waited / 1e6, between, behind / 1e6))


class OneQueueBus(Bus):
    """Own changes travel with the market: what this is compared with."""

    def sender(self, endpoint, *more, **named):
        sections = BusSection()
        return super().sender(
            sections.robo if endpoint == sections.own else endpoint, *more, **named
        )


def session(robots: int, design: str, seconds: float, folder: str, ws: str, rest: str) -> None:
    """In a process of its own: run, and print what the taker noted."""
    if design == ONE_QUEUE:
        app.Bus = OneQueueBus
    here, market = "benchmarks.own_fill_in_a_burst", [f"binance@{PAIR}"]
    names = [("taker", "Taker"), *((f"robot{one}", "Watcher") for one in range(1, robots))]
    config = Config(
        robots=[
            RobotSection(name=name, robot=f"{here}:{kind}", markets=market, unguarded=True)
            for name, kind in names
        ],
        streams=[
            StreamSection(
                exchange="binance", currency_pairs=[PAIR],
                subscribe_channels=["ticker", "trade"], api_host=ws,
                subscribe_args={"rest_host": rest},
            )
        ],
        paper=PaperSection(latency_ms=1),
    )  # fmt: skip
    made = app.Session(config, Path(folder) / "out")
    taker, apply = made.robots.seats[0].robot, made.store.apply

    def noted(reports, now_ns):
        changes = apply(reports, now_ns)
        at_ns = time_ns()
        for change in changes:
            if isinstance(change, MyTrade):
                taker.committed_ns[change.trade_id] = at_ns
        return changes

    made.store.apply = noted
    made.start()
    deadline = monotonic() + 30
    while not getattr(taker, "events", 0) and monotonic() < deadline:
        sleep(0.01)
    sleep(CALM_S)
    first, events, began = len(taker.found), taker.events, monotonic()
    sleep(seconds)
    rate = (taker.events - events) / (monotonic() - began)
    assert made.failure() == "", made.failure()
    print(json.dumps({"found": taker.found[first:], "rate": rate}), flush=True)
    os._exit(0)  # the queues are full; nobody waits for them


def once(robots: int, design: str, seconds: float) -> dict:
    """One session beside an exchange of its own."""
    exchange = subprocess.Popen(
        [sys.executable, "-m", "millstream.simulator", "--market-seconds", "200000",
         "--speed", "max"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert exchange.stdin is not None
        assert exchange.stdout is not None
        ready = json.loads(exchange.stdout.readline())
        with tempfile.TemporaryDirectory() as folder:
            command = [
                sys.executable, "-m", "benchmarks.own_fill_in_a_burst", "--session", str(robots),
                design, str(seconds), folder, ready["ws"], ready["rest"],
            ]  # fmt: skip
            done = subprocess.run(
                command, stdout=subprocess.PIPE, check=True, timeout=120 + seconds
            )
        return json.loads(done.stdout)
    finally:
        exchange.kill()
        exchange.communicate()


def main(seconds: float, counts: list[int]) -> None:
    print(f"load {os.getloadavg()[0]:.1f}; {seconds:g} s of burst each")
    print(
        f"{'robots':>6} {'own changes come':>20} {'fills':>6} {'p50 ms':>9} {'p99 ms':>9} "
        f"{'max ms':>9} {'between, most':>14} {'behind p50 ms':>14} {'events/s':>9}"
    )
    for robots in counts:
        for design in (OWN, ONE_QUEUE):
            one = once(robots, design, seconds)
            waited = [found[0] for found in one["found"]]
            behind = [found[2] for found in one["found"]]
            if len(waited) < 2:
                print(f"{robots:>6} {design:>20} {len(waited):>6}  none came in time", flush=True)
                continue
            cuts = quantiles(waited, n=100)
            print(
                f"{robots:>6} {design:>20} {len(waited):>6} {cuts[49]:>9.2f} {cuts[98]:>9.2f} "
                f"{max(waited):>9.2f} {max(found[1] for found in one['found']):>14,} "
                f"{quantiles(behind, n=2)[0]:>14.0f} {one['rate']:>9,.0f}",
                flush=True,
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--session"]:
        robots, design, seconds, *places = sys.argv[2:]
        session(int(robots), design, float(seconds), *places)
    elif sys.argv[1:] == ["--quick"]:
        main(3, [1, 100])
    else:
        main(15, [1, 10, 100])
