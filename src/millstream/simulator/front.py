"""What a venue's tongue offers to the server that carries it: requests, sessions, what is told.

Pure: a request or a text comes in with the time, an answer or frames go out.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Protocol
from urllib.parse import unquote

import msgspec

from millstream.simulator.faults import RequestFault


class HttpRequest(msgspec.Struct, frozen=True):
    """A request; query and body as they came, headers with lower-case names."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


class HttpAnswer(msgspec.Struct, frozen=True):
    """An answer. changes_orders: the request was one that faults can befall."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}


class Key(msgspec.Struct, frozen=True):
    """An account's key. A simulator's secrets are no secrets: they are printed at its start."""

    account: str
    key: str
    secret: str


class Session(Protocol):
    """One client's websocket. `outbox` is what it is to be sent, in order; private frames too."""

    outbox: list[bytes]
    private: list[tuple[bytes, bool]]  # of the account: (frame, whether it tells of a fill)

    def receive(self, text: bytes, now_ns: int) -> None:
        """Take in what the client says; answers are in `outbox` then."""
        ...

    def changes_orders(self, text: bytes) -> bool:
        """Whether a text is a request that faults can befall."""
        ...

    def answer_fault(self, text: bytes, fault: RequestFault) -> None:
        """Put the answer of a request that was rejected, or failed on the way, in `outbox`."""
        ...


class Front(Protocol):
    """A venue's language."""

    name: str

    def request(self, request: HttpRequest, now_ns: int) -> HttpAnswer:
        """The answer to a REST request."""
        ...

    def changes_orders(self, request: HttpRequest) -> bool:
        """Whether a REST request places, changes or cancels orders."""
        ...

    def fault(self, fault: RequestFault) -> HttpAnswer:
        """The venue's words for a request that it rejects, or for a failure of its own."""
        ...

    def open(self, path: str, now_ns: int) -> Session:
        """A new websocket; raises ValueError when there is nothing at this path."""
        ...

    def close(self, session: Session) -> None:
        """It is gone."""
        ...

    def tell(self, now_ns: int) -> None:
        """Put what has happened since the last time in the outboxes of those who asked for it."""
        ...


class RequestLimit(msgspec.Struct):
    """A count of something that begins anew with each window."""

    most: int
    window_s: int
    used: int = 0
    window: int = -1

    def use(self, amount: int, now_ns: int) -> bool:
        """Count; False when there was too much in this window."""
        window = now_ns // (self.window_s * 1_000_000_000)
        if window != self.window:
            self.window, self.used = window, 0
        self.used += amount
        return self.used <= self.most

    def retry_after_s(self, now_ns: int) -> int:
        """When the next window begins, rounded up."""
        return self.window_s - int(now_ns // 1_000_000_000) % self.window_s


def number(text: str) -> Decimal:
    """A positive decimal number of a request; raises ValueError for anything else."""
    try:
        value = Decimal(text)
    except ArithmeticError:
        raise ValueError(text) from None
    if not value.is_finite() or value < 0 or value > Decimal("1e15"):
        raise ValueError(text)
    if value.as_tuple().exponent < -18:  # type: ignore[operator]
        raise ValueError(text)
    return value


def fields(form: str) -> dict[str, str]:
    """The fields of a query or a form; the last one wins."""
    found = {}
    for piece in form.split("&"):
        name, _, value = piece.partition("=")
        if name:
            found[unquote(name.replace("+", " "))] = unquote(value.replace("+", " "))
    return found
