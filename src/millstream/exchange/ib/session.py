"""One session with TWS or IB Gateway, shared by the channels of a stream; ib_async speaks to it.

TWS reports an order to the client id that placed it (and to one master), counts market data lines
over all clients, and takes 32 at most. So all channels of a stream share one connection; each has a
`Seat` in it, which is what a connection of its own is at other venues. The first seat opens the
session, the last one closes it.

Of ib_async only its `Client` is used: handshake, framing, requests, 45 messages a second. What TWS
says is handed to the seats as bytes, since our decoder reads prices from the text as sent.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from millstream.errors import ConfigError, LoginRefused, StreamError
from millstream.exchange.ib import wire
from millstream.exchange.ib.contracts import ContractSettings
from millstream.model import Channel

if TYPE_CHECKING:
    from ib_async import Contract

OnFrame: TypeAlias = Callable[[bytes, int], None]

LOST = 1006
_STOPPED = 1000


class SessionRefused(LoginRefused):
    """TWS does not let us in: the client id is taken, or the API is off."""


def load_ib_async() -> Any:
    """The library, or one sentence that says how to get it."""
    try:
        import ib_async
    except ImportError:
        raise ConfigError(
            'exchange "ib" needs ib_async, which is not installed: pip install "millstream[ib]".'
        ) from None
    return ib_async


def tws_contract(contract: ContractSettings) -> Contract:
    """A contract as ib_async knows it."""
    made: Contract = load_ib_async().Contract(
        secType=contract.sec_type,
        symbol=contract.symbol,
        currency=contract.currency,
        exchange=contract.exchange,
        primaryExchange=contract.primary_exchange,
        localSymbol=contract.local_symbol,
        lastTradeDateOrContractMonth=contract.expiry,
        multiplier=contract.multiplier,
        conId=contract.con_id,
    )
    return made


class Seat:
    """One channel's part of a session."""

    def __init__(self, session: TwsSession, channel: Channel) -> None:
        self._session, self.channel = session, channel
        self.on_frame: OnFrame = _nobody
        self._end: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()
        # Lists of orders that others asked for are under way: this seat would see but their ends.
        self.foreign_lists = session.lists_under_way

    @property
    def client_id(self) -> int:
        """The session's: 0 is bound to the orders typed in TWS itself."""
        return self._session.client_id

    def request(self, method: str, *arguments: Any) -> None:
        """Call one of ib_async's request methods; raises StreamError when the session has ended."""
        if self._session.client is None:
            raise StreamError("TWS cannot be asked: the session has ended.")
        try:
            getattr(self._session.client, method)(*arguments)
            if method == "reqAllOpenOrders":
                self._session.lists_under_way += 1
        except ConnectionError as error:
            raise StreamError(f"TWS cannot be asked: {error}.") from None

    async def ended(self) -> tuple[int, str]:
        """Wait for the end; a code and the reason."""
        return await asyncio.shield(self._end)

    def end(self, code: int, reason: str) -> None:
        """This seat is done, whatever the session does."""
        if not self._end.done():
            self._end.set_result((code, reason))

    @property
    def is_over(self) -> bool:
        """The seat was left, or the session has ended."""
        return self._end.done()

    def close(self) -> None:
        """Leave the session."""
        self.end(_STOPPED, "")
        self._session.leave(self)


class _Relay:
    """What ib_async's client talks to, as its wrapper and as its decoder at once."""

    def __init__(self, session: TwsSession) -> None:
        self._session = session
        self.serverVersion = 0  # set by the client

    def tcpDataArrived(self) -> None:  # noqa: N802 - ib_async's names
        self._session.received_ns = time.time_ns()

    def interpret(self, fields: list[str]) -> None:
        self._session.frame("\0".join(fields).encode() + b"\0")

    def connectAck(self) -> None:  # noqa: N802
        pass

    def setEventsDone(self) -> None:  # noqa: N802
        pass

    def connectionClosed(self) -> None:  # noqa: N802
        pass


class TwsSession:
    """A connection to TWS, open while anybody has a seat."""

    def __init__(
        self,
        host: str,
        port: int,
        client_id: int,
        *,
        timeout_s: float,
        idle_s: float,
        reply_s: float,
    ) -> None:
        self.host, self.port, self.client_id = host, port, client_id
        self._timeout_s, self._idle_s, self._reply_s = timeout_s, idle_s, reply_s
        self._ib_async = load_ib_async()
        self.client: Any = None  # ib_async.Client, whose methods have no types
        self.received_ns = 0
        self.lists_under_way = 0  # answers to reqAllOpenOrders: they bear no request id
        self._paused = False
        self._private_ns = 0  # the last frame for the private channels
        self._seats: dict[Channel, Seat] = {}
        self._opening = asyncio.Lock()
        self._watch: asyncio.Task[None] | None = None
        self._refusal = ""  # what TWS said before it let us in

    async def seat(self, channel: Channel) -> Seat:
        """A seat in the session, which is opened if it is not; raises StreamError."""
        async with self._opening:
            if self.client is None:
                await self._open()
            seat = self._seats[channel] = Seat(self, channel)
            return seat

    def leave(self, seat: Seat) -> None:
        """Give a seat back; the last one out closes the door."""
        if self._seats.get(seat.channel) is seat:
            del self._seats[seat.channel]
            if not self._seats:
                self._shut()

    def pause(self, paused: bool) -> None:
        """Stop reading from the socket, or go on."""
        self._paused = paused
        transport = self.client.conn.transport if self.client is not None else None
        if transport is not None and not transport.is_closing():
            (transport.pause_reading if paused else transport.resume_reading)()

    def frame(self, raw: bytes) -> None:
        """Give a frame to the seat it is for, or to all."""
        fields = raw.split(b"\0", 5)
        if not self._seats:
            if fields[0] == wire.ERROR and len(fields) > 4:
                self._refusal = f"{fields[4].decode()} (code {fields[3].decode()})"
            return
        channel = wire.channel_of(fields)
        if channel is None:
            self._share(fields[0], raw)
        elif (mine := self._seats.get(channel)) is not None:
            mine.on_frame(raw, self.received_ns)

    def _share(self, kind: bytes, raw: bytes) -> None:
        """A frame of the whole session: errors are everybody's, all others the account's."""
        for seat in list(self._seats.values()):
            if kind != wire.ERROR and not seat.channel.private:
                continue
            if seat.foreign_lists and kind in (wire.OPEN_ORDER, wire.OPEN_ORDERS_END):
                seat.foreign_lists -= kind == wire.OPEN_ORDERS_END
                continue
            seat.on_frame(raw, self.received_ns)
        self._private_ns = self.received_ns
        if kind == wire.OPEN_ORDERS_END:
            self.lists_under_way = max(0, self.lists_under_way - 1)

    async def _open(self) -> None:
        where, relay = f"tws://{self.host}:{self.port}", _Relay(self)
        client = self._ib_async.Client(relay)
        client.decoder = relay
        failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def on_error(message: str) -> None:
            if not failed.done():
                failed.set_result(message)

        client.apiError += on_error
        self._refusal = ""
        work = asyncio.create_task(
            client.connectAsync(self.host, self.port, self.client_id, self._timeout_s)
        )
        try:
            await asyncio.wait({work, failed}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                if self._refusal:
                    raise SessionRefused(f"{where} refused the session: {self._refusal}.")
                raise StreamError(f"{where} hung up: {failed.result()}")
            work.result()
        except TimeoutError:
            raise StreamError(
                f"cannot connect to {where}: no answer within {self._timeout_s:g} s."
            ) from None
        except (OSError, ValueError) as error:
            raise StreamError(
                f"cannot connect to {where}: {error}; is TWS running, with its API enabled?"
            ) from None
        finally:
            if not work.done():
                work.cancel()
                await asyncio.wait({work})
            if not client.isReady():
                client.disconnect()
        client.apiError -= on_error
        client.apiEnd += lambda: self._lost(client, "the connection was lost")
        self.client, self.received_ns = client, time.time_ns()
        self.lists_under_way, self._private_ns = 0, self.received_ns
        self._watch = asyncio.create_task(self._keep_alive(client))

    async def _keep_alive(self, client: Any) -> None:
        """TWS has no heartbeat: ask it for its time when it is silent.

        Its answer also moves the private channels on, whose decoders know the time by frames only.
        """
        while True:
            await asyncio.sleep(self._idle_s / 2)
            now_ns = time.time_ns()
            if self._paused:  # we do not listen: silence says nothing
                self.received_ns = now_ns
            idle_s = (now_ns - self.received_ns) / 1e9
            private = any(channel.private for channel in self._seats)
            if idle_s >= self._idle_s + self._reply_s:
                self._lost(client, f"TWS did not answer within {self._reply_s:g} s")
                return
            since_ns = self._private_ns if private else self.received_ns
            if now_ns - since_ns >= self._idle_s * 1e9 and client.isReady():
                client.reqCurrentTime()

    def _lost(self, client: Any, reason: str) -> None:
        if self.client is not client:
            return
        self._shut()
        seats, self._seats = self._seats, {}
        for seat in seats.values():
            seat.end(LOST, reason)

    def _shut(self) -> None:
        client, self.client = self.client, None
        if client is not None:
            client.disconnect()
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None


def _nobody(raw: bytes, received_ns: int) -> None:
    """A seat that nobody listens to yet."""
