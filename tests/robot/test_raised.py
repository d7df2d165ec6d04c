from __future__ import annotations

import pytest

from millstream.robot.raised import raised


class Mute(Exception):
    def __str__(self):
        raise KeyError


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
        (ValueError("<Robot object at 0x7f3a00> is odd"), "ValueError: <Robot object> is odd"),
        (ValueError("half a letter: \udc80"), "ValueError: half a letter: ?"),
        (Mute(), "Mute: it cannot say what"),
    ],
)
def test_what_was_raised_reads_the_same_in_every_process(error, text):
    assert raised(error) == text
