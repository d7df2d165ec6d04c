"""The page's code, as it is written there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "testing_robots.md").read_text(), re.S)


@pytest.mark.parametrize("block", BLOCKS, ids=["robots", "strategies"])
def test_the_tests_on_the_page_pass(block, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples")
    monkeypatch.chdir(ROOT)
    written: dict = {}
    exec(compile(block, "testing_robots.md", "exec"), written)  # the page's own code
    tests = [value for name, value in written.items() if name.startswith("test_")]
    assert tests
    for test in tests:
        test()
