"""The threads of a session."""

from __future__ import annotations

import sys

from tests.test_app import config, exchange  # noqa: F401

from millstream.app import Session
from millstream.session.parts import Part


def test_a_thread_that_is_told_to_exit_does_not_end_without_a_word():
    part = Part("robots", sys.exit, "out")
    part.start()
    part.finish()
    assert part.error == "SystemExit: out"


def test_a_session_lets_no_robot_keep_the_interpreter_from_the_orders_for_long(exchange, tmp_path):  # noqa: F811
    before = sys.getswitchinterval()
    session = Session(config(exchange), tmp_path / "out")
    assert sys.getswitchinterval() <= 0.001
    session.close()
    assert sys.getswitchinterval() == before
