"""What the changes of a session's orders add up to."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from tests.orders.sample import order

from millstream.analysis.lives import Lives
from millstream.model import CurrencyPair, Exchange, Liquidity, MyTrade, Side


def fill(revision, side, fee, currency):
    return MyTrade(
        revision, Exchange.BINANCE, CurrencyPair.BTC_USDT, "ann", f"o{revision}", f"t{revision}",
        side, Decimal(100), Decimal("0.5"), Decimal(fee), currency, Liquidity.TAKER, 1, revision,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("currency", "positions"),
    [("BTC", ["0.499", "-0.002"]), ("USDT", ["0.5", "0"]), ("BNB", ["0.5", "0"])],
)
def test_a_fee_in_base_currency_is_no_part_of_the_position(currency, positions):
    lives = Lives()
    for revision in (1, 3):
        lives.change(msgspec.structs.replace(order(f"o{revision + 1}"), revision=revision), None)
    lives.change(fill(2, Side.BUY, "0.001", currency), None)
    lives.change(fill(4, Side.SELL, "0.001", currency), None)
    booked = [life.fills[0].position for life in lives.lives()]
    assert booked == [Decimal(position) for position in positions]
