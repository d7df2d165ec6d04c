"""What a service finds as `self.<exchange>_api`. Pure."""

from __future__ import annotations

from typing import Any

from millstream.errors import ConfigError
from millstream.model import Exchange


class ExchangeAPI:
    """An account's credentials for one exchange. It sends nothing yet.

    Streams of private channels log in with it. REST calls come with live orders, in a later
    release; until then asking for one is an error that says so.
    """

    def __init__(
        self, exchange: Exchange, api_key: str, api_secret: str, api_auth_data: object = None
    ) -> None:
        self.exchange = exchange
        self.api_key = api_key
        self.api_secret = api_secret
        self.api_auth_data = api_auth_data

    def __repr__(self) -> str:
        return f"ExchangeAPI({self.exchange}, with{'' if self.api_key else 'out'} a key)"

    def __getattr__(self, name: str) -> Any:  # not NoReturn: what follows a use is checked too
        if name.startswith("_"):
            raise AttributeError(name)
        raise MissingCall(
            f"{self.__dict__.get('exchange')}_api.{name}: REST calls come with live orders, in a "
            "later release; this object carries the credentials only"
        )


class MissingCall(ConfigError, AttributeError):
    """A REST call that this release does not have."""
