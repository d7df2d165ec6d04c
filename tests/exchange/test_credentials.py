"""Keys are checked in words, shown nowhere, and used one at a time."""

import asyncio

import pytest

from millstream.errors import ConfigError
from millstream.exchange.credentials import Credentials, key_lock


@pytest.mark.parametrize("show", [repr, str, "{}".format])
def test_no_secret_is_ever_shown(show):
    assert show(Credentials("KEY", "SECRET", {"passphrase": "PHRASE"})) == "Credentials(...)"


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("key", "secret"), "needs api_key and api_secret, which are empty"),
        (("passphrase",), r'needs api_auth_data\["passphrase"\], which is empty'),
    ],
)
def test_a_missing_key_is_named(names, words):
    with pytest.raises(ConfigError, match=words):
        Credentials().check(*names)


def test_what_is_there_passes():
    Credentials("k", "s", {"passphrase": "p"}).check("key", "secret", "passphrase")


@pytest.mark.parametrize("data", [{"passphrase": "p"}, "p"])
def test_a_passphrase_may_be_given_alone_or_by_name(data):
    assert Credentials.of("k", "s", data).extra == {"passphrase": "p"}


@pytest.mark.parametrize("data", [None, "", {}])
def test_no_data_is_nothing(data):
    assert Credentials.of("k", "s", data) == Credentials("k", "s")


def test_a_key_is_used_by_one_at_a_time_and_another_key_beside_it():
    async def main():
        assert key_lock("a") is key_lock("a")
        async with key_lock("a"):
            assert key_lock("a").locked()
            assert not key_lock("b").locked()
        return key_lock("a")

    assert asyncio.run(main()) is not asyncio.run(main())
