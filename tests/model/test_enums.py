from __future__ import annotations

import pytest

from millstream.errors import UnknownName
from millstream.model import Channel, Exchange, Side


def test_names_read_in_any_case_and_print_in_lower_case():
    assert Exchange.parse("OKX_swap") is Exchange.OKX_SWAP
    assert str(Exchange.OKX_SWAP) == "okx_swap"
    assert Channel.parse("My_Trade") is Channel.MY_TRADE


def test_a_misspelt_name_gets_the_list_and_the_nearest():
    with pytest.raises(UnknownName, match=r'accepted: .*kraken_future.* Did you mean "kraken"\?'):
        Exchange.parse("krakn")
    with pytest.raises(UnknownName, match=r'accepted: ticker.* Did you mean "trade"\?'):
        Channel.parse("trades")


def test_channels_about_the_own_account_are_private():
    assert [channel.name for channel in Channel if channel.private] == [
        "MY_ORDER", "MY_TRADE", "MY_ORDER_BATCH",
    ]  # fmt: skip


def test_a_side_knows_its_sign_and_its_opposite():
    assert (Side.BUY.sign, Side.SELL.sign) == (1, -1)
    assert Side.BUY.opposite is Side.SELL
    assert Side.SELL.opposite is Side.BUY
