"""From a few settings to a venue that trades: who takes part, what is traded, in which market."""

from __future__ import annotations

import base64
import hashlib
import random
from decimal import Decimal
from itertools import islice
from pathlib import Path

import msgspec

from millstream.errors import ConfigError, UnknownName, did_you_mean
from millstream.model import CurrencyPair
from millstream.simulator.faults import FaultPlan, Faults
from millstream.simulator.front import Front, Key
from millstream.simulator.grid import grids
from millstream.simulator.history import History
from millstream.simulator.market import Market, MarketSettings
from millstream.simulator.orders import PairRules, SelfTrade, VenueRules
from millstream.simulator.recording import Recording
from millstream.simulator.server import Source
from millstream.simulator.trading import TradingServer
from millstream.simulator.venue import Venue
from millstream.simulator.wire import Instrument
from millstream.stream.tape import read_tape

# What a generated market begins at, in dollars; the quote's own price divides it.
DOLLARS = {
    "BTC": 61_837.63,
    "ETH": 2_683.42,
    "SOL": 154.23,
    "BNB": 512.4,
    "XRP": 0.6021,
    "ADA": 0.3457,
    "DOGE": 0.1034,
    "LTC": 60.12,
    "LINK": 10.43,
    "DOT": 4.71,
    "USD": 1.0,
    "USDT": 1.0,
    "USDC": 1.0,
    "EUR": 1.09,
    "GBP": 1.27,
}
RULES = {
    "binance": VenueRules(Decimal("0.001"), Decimal("0.001"), False, SelfTrade.EXPIRE_MAKER, True),
    "kraken": VenueRules(Decimal("0.0025"), Decimal("0.004"), True, SelfTrade.CANCEL_NEWEST, False),
}
DEFAULT_PAIRS = {
    "binance": ("BTC/USDT", "ETH/USDT", "SOL/USDT"),
    "kraken": ("BTC/USD", "ETH/USD", "SOL/USD"),
}
MONTH_S = 31 * 86_400.0
_BPS = Decimal(10_000)
_SEEN = 20_000  # frames of a tape that tell its grid


class SimulationSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One trading venue. pairs: empty takes the venue's usual ones, or all of a tape."""

    exchange: str = "binance"
    pairs: tuple[str, ...] = ()
    accounts: int = 1
    seed: int = 1
    tape: Path | None = None
    speed: float = 1.0
    faults: Faults = Faults()
    limits: bool = True  # the venue's rate limits; False: none
    rest_port: int = 0
    ws_port: int = 0
    market_seconds: float = MONTH_S  # of a generated market; then the books stay as they are
    maker_fee_bps: Decimal | None = None  # None: the venue's usual one
    taker_fee_bps: Decimal | None = None


def keys_of(exchange: str, accounts: int) -> list[Key]:
    """The keys of each account: always the same, so that a configuration can name them."""
    keys = []
    for number in range(1, accounts + 1):
        digest = hashlib.sha512(f"millstream simulator {exchange} {number}".encode()).digest()
        secret = base64.b64encode(digest).decode() if exchange == "kraken" else digest.hex()[:64]
        keys.append(Key(f"account{number}", f"simulated-{exchange}-{number}", secret))
    return keys


def make_server(settings: SimulationSettings) -> TradingServer:
    """A server that has not been started; raises ConfigError, UnknownName, TapeError."""
    if settings.exchange not in RULES:
        raise UnknownName(
            f'"{settings.exchange}" cannot be simulated; accepted: {", ".join(RULES)}.'
            + did_you_mean(settings.exchange, RULES)
        )
    if not 1 <= settings.accounts <= 100:
        raise ConfigError("--accounts takes a number from 1 to 100")
    source, rules = _market(settings)
    keys = keys_of(settings.exchange, settings.accounts)
    start = _start_balances(rules)
    venue = Venue(_venue_rules(settings), rules, {key.account: dict(start) for key in keys})
    histories = {pair: History() for pair in venue.pairs}
    venue.on_trade.append(lambda trade: histories[trade.pair].add(trade))
    plan = FaultPlan(settings.faults)
    front = _front(settings, venue, histories, keys, plan)
    return TradingServer(
        venue,
        front,
        source,
        plan,
        speed=settings.speed,
        rest_port=settings.rest_port,
        ws_port=settings.ws_port,
    )


def _venue_rules(settings: SimulationSettings) -> VenueRules:
    rules = RULES[settings.exchange]
    maker, taker = settings.maker_fee_bps, settings.taker_fee_bps
    return msgspec.structs.replace(
        rules,
        maker_fee=rules.maker_fee if maker is None else maker / _BPS,
        taker_fee=rules.taker_fee if taker is None else taker / _BPS,
    )


def _front(
    settings: SimulationSettings,
    venue: Venue,
    histories: dict[CurrencyPair, History],
    keys: list[Key],
    plan: FaultPlan,
) -> Front:
    if settings.exchange == "kraken":
        from millstream.simulator.kraken.front import KrakenFront

        return KrakenFront(venue, histories, keys, plan, limits=settings.limits)
    from millstream.simulator.binance.front import BinanceFront

    return BinanceFront(venue, histories, keys, plan, limits=settings.limits)


def _market(settings: SimulationSettings) -> tuple[Source, list[PairRules]]:
    wanted = [CurrencyPair.parse(name) for name in settings.pairs]
    if settings.tape is not None:
        recording = Recording(read_tape(settings.tape))
        pairs = [pair for pair in recording.pairs if not wanted or pair in wanted]
        missing = [str(pair) for pair in wanted if pair not in pairs]
        if missing:
            raise ConfigError(f"{settings.tape} has nothing of {', '.join(missing)}")
        grid = grids(frame.raw for frame in islice(read_tape(settings.tape), _SEEN))
        usual = Decimal("0.01"), Decimal("0.00001")
        return recording, [
            _rules(settings.exchange, pair, *grid.get(pair.base + pair.quote, usual))
            for pair in pairs
        ]
    wanted = wanted or [CurrencyPair.parse(name) for name in DEFAULT_PAIRS[settings.exchange]]
    instruments = tuple(_instrument(pair) for pair in dict.fromkeys(wanted))
    market = Market(
        random.Random(settings.seed),
        MarketSettings(seconds=settings.market_seconds, instruments=instruments),
    )
    rules = [
        _rules(
            settings.exchange,
            one.pair,
            Decimal(1).scaleb(-one.price_decimals),
            Decimal(1).scaleb(-one.volume_decimals),
        )
        for one in instruments
    ]
    return market, rules


def _instrument(pair: CurrencyPair) -> Instrument:
    for name in (pair.base, pair.quote):
        if name not in DOLLARS:
            raise UnknownName(
                f'"{name}" of {pair} has no price to begin with; accepted: {", ".join(DOLLARS)}.'
                + did_you_mean(name, DOLLARS)
            )
    price = DOLLARS[pair.base] / DOLLARS[pair.quote]
    decimals = 2 if price >= 100 else 4 if price >= 1 else 6
    volume_decimals = 5 if price >= 10_000 else 4 if price >= 1_000 else 3 if price >= 10 else 1
    return Instrument(pair, price, decimals, volume_decimals)


def _rules(exchange: str, pair: CurrencyPair, tick: Decimal, lot: Decimal) -> PairRules:
    notional = Decimal(5) if exchange == "binance" else Decimal("0.5")
    if DOLLARS.get(pair.quote, 1.0) > 2.0:  # a coin
        notional = Decimal("0.0001")
    if exchange == "kraken":
        return PairRules(pair, tick, Decimal("1e-8"), lot * 5, notional)
    return PairRules(pair, tick, lot, lot, notional)


def _start_balances(rules: list[PairRules]) -> dict[str, Decimal]:
    """A million dollars' worth of each quote, a hundred thousand of each base."""
    start: dict[str, Decimal] = {}
    for one in rules:
        for name, dollars in ((one.pair.base, 100_000), (one.pair.quote, 1_000_000)):
            amount = Decimal(round(dollars / DOLLARS.get(name, 1.0), 2)).quantize(Decimal("0.01"))
            start[name] = max(start.get(name, amount), amount)
    return start
