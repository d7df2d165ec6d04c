"""The configuration of a session that runs a freqtrade configuration."""

from __future__ import annotations

from msgspec.structs import replace

from millstream.config import Config
from millstream.strategy.configuration import StrategySession


def session_config(told: StrategySession, in_step: bool) -> Config:
    """What the rooms of the session are made from.

    in_step: the market waits for the session. Then nothing in it may depend on the clock: orders
    take effect at once, each candle is a turn of the loop, and no limit counts orders a second.
    """
    config = replace(
        told.config, api_server=told.api_server, external_message_consumer=told.consumer
    )
    if not in_step:
        return config
    robot = config.robots[0]
    parameters = robot.parameters | {"process_throttle_secs": 0.0}
    return replace(
        config,
        robots=[replace(robot, parameters=parameters)],
        paper=replace(config.paper, latency_ms=0),
        risk=replace(config.risk, max_orders_per_second=None),
    )
