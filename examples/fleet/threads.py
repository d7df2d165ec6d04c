"""Three threads feed the one that thinks: prices, commands and own orders meet at inproc://robo.

    python examples/fleet/threads.py

`robo_loop` has the main thread for itself: one event at a time, and nothing that blocks. A
simulated exchange makes the prices; orders are filled on paper. `millstream run` does the same with
more care.
"""

import asyncio
import sys
import tempfile
import threading
from contextlib import closing
from pathlib import Path
from time import sleep, time_ns

from millstream import Channel, CurrencyPair, Exchange, get_exchange_stream
from millstream.bus import Bus, EventPublisher, Inbox
from millstream.config import Config, RobotSection, StreamSection
from millstream.journal import JournalWriter
from millstream.model import Control, SessionEnd
from millstream.model.codec import encode_events
from millstream.orders.desk import OrderDesk
from millstream.orders.gateway import Gateway
from millstream.orders.paper import PaperSettings, PaperVenue
from millstream.orders.risk import RiskBook, RiskLimits
from millstream.orders.service import orders_loop
from millstream.orders.sqlite import SqliteStore
from millstream.orders.store import watch
from millstream.robot import control_stream, data_stream, robo_loop, trade_stream
from millstream.session.proof import replay_session
from millstream.session.roster import describe, seat_robots
from millstream.simulator.running import trading_exchange

ROBO, CONTROL = "inproc://robo", "inproc://control"
MARKET, WISHES = "inproc://market", "inproc://wishes"
QUOTER = {"volume": "0.002", "tick": "0.01", "most_position": "0.05", "away_bps": 0.2}


def prices(bus: Bus, host: str, over: threading.Event) -> None:
    """The data thread: an exchange's websocket, forwarded to the robots and to the paper venue."""

    async def forward() -> None:
        publisher = EventPublisher([bus.sender(ROBO), bus.sender(MARKET)], time_ns)
        channels = [Channel.TICKER, Channel.TRADE]
        stream = get_exchange_stream(
            Exchange.BINANCE, [CurrencyPair.BTC_USDT], channels, api_host=host
        )
        stream.bind_observer(publisher)
        stop = asyncio.Event()

        async def end() -> None:
            await asyncio.to_thread(over.wait)
            stop.set()

        await asyncio.gather(data_stream([stream], stop), end())
        publisher.close()

    asyncio.run(forward())


def person(bus: Bus, seconds: float, no_more_prices: threading.Event) -> None:
    """Somebody who commands: stops the robots after a while, and then ends the session."""
    sleep(seconds)
    stop = Control(time_ns(), "", "stop", {}, "a person", "the example is over")
    bus.sender(CONTROL).send(encode_events([stop]))
    sleep(0.5)  # what is open is canceled meanwhile
    no_more_prices.set()
    bus.sender(ROBO).send(encode_events([SessionEnd(time_ns(), "the example is over")]))


def run(directory: Path, seconds: float) -> int:
    """Trade for so many seconds; returns how many fills there were."""
    quoter = RobotSection(
        name="quoter",
        robot="millstream.demo.quoter:Quoter",
        markets=["binance@btc/usdt"],
        parameters=QUOTER,
    )
    carried = StreamSection(
        exchange="binance", currency_pairs=["btc/usdt"], subscribe_channels=["ticker", "trade"]
    )
    manifest = describe(Config(robots=[quoter], streams=[carried]))
    robots, journal = seat_robots(manifest), JournalWriter(directory / "journal", manifest)
    over, ended = threading.Event(), threading.Event()
    with (
        trading_exchange(exchange="binance", seed=1) as exchange,
        closing(SqliteStore(directory / "orders.sqlite")) as store,
        Bus() as bus,
    ):
        # An endpoint has to be there before somebody speaks: inproc meets in this Bus.
        robo, control = bus.receiver(ROBO), bus.receiver(CONTROL)
        inbox = Inbox({"events": bus.receiver(MARKET), "wishes": bus.receiver(WISHES)})
        gateway = Gateway(store, PaperVenue(PaperSettings()))
        desk = OrderDesk(store, RiskBook(RiskLimits()))
        changes = watch(store, 0, None, ended.is_set)
        threads = [
            threading.Thread(target=work, args=given, daemon=True)
            for work, *given in (
                (prices, bus, exchange.ws, over),
                (control_stream, control, bus.sender(ROBO), ended.is_set),
                (trade_stream, changes, bus.sender(ROBO)),
                (orders_loop, inbox, store, desk, gateway, journal.sync, time_ns, ended.is_set),
                (person, bus, seconds, over),
            )
        ]
        for thread in threads:
            thread.start()
        robo_loop(robo, robots, journal, bus.sender(WISHES), time_ns)
        ended.set()
        for thread in threads:
            thread.join()
        journal.close("the example is over")
        return len(store.trades())


if __name__ == "__main__":
    place = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="threads_"))
    fills = run(place, seconds=float(sys.argv[2]) if len(sys.argv) > 2 else 10)
    proof = replay_session(place)
    print(f"{fills} fills; replayed: {'equal' if proof.equal else 'not equal'}; see {place}")
    sys.exit(not (fills and proof.equal))
