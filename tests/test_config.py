from __future__ import annotations

import json
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millstream.config import load_config, parse_config, without_comments, without_secrets
from millstream.errors import ConfigError
from millstream.settings import check_address

GOOD = """{
    // a comment
    "robots": [
        {"name": "q", "robot": "millstream.demo.quoter:Quoter", "markets": ["binance@btc/usdt"]},
    ],
    "streams": [
        {
            "exchange": "binance", // "api_key": "not this"
            "currency_pairs": ["btc/usdt"],
            "subscribe_channels": ["ticker"],
            "api_host": "ws://127.0.0.1:9443"
        }
    ],
    // "seed": 5
}"""

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def read(text, environment=None):
    return parse_config(text, "bot.json", environment or {})


def refusal(text, environment=None):
    with pytest.raises(ConfigError) as caught:
        read(text, environment)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_comments_and_trailing_commas_are_read_over():
    config = read(GOOD)
    assert config.streams[0].api_host == "ws://127.0.0.1:9443"
    assert config.streams[0].api_key == ""
    assert config.seed == 1


@given(JSON)
def test_what_is_plain_json_is_left_as_it_is(value):
    text = json.dumps(value)
    assert json.loads(without_comments(text)) == value


def test_blanking_comments_moves_nothing():
    assert len(without_comments(GOOD)) == len(GOOD)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('"robots"', '"robot"', 'the top level: there is no key "robot". Did you mean "robots"?'),
        ('"name"', '"nme"', 'robots[0]: there is no key "nme". Did you mean "name"?'),
        ('"name": "q", ', "", 'robots[0]: the key "name" is missing'),
        ('"name": "q"', '"name": 3', "robots[0].name: expected `str`, got `int`"),
        ('["binance@btc/usdt"]', "[]", "robots[0].markets: expected `array` of length >= 1"),
        ('"exchange"', "exchange", "line 8, column 13: is not JSON: object keys must be strings"),
    ],
)  # fmt: skip
def test_each_mistake_is_one_sentence_with_the_path_of_its_key(old, new, sentence):
    assert refusal(GOOD.replace(old, new)) == f"bot.json: {sentence}"


def test_an_empty_file_is_not_a_configuration():
    assert refusal("") == "bot.json: is empty; begin with: millstream new-config"


@pytest.mark.parametrize(
    ("cut", "place", "open_there"),
    [
        ('{\n"robots": [\n', "line 2, column 12", "robots[0]"),
        ('{"robots": [{"name": "}]}"}, // ]}\n', "line 1, column 35", "robots[1]"),
        ('{"robots": [{"name": "q", "markets": ["bin', "line 1, column 43",
         "robots[0].markets[0]"),
        ('{"robots": [], "ri', "line 1, column 19", "the top level"),
        ("{", "line 1, column 2", "the top level"),
    ],
)  # fmt: skip
def test_a_file_that_was_cut_says_where_it_ends(cut, place, open_there):
    assert refusal(cut) == (
        f"bot.json: {place}: is not JSON: it ends in {open_there}, before that is closed"
    )


@given(st.integers(1, len(GOOD.rstrip()) - 1))
def test_a_file_that_was_cut_anywhere_is_one_sentence_with_line_and_column(length):
    assert re.match(r"bot\.json: line \d+, column \d+: is not JSON: ", refusal(GOOD[:length]))


def test_the_mark_that_some_editors_begin_a_file_with_is_no_mistake(tmp_path):
    (tmp_path / "bot.json").write_text(GOOD, encoding="utf-8-sig")
    assert load_config(tmp_path / "bot.json", {}) == read(GOOD)


@pytest.mark.parametrize(
    "url",
    ["wz://x", "127.0.0.1:9100", "ws://", "ws://h:99999", "ws://[::1", "http://h", "ws://h:0"],
)
def test_an_address_that_nothing_could_connect_to_is_refused(url):
    with pytest.raises(ConfigError, match=r"is not an address; write it like .ws://127\.0"):
        check_address("api_host", url, ("ws", "wss"))


def test_a_refused_address_shows_no_password():
    with pytest.raises(ConfigError) as told:
        check_address("api_host", "wx://ann:geheim@host", ("ws", "wss"))
    assert str(told.value).startswith('api_host: "wx://host" is not an address')


@pytest.mark.parametrize("url", ["ws://127.0.0.1:9000", "wss://host/path", "ws://[::1]:9000"])
def test_an_address_is_taken(url):
    check_address("api_host", url, ("ws", "wss"))


def test_a_secret_comes_from_the_environment():
    config = read(GOOD, {"MILLSTREAM__STREAMS__0__API_SECRET": "s3cret", "HOME": "/root"})
    assert config.streams[0].api_secret == "s3cret"


def test_a_number_comes_from_the_environment_too():
    config = read(GOOD, {"MILLSTREAM__RISK__MAX_ORDER_NOTIONAL": "12.50"})
    assert config.risk.max_order_notional == Decimal("12.50")


def test_an_environment_variable_for_nothing_is_named():
    said = refusal(GOOD, {"MILLSTREAM__STREAMS__7__API_KEY": "k"})
    assert said == 'MILLSTREAM__STREAMS__7__API_KEY: the configuration has no "7" there'


def test_secrets_do_not_go_where_the_configuration_is_journaled():
    config = read(GOOD, {"MILLSTREAM__STREAMS__0__API_SECRET": "s3cret"})
    plain = without_secrets(config)
    assert "s3cret" not in json.dumps(plain, default=str)
    assert plain["streams"][0]["exchange"] == "binance"


def test_a_file_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(ConfigError, match=r"nothing\.json: there is no such file"):
        load_config(tmp_path / "nothing.json")


def test_a_file_that_is_not_text_is_said_so(tmp_path):
    path = tmp_path / "bot.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not text in UTF-8"):
        load_config(path)


def test_a_folder_is_no_configuration(tmp_path):
    with pytest.raises(ConfigError, match="is a folder; name a file in it"):
        load_config(tmp_path)


def test_a_password_in_an_address_is_no_part_of_a_journal():
    address = "mongodb://ann:s3cret@h1,h2/fleet?replicaSet=rs0"
    config = read(GOOD.replace("{", f'{{"order_store": "{address}",', 1))
    assert without_secrets(config)["order_store"] == "mongodb://h1,h2/fleet?replicaSet=rs0"
