from __future__ import annotations

import pytest

from millstream.errors import UnknownName
from millstream.model import CurrencyPair


@pytest.mark.parametrize("text", ["btc/usdt", "BTC_USDT", "Btc-Usdt", " btc/usdt "])
def test_a_pair_reads_in_every_spelling_people_use(text):
    assert CurrencyPair.parse(text) == CurrencyPair.BTC_USDT


@pytest.mark.parametrize("text", ["", "btc", "btcusdt", "btc/", "/usdt", "btc/usdt/x", "b tc/usdt"])
def test_what_is_no_pair_is_refused_with_an_example(text):
    with pytest.raises(UnknownName, match='write base/quote, like "btc/usdt"'):
        CurrencyPair.parse(text)


def test_pairs_are_an_open_set():
    pair = CurrencyPair.parse("pepe/try")
    assert (pair.base, pair.quote, str(pair)) == ("PEPE", "TRY", "PEPE/TRY")


def test_the_named_pairs_are_what_their_names_say():
    assert CurrencyPair.BTC_USD == CurrencyPair("BTC", "USD")
    assert CurrencyPair.USDT_USDC == CurrencyPair("USDT", "USDC")


def test_a_pair_is_a_key():
    assert {CurrencyPair.parse("btc/usdt"): 1}[CurrencyPair("BTC", "USDT")] == 1
