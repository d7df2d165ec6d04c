"""The keys of an account, and one lock for each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from weakref import WeakKeyDictionary

import msgspec

from millstream.errors import ConfigError

_SETTINGS = {"key": "api_key", "secret": "api_secret"}  # others are in api_auth_data


class Credentials(msgspec.Struct, frozen=True):
    """A key, its secret, and what else a venue wants (a passphrase). Shown nowhere."""

    key: str = ""
    secret: str = ""
    extra: Mapping[str, str] = {}

    @classmethod
    def of(cls, key: str, secret: str, auth_data: object) -> Credentials:
        """As a stream is given them: auth_data is a mapping, or just the passphrase."""
        if isinstance(auth_data, Mapping):
            extra = {str(name): str(value) for name, value in auth_data.items()}
        else:
            extra = {"passphrase": str(auth_data)} if auth_data not in (None, "") else {}
        return cls(key, secret, extra)

    def check(self, *names: str) -> None:
        """Raise ConfigError unless all these are there: "key", "secret", "passphrase", ..."""
        missing = [name for name in names if not self._get(name)]
        if missing:
            settings = [_SETTINGS.get(name, f'api_auth_data["{name}"]') for name in missing]
            raise ConfigError(
                f"a private channel needs {' and '.join(settings)}, which "
                f"{'is' if len(missing) == 1 else 'are'} empty; set it in the stream's "
                "configuration or in the environment (MILLSTREAM__STREAMS__0__API_KEY and so on)."
            )

    def _get(self, name: str) -> str:
        if name == "key":
            return self.key
        return self.secret if name == "secret" else self.extra.get(name, "")

    def __repr__(self) -> str:
        return "Credentials(...)"

    __str__ = __repr__


_locks: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Lock]] = WeakKeyDictionary()


def key_lock(key: str) -> asyncio.Lock:
    """The running loop's one lock for this key: a venue wants its nonces in order."""
    locks = _locks.setdefault(asyncio.get_running_loop(), {})
    return locks.setdefault(key, asyncio.Lock())
