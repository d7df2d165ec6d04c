"""The two sections of shared frames."""

from __future__ import annotations

import msgspec
import pytest

from millstream.errors import ConfigError
from millstream.frames.settings import ApiServerSection, ConsumerSection, ProducerEntry

PRODUCER = {"name": "default", "host": "127.0.0.1", "port": 8080, "ws_token": "t"}
SECRET = "s" * 40


def test_the_defaults_are_those_of_the_documents():
    section = msgspec.convert({"enabled": True, "producers": [PRODUCER]}, ConsumerSection)
    assert (section.wait_timeout, section.ping_timeout, section.sleep_time) == (300, 10, 10)
    assert (section.initial_candle_limit, section.message_bytes) == (1500, 8 << 20)
    assert section.remove_entry_exit_signals is False
    assert section.producers[0].port == 8080
    assert section.producers[0].secure is False


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"producers": []}, "at least one producer"),
        ({"producers": [PRODUCER, PRODUCER]}, "more than one is named default"),
        ({"wait_timeout": -1}, "wait_timeout: is -1"),
        ({"initial_candle_limit": 1501}, "between 0 and 1500"),
        ({"message_size_limit": 0}, "between 1 and 20 MiB"),
        ({"producers": [PRODUCER | {"name": ""}]}, "has no name"),
        ({"producers": [PRODUCER | {"port": 0}]}, "port: is 0"),
        ({"producers": [PRODUCER | {"host": "ws://x"}]}, "without ws://"),
        ({"producers": [PRODUCER | {"ws_token": ""}]}, "ws_token is empty"),
        ({"producers": [PRODUCER | {"max_age": "soon"}]}, "max_age: .* not a duration"),
    ],
)
def test_a_wrong_value_of_a_consumer_is_one_sentence(change, sentence):
    values = {"enabled": True, "producers": [PRODUCER]} | change
    with pytest.raises(ConfigError, match=sentence) as caught:
        msgspec.convert(values, ConsumerSection)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"listen_port": 80}, "between 1024 and 65535"),
        ({"listen_ip_address": "localhost"}, "not an IP address"),
        ({"jwt_secret_key": "short"}, "at least 32"),
        ({"verbosity": "loud"}, '"error" or "info"'),
        ({"key_file": "x.pem"}, "both certificate_file and key_file"),
        ({"ws_token": ["a", ""]}, "no token"),
        ({"ws_token": "a", "read_only_token": "a"}, "must differ"),
        ({"listen_ip_address": "0.0.0.0", "ws_token": "t"}, "without TLS"),
        (
            {"listen_ip_address": "::", "certificate_file": "c", "key_file": "k"},
            "without a token",
        ),
    ],
)
def test_a_wrong_value_of_a_server_is_one_sentence(change, sentence):
    with pytest.raises(ConfigError, match=sentence) as caught:
        msgspec.convert({"enabled": True} | change, ApiServerSection)
    assert "\n" not in str(caught.value)


def test_a_public_address_is_served_with_tls_and_a_token_or_when_told_so():
    public = {"enabled": True, "listen_ip_address": "0.0.0.0"}
    tls = {"certificate_file": "c", "key_file": "k", "ws_token": "t"}
    assert msgspec.convert(public | tls, ApiServerSection).tokens == ("t",)
    assert msgspec.convert(public | {"allow_public": True}, ApiServerSection)


def test_secrets_are_in_no_repr():
    server = ApiServerSection(enabled=True, ws_token="hush-hush", jwt_secret_key=SECRET)
    entry = ProducerEntry(name="a", host="b", ws_token="hush-hush")
    shown = f"{server!r} {entry!r} {ConsumerSection(producers=[entry])!r}"
    assert "hush" not in shown
    assert SECRET not in shown
