"""Our side of `websocket_to_robot_journaled`, a process of its own: prints one JSON object.

    python -m benchmarks.millstream_client URL COUNT FOLDER

The parts and threads of a live session (`app.py`) as far as a robot: stream, publisher, inproc,
robo_loop, journal.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time

import msgspec

from benchmarks.journals import manifest
from millstream.bus import Bus, EventPublisher
from millstream.exchange import get_exchange_stream
from millstream.journal import JournalWriter
from millstream.model import Control, CurrencyPair, Exchange, SessionEnd, Ticker
from millstream.model.codec import encode_events
from millstream.robot import Market, Robot, RobotGroup, data_stream, robo_loop
from millstream.robot.robot import NoParameters
from millstream.robot.setup import RobotSetup

PAIRS = ("btc/usdt", "eth/usdt", "sol/usdt")
QUEUE_MESSAGES = (
    20_000  # room for the whole flood: every event is to reach the robot, none conflated
)


class Seen(msgspec.Struct):
    tickers: int = 0
    last_price: float = 0.0


def counting_robot(count: int, delays_us: list[float], done: Callable[[], object]) -> type[Robot]:
    """A robot that counts, keeps the last price, and says when it has seen them all.

    It also reads the clock when the frames carry the time they were sent at. No robot may do that;
    this one is the measuring instrument.
    """

    class Counting(Robot):
        State = Seen

        def on_ticker(self, ticker: Ticker) -> None:
            state = self.state
            state.tickers += 1
            state.last_price = ticker.bid_price
            if ticker.ask_volume > 1e12:
                delays_us.append(time.time_ns() / 1e3 - ticker.ask_volume)
            if state.tickers == count:
                done()

    return Counting


async def run(url: str, count: int, folder: Path) -> dict[str, object]:
    """Connect, receive `count` tickers, stop."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    delays_us: list[float] = []
    robot = counting_robot(count, delays_us, lambda: loop.call_soon_threadsafe(stop.set))
    robots = RobotGroup("bench1", 1)
    markets = tuple(Market(Exchange.BINANCE, CurrencyPair.parse(pair)) for pair in PAIRS)
    robots.add(RobotSetup("counting", robot, markets, NoParameters()))
    journal = JournalWriter(folder, manifest())
    stream = get_exchange_stream("binance", PAIRS, ["ticker"], api_host=url)
    with Bus() as bus:
        robo = bus.receiver("inproc://robo", QUEUE_MESSAGES)
        wishes = bus.receiver("inproc://wishes")
        publisher = EventPublisher([bus.sender(robo.endpoint, QUEUE_MESSAGES)], time.time_ns)
        stream.bind_observer(publisher)
        thread = threading.Thread(
            target=robo_loop,
            args=(robo, robots, journal, bus.sender(wishes.endpoint), time.time_ns),
        )
        thread.start()
        cpu, wall = process_time(), perf_counter()
        await data_stream([stream], stop)
        cpu, wall = process_time() - cpu, perf_counter() - wall
        end = [
            Control(time.time_ns(), "", "stop", {}, "bench", "done"),
            SessionEnd(time.time_ns(), "done"),
        ]
        bus.sender(robo.endpoint).send(encode_events(end))
        thread.join()
    journal.close("done")
    return {
        "cpu_us": cpu / count * 1e6,
        "wall_us": wall / count * 1e6,
        "seen": robots.seats[0].robot.state.tickers,
        "conflated": publisher.conflated,
        "delays_us": delays_us,
    }


if __name__ == "__main__":
    found = asyncio.run(run(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
    print(msgspec.json.encode(found).decode())
