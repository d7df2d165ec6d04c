"""HTTP against a real server on loopback."""

import asyncio
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from tests.stream.loopback import rest

from millstream.errors import StreamError
from millstream.stream.rest import get, request


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


def test_a_request_carries_method_headers_and_body():
    with asking() as (host, asked):
        assert asyncio.run(request("POST", f"{host}/x", headers={"K": "v"}, body=b"a=1")) == b"ok"
    assert asked == [("POST", "v", b"a=1")]


def test_a_refusal_shows_the_answer_and_neither_headers_nor_query():
    answer = b"bad nonce" + b"." * 500
    with (
        rest(lambda path: (400, answer)) as host,
        pytest.raises(StreamError, match=r"400.*: bad nonce") as error,
    ):
        asyncio.run(request("GET", f"{host}/x?sign=hidden", headers={"Key": "hidden"}))
    assert "hidden" not in str(error.value)
    assert len(str(error.value)) < 300


@contextmanager
def asking():
    """A server that remembers what it was asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append((self.command, self.headers["K"], body))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.handle_request, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        thread.join(10)
        server.server_close()
