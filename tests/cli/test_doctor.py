"""`millstream doctor`: what is wrong is named with what to do, and no secret is shown."""

from __future__ import annotations

import json
import resource

import pytest
from tests.cli.test_cli import ROOT, config_file

from millstream.cli import run

SECRET = "Hush-Hush-42"


@pytest.fixture
def examined(capsys, tmp_path):
    """Run the doctor; returns (exit code, findings by what they are about)."""

    def examine(*arguments, out=tmp_path):
        code = run(["doctor", "--json", "--out", str(out), *map(str, arguments)])
        said = capsys.readouterr()
        assert SECRET not in said.out + said.err
        told = json.loads(said.out)
        assert code == (1 if told["problems"] else 0)
        found = {each["about"]: each for each in told["findings"]}
        assert told["problems"] == sum(e["standing"] == "problem" for e in found.values())
        return code, found

    return examine


def standing(found, about):
    return found[about]["standing"], found[about]["found"]


def test_a_machine_is_told_line_by_line_and_nothing_is_left_on_it(examined, capsys, tmp_path):
    _, found = examined(out=tmp_path / "not" / "yet")
    for about in ("python", "packages", "sqlite", "clock", "file handles"):
        assert found[about]["standing"] == "ok", found[about]
    assert f"at {tmp_path}" in found["fdatasync"]["found"]
    assert list(tmp_path.iterdir()) == []
    run(["doctor", "--out", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("ok       python ") for line in lines)
    assert lines[-1] == "nothing is wrong" or lines[-1].endswith(("problem", "problems"))


def test_a_place_that_takes_no_file_is_a_problem(examined, tmp_path):
    (tmp_path / "file").write_text("")
    code, found = examined(out=tmp_path / "file")
    assert code == 1
    assert standing(found, "disk") == ("problem", f"{tmp_path}/file is no folder")
    assert standing(examined(out="a" * 300)[1], "disk")[0] == "problem"
    code, found = examined(out="/proc/1/nothing")
    assert found["fdatasync"]["standing"] == "problem"


def test_few_file_handles_are_a_problem(examined):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    try:
        _, found = examined()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert standing(found, "file handles") == ("problem", "512 at once")
    assert "ulimit -n 4096" in found["file handles"]["advice"]


def test_a_package_that_is_too_old_is_named_with_what_is_needed(examined, tmp_path, monkeypatch):
    for name in ("msgspec", "ccxt"):
        old = tmp_path / "site" / f"{name}-0.9.1.dist-info"
        old.mkdir(parents=True)
        (old / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.9.1\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    _, found = examined()
    assert standing(found, "packages") == ("problem", "msgspec is 0.9.1, 0.22 is needed")
    assert found["packages"]["advice"] == 'pip install --upgrade "millstream"'
    assert standing(found, "extra live") == ("note", "ccxt is 0.9.1, 4.5 is needed")
    assert 'pip install --upgrade "millstream[live]"' in found["extra live"]["advice"]


def test_a_sound_configuration_has_no_problem(examined, tmp_path):
    _, found = examined(config_file(tmp_path))
    assert standing(found, "robots")[0] == "ok"
    assert standing(found, "gateway") == ("ok", "paper: nothing is sent to a venue")
    assert standing(found, "keys")[0] == "ok"
    assert "secrets" not in found
    assert standing(found, "order store") == ("ok", "SQLite, the session's folder/orders.sqlite")


@pytest.mark.parametrize(
    ("change", "about", "sentence"),
    [
        (("seeed", 1), "configuration", 'no key "seeed". Did you mean "seed"?'),
        (("robots", 0, "robot", "no.such:Robot"), "robots", "cannot import robot"),
        (("robots", 0, "parameters", {"volum": 1}), "robots", 'Did you mean "volume"?'),
        (("gateway", {"kind": "live", "exchange": "binance"}), "gateway", "api_secret is not set"),
        (("gateway", {"kind": "live", "exchange": "foo", "api_key": "k", "api_secret": "s"}),
         "gateway", '"foo" is not a known exchange'),
        (("gateway", {"kind": "simulator", "exchange": "okx", "api_key": "k", "api_secret": "s"}),
         "gateway", "needs one, like"),
        (("bus", {"robo": "ipc:///tmp/" + "x" * 120}), "sockets", "bus.robo: longer than the 107"),
        (("bus", {"keys": "/no/such/keys"}), "bus.keys", "/no/such/keys"),
        (("order_store", "postgres:x"), "order store", '"postgres:x" is not "sqlite:FILE"'),
        (("order_store", f"u:{SECRET}@host/db"), "order store", '"host/db" is not "sqlite:FILE"'),
        (("order_store", "mongodb://u:Hush-Hush-42@127.0.0.1:1/o?replicaSet=r&w=1"),
         "order store", "w"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_configuration_is_named(examined, tmp_path, change, about, sentence):
    code, found = examined(config_file(tmp_path, *change))
    assert code == 1
    assert found[about]["standing"] == "problem"
    assert sentence in found[about]["found"]


def test_what_a_robots_file_prints_is_none_of_the_findings(examined, tmp_path):
    (tmp_path / "loud.py").write_text(
        'from millstream import Robot\nprint("here I am")\nclass Loud(Robot): pass\n'
    )
    file = config_file(tmp_path, "robots", 0, "robot", f"{tmp_path}/loud.py:Loud")
    _, found = examined(file)
    assert "robots" in found


def test_a_configuration_that_is_not_there_is_a_problem(examined, tmp_path):
    _, found = examined(tmp_path / "no.json")
    assert standing(found, "configuration")[0] == "problem"


def test_keys_are_named_and_a_file_that_others_may_read_is_a_problem(
    examined, tmp_path, monkeypatch
):
    file = config_file(tmp_path, "gateway", {"kind": "live", "exchange": "binance",
                                             "api_key": SECRET, "api_secret": SECRET})  # fmt: skip
    file.chmod(0o640)
    _, found = examined(file)
    assert standing(found, "keys") == (
        "ok", "set: gateway.api_key (file), gateway.api_secret (file)",
    )  # fmt: skip
    assert standing(found, "secrets") == ("problem", f"others may read {file} (mode 640)")
    assert found["secrets"]["advice"] == f"chmod 600 {file}"
    assert standing(found, "gateway") == ("note", "live on binance: orders are real")
    file.chmod(0o600)
    _, found = examined(file)
    assert found["secrets"]["standing"] == "ok"
    file = config_file(tmp_path)
    file.chmod(0o644)
    monkeypatch.setenv("MILLSTREAM__STREAMS__0__API_SECRET", SECRET)
    _, found = examined(file)
    assert standing(found, "keys") == ("ok", "set: streams[0].api_secret (environment)")
    assert "secrets" not in found


def test_a_password_in_an_address_is_a_secret(examined, tmp_path):
    url = f"mongodb://user:{SECRET}@127.0.0.1:1/orders?replicaSet=r&w=1"
    file = config_file(tmp_path, "order_store", url)
    file.chmod(0o644)
    _, found = examined(file)
    assert standing(found, "keys") == ("ok", "set: order_store (file)")
    assert found["secrets"]["standing"] == "problem"


def test_services_and_strategies_are_read_too(examined):
    _, found = examined(ROOT / "examples" / "services" / "feed.json")
    assert standing(found, "configuration")[0] == "ok"
    _, found = examined(ROOT / "examples" / "producer_consumer" / "producer.json")
    assert "strategy ProducerStrategy on 2 pairs" in found["configuration"]["found"]
    assert found["robots"]["standing"] == "ok"


def test_the_keys_of_a_strategy_are_secrets_too_and_what_it_lacks_is_told_as_by_run(
    examined, tmp_path
):
    told = {"strategy": "S", "exchange": {"name": "binance", "key": SECRET, "secret": SECRET}}
    file = tmp_path / "strategy.json"
    file.write_text(json.dumps(told))
    _, found = examined(file)
    assert 'the key "stake_currency" is missing' in found["configuration"]["found"]
    (tmp_path / "S.py").write_text(
        "from millstream.strategy import IStrategy\nclass S(IStrategy):\n    timeframe = '5m'\n"
    )
    told["exchange"]["pair_whitelist"] = ["BTC/USDT"]
    told |= {"stake_currency": "USDT", "stake_amount": 10, "max_open_trades": 1, "dry_run": True}
    file.write_text(json.dumps(told))
    file.chmod(0o644)
    _, found = examined(file)
    assert standing(found, "keys") == ("ok", "set: exchange.key (file), exchange.secret (file)")
    assert standing(found, "secrets")[0] == "problem"
