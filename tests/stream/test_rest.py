"""GET against a real server on loopback."""

import asyncio

import pytest
from tests.stream.loopback import rest

from millstream.errors import StreamError
from millstream.stream.rest import get


def test_the_body_of_an_answer_is_returned():
    with rest(lambda path: (200, path.encode())) as host:
        assert asyncio.run(get(f"{host}/api?symbol=X")) == b"/api?symbol=X"


@pytest.mark.parametrize("status", [404, 429, 503])
def test_another_status_is_one_clear_error_without_the_query(status):
    with (
        rest(lambda path: (status, b"{}")) as host,
        pytest.raises(StreamError, match=f"/api answered {status}") as error,
    ):
        asyncio.run(get(f"{host}/api?key=secret"))
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "/no/host", "ftp://127.0.0.1/x"])
def test_an_address_that_does_not_answer_is_one_clear_error(url):
    with pytest.raises(StreamError, match="cannot re"):
        asyncio.run(get(url))
