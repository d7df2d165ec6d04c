"""Whole sessions in processes of their own, on a market of a few tickers, filled on paper.

A line of standard input names a folder and a store (`mutants.STORES`); a process is forked for it,
says its number, waits until the folder holds a file "go", lives the session, and leaves "said":
what the session had to say.

    python -m tests.survival.whole
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
import traceback
from contextlib import closing
from pathlib import Path

from tests.survival import mutants

from millstream.app import Session
from millstream.config import Config, PaperSection, RobotSection, StreamSection
from millstream.errors import MillstreamError
from millstream.model import CurrencyPair, Exchange, Ticker
from millstream.session.sources import Sources

BTC = CurrencyPair.BTC_USDT
TICKERS = 4
MOST_S = 20.0


class Market:
    """So many tickers, a hundredth of a second apart."""

    exchange = Exchange.BINANCE

    def __init__(self):
        self.over = False
        self._stopped = asyncio.Event()

    def bind_observer(self, observer):
        self._observer = observer

    async def start(self):
        for _ in range(TICKERS):
            ticker = Ticker(time.time_ns(), Exchange.BINANCE, BTC, 0, 99.0, 9.0, 100.0, 9.0)
            self._observer.ticker_queue.put_nowait(ticker)
            await asyncio.sleep(0.01)
        self.over = True
        await self._stopped.wait()

    async def stop(self):
        self._stopped.set()

    def pause_reading(self):
        pass

    def resume_reading(self):
        pass

    def statistics(self):
        return []


def live(directory, store):
    """What the session says at its end; "": it went well."""
    market = Market()
    carried = StreamSection("binance", ["btc/usdt"], ["ticker"])
    robot = RobotSection("taker", "tests.survival.taker:Taker", ["binance@btc/usdt"])
    config = Config(robots=[robot], streams=[carried], paper=PaperSection(latency_ms=0))
    session = Session(config, directory, sources=Sources([market]), resume=True)
    session.store.__class__ = mutants.STORES[store]
    with closing(session):
        try:
            session.start()
            until = time.monotonic() + MOST_S
            while not (market.over and _settled(session.store)) and not session.failure():
                if time.monotonic() > until:
                    return "HANGS"
                time.sleep(0.002)
        finally:
            session.stop("the test is over")
    return session.failure()


def _settled(store):
    """Whether every ticker has had its two orders, and one of them its fill."""
    return len(store.trades()) >= TICKERS


def serve():
    """Fork a session for each line: Python and the imports start only once."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        if os.fork() == 0:
            place, store = Path(line.split()[0]), line.split()[1]
            print(os.getpid(), flush=True)
            while not (place / "go").exists():
                time.sleep(0.002)
            try:
                said = live(place / "session", store)
            except MillstreamError as error:
                said = f"{error}"
            except BaseException:
                said = f"TRACEBACK {traceback.format_exc()}"
            (place / "said").write_text(said)
            os._exit(0)


if __name__ == "__main__":
    serve()
