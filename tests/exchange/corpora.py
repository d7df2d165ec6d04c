"""What each venue sends: frames of every kind, and its books in the order they came.

Recordings where they lie beside this checkout; what the venues' test frames say, always.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from types import ModuleType

from tests.exchange.binance import frames as binance
from tests.exchange.coinbase import frames as coinbase
from tests.exchange.ib import frames as ib
from tests.exchange.kraken import frames as kraken
from tests.exchange.kraken.test_book import checksum
from tests.exchange.kraken_future import frames as kraken_future
from tests.exchange.okx import frames as okx

from millstream.exchange import Decoder, decoder
from millstream.exchange.binance.private import PrivateDecoder
from millstream.exchange.ib import wire as ib_wire
from millstream.model import Channel, CurrencyPair, Exchange

DATA = Path(__file__).parents[3] / "shared" / "data" / "exchanges"
PER_FILE = 400  # frames of a recording: all kinds are in it
TAPE = 1_200  # frames of a book
PUBLIC = ("ticker", "trade", "book", "candle")
PRIVATE = ("my_order", "my_trade", "my_order_batch")
BTC_USD, BTC_USDT = CurrencyPair.BTC_USD, CurrencyPair.BTC_USDT


@dataclass(frozen=True)
class Corpus:
    """One venue's frames, and who reads them."""

    name: str
    folder: str  # below DATA
    samples: ModuleType
    decoders: Callable[[], list[Decoder]]
    books: Callable[[], Decoder]
    tape: Callable[[], list[bytes]]  # of one pair's book, the snapshot among its first frames
    more: list[bytes] = field(default_factory=list)

    def frames(self) -> list[list[bytes]]:
        """By the file they are from."""
        own = [one for one in vars(self.samples).values() if isinstance(one, bytes)]
        folder = DATA / self.folder
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        recorded = [frames_of(path) for path in files if ".http." not in path.name]
        return [[*own, *self.more], *(found for found in recorded if found)]


def lines_of(path: Path) -> list[str]:
    """The lines of a text, packed or not."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as text:
        return list(islice(text, 20_000))


def frames_of(path: Path) -> list[bytes]:
    """What of a file are frames that a venue sent."""
    if path.suffix == ".json":
        return [json.dumps(json.loads(path.read_text()), separators=(",", ":")).encode()]
    found = []
    for line in lines_of(path):
        if line.startswith(">"):  # what a client said
            continue
        body = min((at for at in (line.find("{"), line.find("[")) if at >= 0), default=-1)
        if 0 <= body < 80 and len(line) < 20_000:
            found.append(line[body:].strip().encode())
    return found[:: len(found) // PER_FILE + 1]


# ---- books --------------------------------------------------------------------------------------


def of_binance(path: Path) -> list[bytes]:
    tape = [line.split(" ", 1)[1].strip() for line in lines_of(path)]
    return [raw.encode() for raw in tape if "@depth" in raw[:40] or "lastUpdateId" in raw[:20]]


def of_kraken() -> list[bytes]:
    path = DATA / "kraken" / "krakensdk_orderbook-v2.json.gz"
    if not path.exists():
        bids, asks = {"100.0": "1.0"}, {"101.0": "1.0"}
        tape = [kraken.book("snapshot", bids.items(), asks.items(), both(bids, asks))]
        for number in range(TAPE):
            side, price = (bids, 100 - number % 7) if number % 2 else (asks, 101 + number % 7)
            side[f"{price}.0"] = f"{1 + number}.5"
            change = [(f"{price}.0", f"{1 + number}.5")]
            changes = (change, []) if side is bids else ([], change)
            tape.append(kraken.book("update", *changes, both(bids, asks)))
        return tape
    recorded = json.loads(gzip.decompress(path.read_bytes()))
    tape = []
    for frame in [recorded["init"], *recorded["updates"]]:
        (data,) = frame["data"]
        # The recorder dropped trailing zeros; this pair has prices of 1 and quantities of 8 places.
        sides = [
            [(f"{float(one['price']):.1f}", f"{float(one['qty']):.8f}") for one in data[side]]
            for side in ("bids", "asks")
        ]
        tape.append(kraken.book(frame["type"], *sides, int(data["checksum"])))
    return tape


def both(bids: dict[str, str], asks: dict[str, str]) -> int:
    return checksum(list(bids.items()), list(asks.items()))


def of_kraken_future() -> list[bytes]:
    path = DATA / "kraken_futures" / "cryptofeed_KRAKEN_FUTURES.ws.1.0.gz"
    if path.exists():
        bodies = [line.partition(": ")[2].strip().encode() for line in lines_of(path)]
        wanted = b'"PI_ETHUSD"'
        return [raw for raw in bodies if raw.startswith(b'{"feed":"book') and wanted in raw]
    tape = [kraken_future.book_snapshot(1, [(99, 1)], [(101, 1)], "PI_ETHUSD")]
    for number in range(TAPE):
        side, price = ("buy", 99 - number % 9) if number % 2 else ("sell", 101 + number % 9)
        tape.append(kraken_future.level(2 + number, side, price, 1 + number, "PI_ETHUSD"))
    return tape


def of_coinbase() -> list[bytes]:
    tape = [coinbase.book(0, "snapshot", [(99, 1), (98, 2)], [(101, 1)])]
    for number in range(1, TAPE):
        bids = [(99 - number % 9, number % 5 + 1)] if number % 2 else []
        asks = [] if bids else [(101 + number % 9, number % 4 + 1)]
        tape.append(coinbase.book(number, "update", bids, asks))
    return tape


def of_the_exchange_feed() -> list[bytes]:
    if coinbase.RECORDING.exists():
        bodies = [line.partition(": ")[2].strip() for line in lines_of(coinbase.RECORDING)]
        wanted = [raw for raw in bodies if '"snapshot"' in raw[:40] or '"l2update"' in raw[:40]]
        products = [json.loads(raw)["product_id"] for raw in wanted]
        most = max(set(products), key=products.count)
        assert most == "BTC-USD" or products.count(most) > 500
        return [
            raw.replace(most, "BTC-USD").encode()
            for raw, product in zip(wanted, products, strict=True)
            if product == most
        ]
    head = {
        "type": "snapshot",
        "product_id": "BTC-USD",
        "bids": [["9", "1"]],
        "asks": [["11", "1"]],
    }
    tape = [json.dumps(head).encode()]
    for number in range(TAPE):
        change = ["buy", str(9 - number % 5), str(number % 3 + 1)]
        update = {"type": "l2update", "product_id": "BTC-USD", "changes": [change]}
        tape.append(json.dumps(update | {"time": coinbase.TIME}, separators=(",", ":")).encode())
    return tape


def of_okx(instrument: str) -> Callable[[], list[bytes]]:
    def made() -> list[bytes]:
        tape = [okx.whole(1, instrument)]
        for number in range(1, TAPE):
            bids = [(f"{99 - number % 9}", f"{number % 5 + 1}")] if number % 2 else []
            asks = [] if bids else [(f"{101 + number % 9}", f"{number % 4 + 1}")]
            tape.append(okx.book(number, number + 1, bids, asks, pair=instrument))
        return tape

    return made


def of_okx_with_checksums() -> list[bytes]:
    return okx.recorded("books", "BTC-USDT") if okx.RECORDING.exists() else of_okx("BTC-USDT")()


def of_ib() -> list[bytes]:
    request = ib_wire.request_id(Channel.BOOK, 0)
    tape = [ib.row(request, 0, 0, 1, "99", "1"), ib.row(request, 0, 0, 0, "101", "1")]
    for level in range(1, 5):
        tape.append(ib.row(request, level, 0, 1, str(99 - level), "1"))
        tape.append(ib.row(request, level, 0, 0, str(101 + level), "1"))
    for number in range(TAPE):
        side, level = number % 2, number % 5
        price = 99 - level if side else 101 + level
        if number % 7 == 0:  # the best goes, and comes back
            tape.append(ib.row(request, 4, 2, side, "0", "0"))
            tape.append(ib.row(request, 4, 0, side, str(95 if side else 105), str(number + 1)))
        else:
            tape.append(ib.row(request, level, 1, side, str(price), str(number + 1)))
    return tape


# ---- the venues ---------------------------------------------------------------------------------


def of_binances(exchange: Exchange) -> Callable[[], list[Decoder]]:
    def made() -> list[Decoder]:
        private = [PrivateDecoder(exchange, [BTC_USDT], Channel.parse(one)) for one in PRIVATE]
        return [decoder(exchange, ["btc/usdt", "eth/btc"], PUBLIC), *private]

    return made


def of_all(name: str, pairs: list[str], channels: tuple[str, ...], **settings: object):
    def made() -> list[Decoder]:
        private = [decoder(name, pairs, [channel], **settings) for channel in PRIVATE]
        return [decoder(name, pairs, channels, **settings), *private]

    return made


IB_MORE = [
    *(ib.price(2000 + n, kind, "1.1", "5") for n in (0, 1) for kind in (1, 2, 4)),
    *(ib.price(ib_wire.request_id(Channel.TICKER, 0), kind, "1.1", "5") for kind in (1, 2)),
    ib.size(ib_wire.request_id(Channel.TICKER, 0), 0, "7"),
    ib.trade(ib_wire.request_id(Channel.TRADE, 0), 1795190290, "10.5", "3"),
    ib.row(ib_wire.request_id(Channel.BOOK, 0), 0, 0, 1, "1.1", "5"),
    ib.row_l2(ib_wire.request_id(Channel.BOOK, 0), 0, "ARCA", 0, 0, "1.2", "5"),
    ib.bars(
        ib_wire.request_id(Channel.CANDLE, 0),
        ("1795190280", "1", "2", "0.5", "1.5", "10", "1.2", "4"),
    ),
    ib.bar_update(
        ib_wire.request_id(Channel.CANDLE, 0), 4, "1795190340", "1", "1.5", "2", "0.5", "1.2", "10"
    ),
    ib.error(ib_wire.request_id(Channel.BOOK, 0), 317, "Market depth data has been RESET"),
    *(ib.error(-1, code, "Connectivity between IB and TWS has been lost") for code in (1100, 1102)),
    ib.open_order(3, 77),
    *(ib.status(3, 77, state, "0", "20000") for state in ("Submitted", "Cancelled", "Filled")),
    *(ib.execution("0001", 77), ib.commission("0001"), ib.executions_end(9)),
]
OKX_MORE = [
    *(okx.whole(3), okx.book(3, 4, [("99", "5")])),
    okx.orders(okx.order(tradeId="7", fillSz="1", fillPx="100", accFillSz="1")),
    b'{"rest":"/api/v5/public/instruments?instType=SWAP","data":' + okx.INSTRUMENTS + b"}",
]
KRAKEN_MORE = [
    *(kraken.trades(5), kraken.trades(6, 7), kraken.bar("28", 63297.7)),
    kraken.book(
        "snapshot", [("1.0", "2.0")], [("3.0", "4.0")], both({"1.0": "2.0"}, {"3.0": "4.0"})
    ),
]
KRAKEN_FUTURE_MORE = [
    *(kraken_future.trade(7), kraken_future.trade_snapshot(5, 6), kraken_future.order(9, 1, "x")),
    kraken_future.order(0.0, 304.0, "full_fill", True),
    kraken_future.order_snapshot(kraken_future.an_order(3, 1)),
    kraken_future.book_snapshot(1, [(99, 1)], [(101, 1)]),
    kraken_future.level(2, "buy", 98, 1),
]
COINBASE_MORE = [
    coinbase.book(5, "snapshot", [(98, 1)], [(102, 1)]),
    *(coinbase.candles(6, (600, 5)), coinbase.ack(1, level2=["BTC-USD"], ticker=["BTC-USD"])),
    coinbase.user(7, "snapshot", coinbase.order(cumulative_quantity="1", avg_price="5")),
    coinbase.user(8, "update", coinbase.order(cumulative_quantity="2", status="FILLED")),
]
EXCHANGE_FEED = {"feed": "exchange"}

CORPORA = [
    Corpus(
        "binance",
        "binance_spot",
        binance,
        of_binances(Exchange.BINANCE),
        lambda: decoder("binance", ["btc/usdt"], ["book"]),
        lambda: of_binance(binance.SPOT),
    ),
    Corpus(
        "binance_future",
        "binance_usdm",
        binance,
        of_binances(Exchange.BINANCE_FUTURE),
        lambda: decoder("binance_future", ["btc/usdt"], ["book"]),
        lambda: of_binance(binance.USDM),
    ),
    Corpus(
        "kraken",
        "kraken",
        kraken,
        of_all("kraken", ["btc/usd", "eth/usd"], PUBLIC),
        lambda: decoder("kraken", ["btc/usd"], ["book"]),
        of_kraken,
        KRAKEN_MORE,
    ),
    Corpus(
        "kraken_future",
        "kraken_futures",
        kraken_future,
        of_all("kraken_future", ["btc/usd", "eth/usd"], PUBLIC[:3]),
        lambda: decoder("kraken_future", ["eth/usd"], ["book"], product_prefix="PI_"),
        of_kraken_future,
        KRAKEN_FUTURE_MORE,
    ),
    Corpus(
        "coinbase",
        "coinbase",
        coinbase,
        of_all("coinbase", ["btc/usd"], PUBLIC),
        lambda: decoder("coinbase", ["btc/usd"], ["book"]),
        of_coinbase,
        COINBASE_MORE,
    ),
    Corpus(
        "coinbase, its Exchange feed",
        "coinbase",
        coinbase,
        lambda: [decoder("coinbase", ["btc/usd", "band/gbp"], PUBLIC[:3], feed="exchange")],
        lambda: decoder("coinbase", ["btc/usd"], ["book"], feed="exchange"),
        of_the_exchange_feed,
    ),
    Corpus(
        "okx",
        "okx",
        okx,
        of_all("okx", ["btc/usdt"], PUBLIC),
        lambda: decoder("okx", ["btc/usdt"], ["book"]),
        of_okx("BTC-USDT"),
        OKX_MORE,
    ),
    Corpus(
        "okx, with checksums",
        "okx",
        okx,
        of_all("okx", ["btc/usdt"], PUBLIC),
        lambda: decoder("okx", ["btc/usdt"], ["book"]),
        of_okx_with_checksums,
        OKX_MORE,
    ),
    Corpus(
        "okx_swap",
        "okx",
        okx,
        of_all("okx_swap", ["btc/usdt"], PUBLIC),
        lambda: decoder("okx_swap", ["btc/usdt"], ["book"], contract_values={"btc/usdt": "0.01"}),
        of_okx("BTC-USDT-SWAP"),
        OKX_MORE,
    ),
    Corpus(
        "ib",
        "ib",
        ib,
        of_all("ib", ["eur/usd"], ("ticker", "book", "candle")),
        lambda: decoder("ib", ["eur/usd"], ["book"]),
        of_ib,
        IB_MORE,
    ),
]
