"""A robot that takes its time, so that a queue grows in front of it."""

from __future__ import annotations

from millstream.robot import Robot


class Slow(Robot):
    def on_ticker(self, ticker):
        for _ in range(6_000):
            pass
