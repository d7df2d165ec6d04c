"""Our side of `busy_minute_end_to_end`, a process of its own: prints one JSON object.

    python -m benchmarks.busy_minute_client URL FRAMES FOLDER

A live session's parts as far as a robot: stream, publisher, inproc, robo_loop, journal.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from pathlib import Path
from time import perf_counter, process_time

import msgspec

from benchmarks.journals import manifest
from millstream.bus import Bus, EventPublisher
from millstream.exchange import get_exchange_stream
from millstream.exchange.live import VenueStream
from millstream.journal import JournalWriter
from millstream.model import Book, Control, CurrencyPair, Exchange, SessionEnd, Ticker, Trade
from millstream.model.codec import encode_events
from millstream.robot import Market, Robot, RobotGroup, data_stream, robo_loop
from millstream.robot.robot import NoParameters
from millstream.robot.setup import RobotSetup

PAIR = "btc/usdt"
CHANNELS = 3
QUEUE_MESSAGES = 200_000  # none conflated, though it all comes at once
GIVE_UP_S = 150.0


class Seen(msgspec.Struct):
    tickers: int = 0
    trades: int = 0
    books: int = 0


class Counting(Robot):
    """Counts what it is told."""

    State = Seen

    def on_ticker(self, ticker: Ticker) -> None:
        self.state.tickers += 1

    def on_trade(self, trade: Trade) -> None:
        self.state.trades += 1

    def on_book(self, book: Book) -> None:
        self.state.books += 1


def told(stream: VenueStream) -> int:
    """Events of the market that a stream has given so far."""
    counts = stream.counts().values()
    return sum(one.tickers + one.trades + one.books for one in counts)


async def run(url: str, frames: int, folder: Path) -> dict[str, object]:
    """Connect, receive all frames, stop."""
    stop = asyncio.Event()
    robots = RobotGroup("bench1", 1)
    markets = (Market(Exchange.BINANCE_FUTURE, CurrencyPair.parse(PAIR)),)
    robots.add(RobotSetup("counting", Counting, markets, NoParameters()))
    journal = JournalWriter(folder, manifest())
    stream = get_exchange_stream(
        "binance_future",
        [PAIR],
        ["ticker", "trade", "book"],
        api_host=url,
        subscribe_args={"rest_host": url.replace("ws://", "http://")},
    )

    def seen() -> int:
        state = robots.seats[0].robot.state
        return int(state.tickers + state.trades + state.books)

    async def watch() -> None:
        began = perf_counter()
        sent = frames + CHANNELS  # and an acknowledgement each
        while sum(one.frames for one in stream.statistics()) < sent or seen() < told(stream):
            assert perf_counter() - began < GIVE_UP_S, stream.statistics()
            await asyncio.sleep(0.02)
        stop.set()

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
        watching = asyncio.create_task(watch())
        await data_stream([stream], stop)
        await watching
        figures = stream.statistics()
        end = [
            Control(time.time_ns(), "", "stop", {}, "bench", "done"),
            SessionEnd(time.time_ns(), "done"),
        ]
        bus.sender(robo.endpoint).send(encode_events(end))
        thread.join()
        cpu, wall = process_time() - cpu, perf_counter() - wall
    journal.close("done")
    return {
        "cpu_us": cpu / frames * 1e6,
        "wall_s": wall,
        "seen": seen(),
        "told": told(stream),
        "lost": publisher.conflated
        + sum(one.gaps + one.dropped + one.malformed for one in figures),
    }


if __name__ == "__main__":
    found = asyncio.run(run(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
    print(msgspec.json.encode(found).decode())
