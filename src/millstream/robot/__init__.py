"""Decide: robots, the one loop that runs them, and what feeds it. Floor 1.

A robot sees one event at a time and answers with actions. It asks the world nothing: time, identity
and chance come in with the events, so the same events give the same answers, today or from a
journal.
"""

from millstream.durations import parse_duration
from millstream.robot.candles import CandleBuilder
from millstream.robot.group import RobotGroup
from millstream.robot.loop import control_stream, data_stream, robo_loop, trade_stream
from millstream.robot.market import Market
from millstream.robot.prices import round_down, round_up
from millstream.robot.robot import Robot
from millstream.robot.setup import RobotSetup

__all__ = [
    "CandleBuilder",
    "Market",
    "Robot",
    "RobotGroup",
    "RobotSetup",
    "control_stream",
    "data_stream",
    "parse_duration",
    "robo_loop",
    "round_down",
    "round_up",
    "trade_stream",
]
