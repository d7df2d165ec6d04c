"""The producer and the consumer of the example: the seeds' strategies, in two real processes."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from millstream.journal import Journal, Kind
from millstream.model import FrameUpdate, ProducerState
from millstream.model.codec import decode_events
from millstream.settings import without_comments

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "producer_consumer"
SEEDS = ROOT.parent / "shared" / "seeds"
FILES = {"ProducerStrategy": "producer_strategy.py", "ConsumerStrategy": "consumer_strategy.py"}
LEFT_OUT = {"timeframe", "minimal_roi", "stoploss", "startup_candle_count", "buy_rsi"}  # "#..."


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The example's one command, until the consumer has closed a trade."""
    out = tmp_path_factory.mktemp("example")
    arguments = ["--out", out, "--trades", "1", "--candle-every", "0.03", "--seconds", "60"]
    done = subprocess.run(
        [sys.executable, EXAMPLE / "run.py", *arguments],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return out, done


def told(folder):
    for block in Journal.open(folder / "journal").blocks():
        if block.kind is Kind.EVENTS:
            yield from decode_events(block.body)


def test_the_consumer_trades_on_the_producers_indicators_and_replays_without_it(ran):
    out, done = ran
    assert "the producer is gone\n" in done.stdout
    assert "EQUAL: every order, timer, log line and state is the same" in done.stdout
    assert re.search(r"consumerstrategy: \w+/USDT: left with \+", done.stdout)
    entered = [
        set(
            re.findall(r"(\w+/USDT: enters long, \S+ at \S+)", (out / name / "log.txt").read_text())
        )
        for name in ("producer", "consumer")
    ]
    assert entered[1]
    assert entered[1] <= entered[0]  # the same conditions: what it buys, the producer bought


def test_the_consumers_journal_replays_alone_in_another_folder(ran, tmp_path):
    out, _ = ran
    shutil.copytree(out / "consumer", tmp_path / "elsewhere")
    done = subprocess.run(
        [sys.executable, "-m", "millstream", "replay", tmp_path / "elsewhere"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "EQUAL" in done.stdout


def test_what_the_consumer_consumed_is_in_its_journal_and_no_secret_is(ran):
    out, done = ran
    events = list(told(out / "consumer"))
    assert sum(isinstance(event, FrameUpdate) for event in events) > 5
    states = [event.state for event in events if isinstance(event, ProducerState)]
    assert "connected" in states
    assert states[-1] == "disconnected"
    for path in out.rglob("*"):
        if path.is_file():
            raw = path.read_bytes()
            assert b"sercet_Ws_t0ken" not in raw, path
            assert b"SuperSecurePassword" not in raw, path
    assert "sercet_Ws_t0ken" not in done.stdout + done.stderr


@pytest.mark.skipif(not SEEDS.exists(), reason="the pages are not here")
@pytest.mark.parametrize("page", ["000", "001"])
@pytest.mark.parametrize("name", FILES)
def test_the_strategies_are_those_of_the_pages(page, name):
    text = next(SEEDS.glob(f"{page}_*.txt")).read_text()
    blocks = re.findall(r"```py(?:thon)?\n(.*?)```", text, re.DOTALL)
    theirs = next(block for block in blocks if block.startswith(f"class {name}("))
    assert code(theirs, name) == code((EXAMPLE / FILES[name]).read_text(), name)


def code(text, name):
    """What a class does: without comments, docstrings, and what the pages leave out."""
    tree = next(
        node
        for node in ast.parse(text).body
        if isinstance(node, ast.ClassDef) and node.name == name
    )
    kept = []
    for node in tree.body:
        if isinstance(node, ast.Assign) and node.targets[0].id in LEFT_OUT:
            continue
        if isinstance(node, ast.FunctionDef):
            assert isinstance(node.body[0], ast.Expr)  # its docstring
            node.body = node.body[1:]
        kept.append(ast.dump(node))
    return kept


@pytest.mark.skipif(not SEEDS.exists(), reason="the pages are not here")
@pytest.mark.parametrize("page", ["000", "001"])
def test_the_consumers_configuration_has_the_pages_section(page):
    text = next(SEEDS.glob(f"{page}_*.txt")).read_text()
    theirs = json.loads(without_comments(re.search(r"```json\n(.*?)```", text, re.DOTALL)[1]))
    ours = json.loads(without_comments((EXAMPLE / "consumer.json").read_text()))
    section = ours["external_message_consumer"]
    assert section.pop("sleep_time") == 1
    assert section == theirs["external_message_consumer"]


def test_the_candles_are_made_not_shipped():
    assert not list(EXAMPLE.rglob("*.feather"))
    assert os.access(EXAMPLE / "make_candles.py", os.R_OK)
