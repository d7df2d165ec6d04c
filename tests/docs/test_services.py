"""The page of services says every key, callback and call there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from millstream.bus import IPCCommandSystem, IPCPublisher
from millstream.service import ServiceBase
from millstream.service.base import CONSUMERS
from millstream.service.configuration import TOP_KEYS, ApiSection, Setting, SubscriberSection

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "services.md").read_text()
WRITTEN = [*CONSUMERS.values(), "on_setup", "on_stop", "on_command_failure", "run_once", "end"]
SENT = [name for name in vars(IPCPublisher) if name.startswith("send_")]
COMMANDS = ["send_command", "broadcast", "register_handler", "connect_to_process"]


@pytest.mark.parametrize(
    "key",
    [
        *TOP_KEYS,
        *Setting.__struct_fields__,
        *ApiSection.__struct_fields__,
        *SubscriberSection.__struct_fields__,
    ],
)
def test_it_says_every_key(key):
    assert f"`{key}`" in PAGE


@pytest.mark.parametrize("name", [*WRITTEN, *SENT, *COMMANDS])
def test_it_says_every_callback_and_call(name):
    kinds = ServiceBase, IPCPublisher, IPCCommandSystem
    assert any(callable(getattr(kind, name, None)) for kind in kinds)
    assert name in PAGE


def test_it_shows_the_example_as_it_is():
    assert (ROOT / "examples" / "services" / "mm_demo.py").read_text() in PAGE


def test_it_names_every_example():
    for path in (ROOT / "examples" / "services").iterdir():
        if path.suffix == ".json" or not path.with_suffix(".json").exists():
            assert f"`{path.name}`" in PAGE or path.name == "__pycache__", path.name
