"""Pairs to contracts and back."""

import pytest

from millstream.errors import ConfigError
from millstream.exchange.ib.contracts import ContractSettings, Pairs, contract_of, what_to_show
from millstream.model import CurrencyPair


@pytest.mark.parametrize(
    ("pair", "sec_type", "exchange", "shown"),
    [
        ("eur/usd", "CASH", "IDEALPRO", "MIDPOINT"),
        ("btc/usd", "CRYPTO", "PAXOS", "AGGTRADES"),
    ],
)
def test_currencies_and_coins_are_known(pair, sec_type, exchange, shown):
    contract = contract_of(CurrencyPair.parse(pair), {})
    assert (contract.sec_type, contract.exchange) == (sec_type, exchange)
    assert f"{contract.symbol}/{contract.currency}".lower() == pair
    assert what_to_show(contract) == shown


def test_a_stock_is_named_in_the_settings_and_the_rest_comes_of_its_pair():
    given = {"brkb/usd": ContractSettings(sec_type="STK", symbol="BRK B", primary_exchange="NYSE")}
    contract = contract_of(CurrencyPair.parse("brkb/usd"), given)
    assert (contract.symbol, contract.currency, contract.exchange) == ("BRK B", "USD", "SMART")
    assert what_to_show(contract) == "TRADES"


def test_a_pair_nobody_named_is_one_sentence_with_what_to_write():
    with pytest.raises(ConfigError, match=r'no contract for "AAPL/USD".*"aapl/usd".*"STK"'):
        contract_of(CurrencyPair.parse("aapl/usd"), {})


def test_the_contracts_of_own_orders_find_their_pair():
    pair = CurrencyPair.parse("brkb/usd")
    given = {"brkb/usd": ContractSettings(sec_type="STK", symbol="BRK B")}
    pairs = Pairs({pair: contract_of(pair, given)})
    assert pairs.find("STK", "BRK B", "USD", "BRK B") == pair
    assert str(pairs.find("STK", "AAPL", "USD", "AAPL")) == "AAPL/USD"
    assert str(pairs.find("FUT", "ES", "USD", "ESZ6")) == "ESZ6/USD"
    assert str(pairs.find("OPT", "AAPL", "USD", "AAPL  261218C00180000")) == (
        "AAPL261218C00180000/USD"
    )
