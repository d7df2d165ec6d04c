"""Short sessions to analyze: the real rooms on one thread, moved by hand through a made market."""

from __future__ import annotations

from decimal import Decimal

from tests.analysis.robots import Steady

from millstream.journal import JournalWriter, Manifest, RobotEntry
from millstream.model import (
    Book,
    Candle,
    CandleHistory,
    Channel,
    Control,
    CurrencyPair,
    Disconnected,
    Exchange,
    FrameUpdate,
    Gap,
    ProducerState,
    SessionEnd,
    Side,
    Ticker,
    Timer,
    Trade,
    Whitelist,
)
from millstream.model.codec import encode_events
from millstream.orders.desk import OrderDesk
from millstream.orders.gateway import Gateway
from millstream.orders.paper import PaperSettings, PaperVenue
from millstream.orders.risk import RiskBook, RiskLimits
from millstream.orders.sqlite import SqliteStore
from millstream.robot.load import code_hash
from millstream.session.roster import seat_robots

BTC = CurrencyPair.BTC_USDT
BEGAN_NS = 1_700_000_000_000_000_000
SECOND_NS = 1_000_000_000
STEP_NS = 20_000  # of the clock, each time somebody looks at it


def manifest(run_id="run001", volume="0.5", robots=("ann", "bob")):
    return Manifest(
        run_id=run_id,
        started_ns=BEGAN_NS,
        seed=1,
        millstream_version="0",
        python_version="3",
        platform="test",
        robots=tuple(
            RobotEntry(
                name=name,
                class_path="tests.analysis.robots:Steady",
                markets=("binance@btc/usdt",),
                parameters={"volume": volume},
                code_hash=code_hash(Steady),
                source_file="robots.py",
            )
            for name in robots
        ),
        config={"order_store": "sqlite:orders.sqlite"},
    )


def market(seconds=60):
    """One batch of events for each second: ticker, trade and book; and one of each other kind."""
    for second in range(seconds):
        now = BEGAN_NS + second * SECOND_NS
        price = 100.0 + second % 7
        head = (Exchange.BINANCE, BTC, now - 1_000_000)
        stream = (Exchange.BINANCE, Channel.TRADE)
        batch = [
            Ticker(now, *head, price, 5.0, price + 1, 4.0),
            Trade(now + 1, *head, price, 3.0, Side.SELL, str(second)),
        ]
        if second % 5 == 0:
            batch.append(Book(now + 2, *head, ((price, 5.0),), ((price + 1, 4.0),), second))
        if second == 5:
            batch.append(Gap(now + 3, *stream, BTC, "7", "9", 2, "two trades are missing"))
            batch.append(Disconnected(now + 4, *stream, None, 1006, "gone"))
        if second == 25:
            candle = (now, now + SECOND_NS, price, price, price, price, 1.0, 3, True)
            batch += [
                Candle(now + 5, *head, "1s", *candle),
                CandleHistory(now + 6, *head, "1m", *[(1, 2)] * 6),
                Timer(now + 7, "ann", "beat", now),
                FrameUpdate(now + 8, "feed", "ETH/USDT", "5m", "spot", 1, 2, True, b"x" * 5_000),
                Whitelist(now + 9, "feed", ("ETH/USDT",)),
                ProducerState(now + 10, "feed", "stale", "ETH/USDT", "5m", "spot", "late"),
                Control(now + 11, "bob", "pause", {}, "ann", "lunch"),
            ]
        if second == 40:
            batch.append(Control(now + 3, "ann", "tune", {"pace": 2}, "bob", "too slow"))
        yield batch


def write_session(folder, run_id="run001", volume="0.5", seconds=60, closed=True, robots=None):
    """A session's folder; returns the ids of its orders. robots: only these names."""
    told = manifest(run_id, volume, robots or ("ann", "bob"))
    folder.mkdir(parents=True)
    journal = JournalWriter(folder / "journal", told)
    session = Played(folder, told, journal)
    for batch in market(seconds):
        session.turn(batch)
        session.follow()
    if closed:
        session.turn([SessionEnd(session.now_ns, "the test is over")])
        journal.close("the test is over")
    ids = [order.order_id for order in session.store.orders()]
    session.store.close()
    return ids


class Played:
    """What the threads of a session do, on this one."""

    def __init__(self, folder, told, journal):
        self.now_ns = BEGAN_NS
        self.journal = journal
        self.robots = seat_robots(told)
        self.store = SqliteStore(folder / "orders.sqlite")
        limits = RiskLimits(max_order_notional=Decimal(10_000))
        self.desk = OrderDesk(self.store, RiskBook(limits))
        fees = PaperSettings(maker_fee_bps=Decimal(1), taker_fee_bps=Decimal(5), latency_ns=1_000)
        self.gateway = Gateway(self.store, PaperVenue(fees))
        self.heard = 0

    def clock(self):
        self.now_ns += STEP_NS
        return self.now_ns

    def turn(self, events):
        """One batch through journal, robots, orders and venue."""
        self.now_ns = max(self.now_ns, events[-1].received_ns)
        first = self.journal.append_events(encode_events(events), len(events))
        outputs = [
            output
            for sequence, event in enumerate(events, first)
            for output in self.robots.handle(sequence, event)
        ]
        if outputs:
            self.journal.append_outputs(outputs)
        self.desk.observe(events)
        self.gateway.feed(events, self.clock())
        cancels = self.desk.handle(outputs, self.clock())
        self.gateway.step(self.clock())
        self.gateway.cancel(cancels, self.clock())
        self.gateway.step(self.clock() + STEP_NS)

    def follow(self):
        """The store's changes, until the robots cause no more of them."""
        while changes := self.store.changes(self.heard):
            self.heard = changes[-1].revision
            self.turn(changes)
