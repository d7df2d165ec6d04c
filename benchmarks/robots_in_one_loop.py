"""1, 10 and 100 robots in one loop: what an event costs when each robot looks at it.

And the longest that an own fill waits: one batch of 128 events through all robots, which is what
may be in hand when it comes (`bus.own` is looked at before the next batch of the market).

    python -m benchmarks.robots_in_one_loop
"""

from __future__ import annotations

from time import perf_counter

from benchmarks.restart_time import BTC, Watcher
from millstream.model import Exchange, Ticker
from millstream.robot import Market, RobotGroup, RobotSetup

EVENTS = 100_000
BATCH = 128


def main():
    print(f"{'robots':>7} {'events/s':>12} {'µs an event':>12} {'a batch of 128, ms':>20}")
    for count in (1, 10, 100):
        group = RobotGroup("bench1", 1)
        market = (Market.parse("binance@btc/usdt"),)
        for number in range(count):
            group.add(RobotSetup(f"robot{number}", Watcher, market, Watcher.Parameters()))
        events = EVENTS // count
        ticker = Ticker(1, Exchange.BINANCE, BTC, 0, 50_000.0, 1.0, 50_001.0, 1.0)
        began = perf_counter()
        for sequence in range(1, events + 1):
            group.handle(sequence, ticker)
        each = (perf_counter() - began) / events
        print(f"{count:>7} {1 / each:>12,.0f} {each * 1e6:>12.2f} {each * BATCH * 1e3:>20.2f}")


if __name__ == "__main__":
    main()
