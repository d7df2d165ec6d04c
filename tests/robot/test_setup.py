from __future__ import annotations

from decimal import Decimal

import pytest

from millstream.demo.quoter import Quoter
from millstream.errors import ConfigError, UnknownName
from millstream.model import CurrencyPair, Exchange
from millstream.robot import Market
from millstream.robot.setup import parse_parameters


def test_a_market_is_an_exchange_and_a_pair():
    market = Market.parse("okx_swap@Eth/usdt")
    assert market == Market(Exchange.OKX_SWAP, CurrencyPair.ETH_USDT)
    assert str(market) == "okx_swap@eth/usdt"


@pytest.mark.parametrize("text", ["btc/usdt", "", "nowhere@btc/usdt", "okx@btc"])
def test_what_is_no_market_is_refused(text):
    with pytest.raises(UnknownName):
        Market.parse(text)


def test_parameters_are_typed_and_a_wrong_one_is_named():
    parameters = parse_parameters(
        Quoter, {"volume": "0.01", "tick": "0.01", "most_position": 1}, "robots[0].parameters"
    )
    assert parameters.volume == Decimal("0.01")
    with pytest.raises(ConfigError, match=r"robots\[0\]\.parameters.*`tick`"):
        parse_parameters(Quoter, {"volume": 1, "most_position": 1}, "robots[0].parameters")
    with pytest.raises(ConfigError, match=r'no key "volum".* Did you mean "volume"'):
        parse_parameters(
            Quoter,
            {"volum": 1, "volume": 1, "tick": 1, "most_position": 1},
            "robots[0].parameters",
        )
