from __future__ import annotations

import json

import msgspec
import pytest

from millstream.errors import ConfigError
from millstream.service.configuration import is_services, parse_services, read_setting

API = {"exchange": "binance", "api_key": "k", "api_secret": "s3cret"}
STREAM = {
    "exchange": "binance",
    "currency_pairs": ["btc/usdt"],
    "subscribe_channels": ["ticker"],
}


class Own(msgspec.Struct):
    volume: float
    tick: float = 0.01


def setting(own=None, **values):
    return read_setting(values, own, "s.json: service.mm.setting")


def refusal(own=None, **values):
    with pytest.raises(ConfigError) as caught:
        setting(own, **values)
    sentence = str(caught.value)
    assert sentence.startswith("s.json: service.mm.setting")
    return sentence.removeprefix("s.json: service.mm.setting")


def test_a_file_of_services_is_known_by_its_keys():
    assert is_services({"modules": [], "service.mm": {}})
    assert not is_services({"robots": [], "streams": []})
    assert not is_services([])


def test_the_services_of_a_file_with_comments_and_the_environments_secrets():
    text = json.dumps({"service.mm-1": {"class_name": "MM", "setting": {"apis": [API]}}}, indent=1)
    variable = "MILLSTREAM__SERVICE_MM_1__SETTING__APIS__0__API_KEY"
    read = parse_services(text + "// end", "s.json", {variable: "from outside"})
    (section,) = read.services.values()
    assert list(read.services) == ["mm-1"]
    assert section.class_name == "MM"
    assert section.setting["apis"][0]["api_key"] == "from outside"


def test_a_services_own_keys_become_its_settings():
    shared, own = setting(Own, volume=2, on_error="restart")
    assert own == Own(2.0, 0.01)
    assert shared.on_error == "restart"


def test_secrets_are_shown_nowhere():
    text = json.dumps(
        {"service.mm": {"class_name": "MM", "setting": {"apis": [API], "streams": [STREAM | API]}}}
    )
    read = parse_services(text, "s.json", {})
    shared, _ = setting(apis=[API], streams=[STREAM | API])
    assert "s3cret" not in repr(read) + repr(shared)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([], 'expected an object with keys like "service.mm_demo"'),
        ({}, "there is no service in it"),
        ({"service.mm": {}}, 'service.mm: the key "class_name" is missing'),
        ({"service.m m": {"class_name": "M"}}, "a service's name has letters, digits"),
        ({"mm": {}, "service.a": {"class_name": "A"}}, 'Write "service.mm" for a service.'),
        ({"module": [], "service.a": {"class_name": "A"}}, 'Did you mean "modules"?'),
        ({"service.a": {"class_name": 1}}, "service.a.class_name: expected `str`, got `int`"),
        ({"service.a": {"class_name": "A", "settings": {}}}, 'Did you mean "setting"?'),
    ],
)
def test_a_wrong_file_is_one_sentence_with_the_path_of_the_key(values, sentence):
    with pytest.raises(ConfigError) as caught:
        parse_services(json.dumps(values), "s.json", {})
    assert str(caught.value).startswith("s.json: ")
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"streams": [STREAM | {"exchange": "binanse"}]}, '.streams[0].exchange: "binanse"'),
        (
            {"streams": [STREAM | {"currency_pairs": ["btc/usdt", "btc-"]}]},
            '.streams[0].currency_pairs[1]: "btc-"',
        ),
        (
            {"streams": [STREAM | {"subscribe_channels": ["tickers"]}]},
            '.streams[0].subscribe_channels[0]: "tickers" is not a known channel; accepted: ticker',
        ),
        (
            {"streams": [STREAM | {"subscribe_channels": ["my_order"]}]},
            '.streams[0].subscribe_channels[0]: "my_order" is private; add {"exchange": "binance"',
        ),
        ({"streams": [STREAM, STREAM]}, ".streams[1]: binance ticker BTC/USDT is in streams[0]"),
        (
            {
                "apis": [{"exchange": "binance"}],
                "streams": [STREAM | {"subscribe_channels": ["my_order"]}],
            },
            '.apis[0].api_key: is empty; "my_order" is private and needs it, here or in the '
            "environment as MILLSTREAM__SERVICE_MM__SETTING__APIS__0__API_KEY",
        ),
        ({"streams": [STREAM | {"currency_pairs": []}]}, ".streams[0].currency_pairs: is empty"),
        ({"streams": [STREAM | {"api_host": "localhost"}]}, '.streams[0].api_host: "localhost"'),
        ({"ipc_publisher": True}, ".ipc_publisher: there are no streams to publish"),
        ({"streams": {}}, ".streams: expected `array`, got `object`"),
        ({"strems": []}, ': there is no key "strems". Did you mean "streams"?'),
        ({"apis": [API, API]}, ".apis[1]: binance is there twice"),
        ({"apis": [{"exchange": "mtgox"}]}, '.apis[0].exchange: "mtgox"'),
        ({"apis": [API | {"api_keys": "k"}]}, '.apis[0]: there is no key "api_keys"'),
        ({"ws_apis": []}, ".ws_apis: there are no orders by websocket"),
        (
            {"ipc_subscribers": [{"exchange": "binance", "channel": "news"}]},
            '.ipc_subscribers[0].channel: "news"',
        ),
        ({"ipc_publisher": ["book"], "streams": [STREAM]}, ".ipc_publisher[0]: no stream"),
        ({"ipc_command_subscribers": ["a"]}, ".ipc_command_subscribers: commands are addressed"),
        ({"on_error": "ignore"}, ".on_error: invalid enum value 'ignore'"),
        ({"speed": 1}, ': there is no key "speed". Keys of a service\'s own are declared'),
    ],
)
def test_a_wrong_setting_is_one_sentence_with_the_path_of_the_key(values, sentence):
    said = refusal(**values)
    assert sentence in said
    assert "\n" not in said


def test_own_keys_are_checked_as_the_others_are():
    assert ': the key "volume" is missing' in refusal(Own)
    assert ".volume: expected `float`" in refusal(Own, volume="much")
    assert 'Did you mean "volume"?' in refusal(Own, volumes=1)


def test_own_keys_cannot_take_the_place_of_others():
    class Taken(msgspec.Struct):
        streams: int = 0

    assert 'cannot have the key "streams"' in refusal(Taken)
    assert "has to be a msgspec.Struct" in refusal(dict)


def test_one_pair_may_come_twice_when_what_is_asked_differs():
    candles = STREAM | {"subscribe_channels": ["candle"]}
    minutes = candles | {"subscribe_args": {"candle_interval": "1m"}}
    hours = candles | {"subscribe_args": {"candle_interval": "1h"}}
    shared, _ = setting(streams=[minutes, hours])
    assert len(shared.streams) == 2
