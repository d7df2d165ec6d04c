"""What both feeds write alike."""

from millstream.exchange.coinbase.words import pair_of, product_id
from millstream.model import CurrencyPair


def test_a_spot_product_is_a_pair_and_a_future_is_none():
    assert pair_of(product_id(CurrencyPair.BTC_USD)) == CurrencyPair.BTC_USD
    assert pair_of("BTC-PERP-INTX") is None
    assert pair_of("BTC") is None
    assert pair_of("BTC-$") is None
