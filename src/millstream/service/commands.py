"""What a service finds as `self.ipc_command`. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, Protocol

from millstream.errors import ConfigError


class Commands(Protocol):
    """Commands between processes."""

    async def start(self) -> None:
        """Send and serve from now on."""

    async def stop(self) -> None:
        """Let what is under way arrive, then close."""

    def register_handler(self, command_type: str, handler: Callable[[Any], Any]) -> None:
        """Call this with each command of this type."""

    async def send_command(
        self, target: str, command_type: str, payload: dict[str, Any] | None = None
    ) -> str:
        """Send to one process; returns the command's id."""

    async def broadcast(self, command_type: str, payload: dict[str, Any] | None = None) -> str:
        """Send to every process that listens to this one now."""

    async def connect_to_process(self, name: str) -> None:
        """Serve the commands of this process."""


class NoCommands:
    """In the place of `Commands` where the configuration gives the service no name. False."""

    def __bool__(self) -> bool:
        return False

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        raise NoCommandName(
            f"ipc_command.{name}: this service has no name to be addressed by; "
            "give it one in its setting: ipc_command_publisher"
        )


class NoCommandName(ConfigError, AttributeError):
    """A service that sends or serves commands, and has no name for it."""
