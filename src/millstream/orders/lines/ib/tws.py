"""A connection of ib_async to TWS: questions with a time limit, and what it says of orders."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, TypeAlias

import ib_async as library

from millstream.errors import LoginRefused, StreamError
from millstream.orders.lines.ib.words import without_accounts

__all__ = ["Heard", "Refused", "Told", "Tws", "sentence"]

_COMMISSIONS_S: Final = 2.0  # TWS tells them behind the end of the list
_SILENT: Final = logging.Logger("ib_async", logging.CRITICAL + 1)  # it writes account numbers
_log = logging.getLogger(__name__)


class Refused(NamedTuple):
    """An error that names an order."""

    code: int
    text: str

    def __str__(self) -> str:
        return f"{self.text} (code {self.code})"


Told: TypeAlias = "Refused | str | ConnectionError"


class _Unread(logging.Handler):
    """Notes that the library could not read a message, which it would but log, whole."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1
        kind = type(record.exc_info[1]).__name__ if record.exc_info else "an error"
        _log.error("ib: a message of TWS cannot be read (%s)", kind)


class Heard:
    """What TWS says about one order, in turn."""

    def __init__(self, order_id: int) -> None:
        self.order_id = order_id  # TWS's number, of this client
        self.queue: asyncio.Queue[Told] = asyncio.Queue()

    async def next(self, timeout_s: float) -> Refused | str:
        """An error, "listed" or "moved". Raises TimeoutError, or ConnectionError at its end."""
        told = await asyncio.wait_for(self.queue.get(), timeout_s)
        if isinstance(told, ConnectionError):
            raise told
        return told


class Tws:
    """The connection. on_move: given an order's Trade when nobody waits for what TWS says of it."""

    def __init__(
        self,
        host: str,
        port: int,
        client_id: int,
        timeout_s: float,
        on_move: Callable[[Any], None],
    ) -> None:
        self._where = f"tws://{host}:{port}"
        self._host, self._port, self.client_id = host, port, client_id
        self._timeout_s, self._on_move = timeout_s, on_move
        self._heard: list[Heard] = []  # an order may be canceled and amended at once
        self._opening, self._listing = asyncio.Lock(), asyncio.Lock()
        self._refusal = ""  # what TWS said before it let us in
        self.ib: Any = None
        self._unread = _Unread()

    @property
    def unread(self) -> int:
        """How many of TWS's messages could not be read so far."""
        return self._unread.count

    async def connect(self) -> None:
        """Connect if there is no connection. Raises LoginRefused or StreamError."""
        async with self._opening:
            if self.ib is None or not self.ib.isConnected():
                await self._connect()

    def disconnect(self) -> None:
        """End the connection."""
        if self.ib is not None:
            self.ib.client.disconnect()
            self._on_end()

    @contextmanager
    def hearing(self, order_id: int) -> Iterator[Heard]:
        """Hear what is said about an order, by TWS's number of it."""
        heard = Heard(order_id)
        self._heard.append(heard)
        try:
            yield heard
        finally:
            self._heard.remove(heard)

    # ---- questions; each raises TimeoutError, ConnectionError or RequestError ------------------

    async def details(self, contract: Any) -> list[Any]:
        """What TWS knows of the contracts that fit; [] if none."""
        try:
            return list(await self._timed(self.ib.reqContractDetailsAsync(contract)))
        except library.RequestError as error:
            if error.code == 200:  # no security definition has been found
                return []
            raise

    async def open_orders(self) -> list[Any]:
        """Every open order, of all clients."""
        return await self._list(self.ib.reqAllOpenOrdersAsync)

    async def completed_orders(self) -> list[Any]:
        """The orders that ended, as long as TWS tells of them: about a day."""
        return await self._list(lambda: self.ib.reqCompletedOrdersAsync(False))

    async def executions(self, account: str) -> list[Any]:
        """The fills of the day with their commissions; those may be missing on the newest."""
        asked = self.ib.reqExecutionsAsync(library.ExecutionFilter(acctCode=account))
        found = {one.execution.execId for one in await self._timed(asked)}
        clock = asyncio.get_running_loop()
        until = clock.time() + _COMMISSIONS_S
        while True:
            # The list repeats what is known without its commission; the library's own has it.
            fills = [one for one in self.ib.fills() if one.execution.execId in found]
            if all(one.commissionReport.execId for one in fills) or clock.time() >= until:
                return fills
            await asyncio.sleep(0.02)

    async def balances(self) -> tuple[list[Any], list[Any]]:
        """Cash by currency, and positions."""
        ib, request = self.ib, self.ib.client.getReqId()
        asked = ib.wrapper.startReq(request)
        ib.wrapper.acctSummary.clear()
        ib.client.reqAccountSummary(request, "All", "$LEDGER:ALL")
        try:
            await self._timed(asked)
        finally:
            if ib.isConnected():
                ib.client.cancelAccountSummary(request)
        positions = await self._list(ib.reqPositionsAsync)
        return list(ib.wrapper.acctSummary.values()), list(positions)

    async def own_trade(self, order_id: str, venue_id: str) -> Any:
        """The order as the library has it, or why this client cannot touch it."""
        await self.connect()
        found = self._find(order_id, venue_id)
        if found is None:
            await self.open_orders()
            found = self._find(order_id, venue_id)
        if found is None:
            return "TWS lists no such order"
        if found.order.clientId != self.client_id or found.order.orderId <= 0:
            return "another client of TWS placed it, and only that one can change it"
        return found

    def _find(self, order_id: str, venue_id: str) -> Any:
        for trade in self.ib.trades():
            order = trade.order
            if order.orderRef == order_id or (venue_id and str(order.permId) == venue_id):
                return trade
        return None

    async def _list(self, question: Callable[[], Awaitable[Any]]) -> list[Any]:
        """A list that bears no request id: one that comes late would be taken for the next."""
        async with self._listing:
            try:
                return list(await self._timed(question()))
            except TimeoutError:
                self.disconnect()
                raise

    async def _timed(self, question: Awaitable[Any]) -> Any:
        return await asyncio.wait_for(question, self._timeout_s)

    # ---- the connection ------------------------------------------------------------------------

    async def _connect(self) -> None:
        ib: Any = library.IB()  # its methods are only partly typed
        where = self._where
        ib._logger = ib.wrapper._logger = ib.client._logger = _SILENT
        ib.client.decoder.logger = logging.Logger("ib_async", logging.ERROR)
        ib.client.decoder.logger.addHandler(self._unread)
        ib.RaiseRequestErrors = True
        self._refusal = ""
        failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def on_failure(message: str) -> None:
            if not failed.done():
                failed.set_result(message)

        ib.errorEvent += self._on_error
        ib.client.apiError += on_failure
        ib.wrapper.clientId = self.client_id
        # Not its own connectAsync: that asks for the whole account first.
        work = asyncio.ensure_future(
            ib.client.connectAsync(self._host, self._port, self.client_id, self._timeout_s)
        )
        try:
            await asyncio.wait({work, failed}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                if self._refusal:
                    raise LoginRefused(
                        f"gateway: {where} refused the session ({self._refusal}); choose another "
                        "client id in gateway.api_auth_data, or let the API in"
                    )
                raise StreamError(f"gateway: {where} hung up before it let us in")
            work.result()
        except (TimeoutError, OSError, ValueError) as error:
            why = "no answer" if isinstance(error, TimeoutError) else without_accounts(error)
            raise StreamError(
                f"gateway: {where} cannot be reached ({why}); is TWS running, with its API "
                "enabled? Check gateway.url, then start again"
            ) from None
        finally:
            if not work.done():
                work.cancel()
                await asyncio.wait({work})
            if not ib.client.isReady():
                ib.client.disconnect()
        ib.client.apiError -= on_failure
        ib.orderStatusEvent += lambda trade: self._on_trade(trade, "moved")
        ib.openOrderEvent += lambda trade: self._on_trade(trade, "listed")
        ib.commissionReportEvent += lambda trade, fill, report: self._on_trade(trade, "moved")
        ib.disconnectedEvent += self._on_end
        self.ib = ib

    def _on_error(self, request: int, code: int, text: str, contract: object) -> None:
        words = Refused(code, without_accounts(text))
        if request == -1:
            self._refusal = self._refusal or str(words)
        for heard in self._listening(request):
            heard.queue.put_nowait(words)

    def _on_trade(self, trade: Any, what: str) -> None:
        own = trade.order.clientId == self.client_id
        listening = self._listening(trade.order.orderId) if own else []
        if not listening:
            self._on_move(trade)
        elif what == "moved" and trade.log and trade.log[-1].errorCode:
            return  # the library's own guess: the error itself follows
        for heard in listening:
            heard.queue.put_nowait(what)

    def _on_end(self) -> None:
        for heard in self._heard:
            heard.queue.put_nowait(ConnectionError("the connection to TWS was lost"))

    def _listening(self, order_id: int) -> list[Heard]:
        return [one for one in self._heard if one.order_id == order_id]


def sentence(error: BaseException) -> str:
    """What happened, in one line without an account's number."""
    if isinstance(error, TimeoutError):
        return "TWS did not answer in time"
    if isinstance(error, library.RequestError):
        return f"{without_accounts(error.message)} (code {error.code})"
    return without_accounts(error) or type(error).__name__
