from __future__ import annotations

import pytest

from millstream.errors import ConfigError
from millstream.model import Exchange
from millstream.service.api import ExchangeAPI

API = ExchangeAPI(Exchange.KRAKEN, "the-key", "the-secret", {"passphrase": "the-word"})


def test_it_carries_an_accounts_credentials_and_shows_them_nowhere():
    assert (API.api_key, API.api_secret) == ("the-key", "the-secret")
    assert repr(API) == "ExchangeAPI(kraken, with a key)"


def test_a_call_it_has_not_is_told_in_a_sentence():
    with pytest.raises(ConfigError, match=r"kraken_api.place_order: REST calls come with live"):
        API.place_order("btc/usd")
    assert not hasattr(API, "place_order")
