"""Shared frames in a session: who serves those of our robots, who follows those of other bots.

Dataframes are an extra: their rooms are imported only by a session that asks for them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from millstream import __version__
from millstream.config import Config, without_secrets
from millstream.errors import ConfigError
from millstream.model import Event
from millstream.session.learned import LearnedQueue

if TYPE_CHECKING:
    from millstream.frames.client import FrameClient
    from millstream.frames.server import FrameServer

_INSTALL = 'needs pandas and its friends: pip install "millstream[strategy]".'


def frame_server(config: Config) -> FrameServer | None:
    """The server of `api_server`; None when it is not enabled. Raises ConfigError."""
    section = config.api_server
    if not section.enabled:
        return None
    try:
        from millstream.frames.server import FrameServer
    except ImportError as error:
        raise ConfigError(f"api_server {_INSTALL} ({error})") from None
    told = config.robots[0].parameters
    return FrameServer(
        section,
        strategy=str(told.get("strategy", config.robots[0].name)),
        timeframe=str(told.get("timeframe", "5m")),
        candle_type="futures" if told.get("futures") else "spot",
        version=__version__,
        config=without_secrets(config),
    )


def frame_client(config: Config, publish: Callable[[Sequence[Event]], None]) -> FrameClient | None:
    """Who follows the producers of `external_message_consumer`; None when it is not enabled.

    publish: called on the event loop of the data thread. Raises ConfigError.
    """
    section = config.external_message_consumer
    if not section.enabled:
        return None
    try:
        from millstream.frames.client import FrameClient
    except ImportError as error:
        raise ConfigError(f"external_message_consumer {_INSTALL} ({error})") from None
    return FrameClient(section, publish)


def learned_queue(client: FrameClient | None) -> LearnedQueue:
    """Where what other bots tell waits for the robots."""
    return LearnedQueue(client.as_one if client is not None else lambda updates: updates[-1])
