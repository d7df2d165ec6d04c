"""What a strategy author imports, and how fast."""

from __future__ import annotations

import subprocess
import sys

import millstream


def test_every_public_name_is_there():
    for name in millstream.__all__:
        assert getattr(millstream, name) is not None


def test_a_prompt_lists_every_public_name_before_it_is_used():
    program = "import millstream; print(*dir(millstream))"
    listed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    assert set(millstream.__all__) <= set(listed)


def test_a_name_that_is_not_there_is_an_attribute_error():
    assert not hasattr(millstream, "Robott")


def test_importing_millstream_opens_no_sockets_or_terminals():
    program = "import sys, millstream; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"zmq", "picows", "apsw", "rich", "asyncio", "starlette", "uvicorn"} & set(loaded)
