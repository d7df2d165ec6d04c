"""The kill switch by HTTP on loopback: for a monitor, a phone's tunnel, a script.

    POST /halt     {"who": "anna", "why": "runaway"}   nothing leaves any more
    POST /reduce   the same                            only orders that make a position smaller
    GET  /                                             {"state": "active", …}

With `Authorization: Bearer TOKEN`. There is no way to resume by HTTP: that is for a person.
"""

from __future__ import annotations

import hmac
import json
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import msgspec

from millstream.errors import ConfigError, StoreError
from millstream.orders.kill_switch import KillSwitch
from millstream.orders.risk import RiskState

__all__ = ["KillServer"]

_STATES: Final = {"/halt": RiskState.HALTED, "/reduce": RiskState.REDUCING}
_LONGEST: Final = 4096


class KillServer:
    """Listens on 127.0.0.1 in a thread of its own, until `close`.

    port: 0 takes a free one, see `url`. Raises ConfigError when the port is taken or there is no
    token.
    """

    def __init__(self, switch: KillSwitch, port: int, token: str) -> None:
        if not token:
            raise ConfigError("kill.token: the kill switch listens only with a token; set one")
        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(switch, token))
        except OSError as error:
            raise ConfigError(
                f"kill.port: {port} cannot be listened on ({error.strerror}); take another one"
            ) from error
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="kill-http", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(switch: KillSwitch, token: str) -> type[BaseHTTPRequestHandler]:
    wanted = f"Bearer {token}".encode()

    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            if self._allowed():
                self._answer(200, msgspec.to_builtins(switch.read()))

        def do_POST(self) -> None:
            if not self._allowed():
                return
            state = _STATES.get(self.path)
            if state is None:
                self._answer(404, {"error": "POST /halt or /reduce"})
                return
            try:
                length = min(int(self.headers.get("content-length") or 0), _LONGEST)
                given = json.loads(self.rfile.read(length) or b"{}")
                who, why = str(given.get("who", "")), str(given.get("why", ""))
            except (ValueError, AttributeError, OSError):
                who, why = "", ""  # whoever has the token may halt, however badly it is written
            try:
                brake = switch.set(state, who or "HTTP", why, time.time_ns())
            except StoreError as error:
                self._answer(500, {"error": str(error)})
            else:
                self._answer(200, msgspec.to_builtins(brake))

        def _allowed(self) -> bool:
            given = (self.headers.get("authorization") or "").encode()
            allowed = hmac.compare_digest(given, wanted)
            if not allowed:
                self._answer(401, {"error": "the token is missing or wrong"})
            return allowed

        def _answer(self, status: int, body: Any) -> None:
            raw = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(raw)))
            with suppress(OSError):  # whoever asked is gone
                self.end_headers()
                self.wfile.write(raw)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    return Handler
