"""Every venue that speaks by websocket, by its tongue. IB has a socket of its own (`ib/tws.py`)."""

from __future__ import annotations

from tests.exchange.scripted.binance import Binance
from tests.exchange.scripted.binance_future import BinanceFuture
from tests.exchange.scripted.coinbase import Coinbase
from tests.exchange.scripted.coinbase_exchange import CoinbaseExchange
from tests.exchange.scripted.kraken import Kraken
from tests.exchange.scripted.kraken_future import KrakenFuture
from tests.exchange.scripted.okx import Okx
from tests.exchange.scripted.okx_swap import OkxSwap

# Each frame that is lost shows by a number or a checksum.
TONGUES = (Binance, BinanceFuture, Kraken, KrakenFuture, Coinbase, Okx, OkxSwap)
EVERY_TONGUE = (*TONGUES, CoinbaseExchange)
