"""A small TWS in a thread that takes orders, for the tests of a line to it."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.exchange.ib import frames, tws
from tests.exchange.ib.tws import frame

PLACE, CANCEL, EXECUTIONS, DETAILS, ALL_OPEN = 3, 4, 7, 9, 16
POSITIONS, SUMMARY, COMPLETED = 61, 62, 99


@dataclass
class Placed:
    """An order as TWS keeps it."""

    order_id: int
    perm_id: int
    client_id: int
    words: dict[str, str]
    state: str = "Submitted"
    filled: float = 0.0
    executions: list[tuple[str, str, str]] = field(default_factory=list)  # id, shares, price

    @property
    def open(self) -> bool:
        return self.state in ("Submitted", "PreSubmitted")


class TradingTws:
    """Orders, and how it misbehaves."""

    def __init__(self) -> None:
        self.orders: dict[int, Placed] = {}
        self.received: list[list[str]] = []
        self.reject: tuple[int, str] | None = None
        self.mute = False  # takes orders and cancels, and answers none of them
        self.hides = False  # what it took is in none of its lists
        self.hang_up = False  # ends the connection when it took an order
        self.silent_lists = False
        self.commissions = True
        self.clients: list[Any] = []

    # ---- what a test does ----------------------------------------------------------------------

    def add(self, client_id: int, words: dict[str, str], order_id: int) -> Placed:
        perm = 1_000_000 + len(self.orders)
        made = self.orders[perm] = Placed(order_id, perm, client_id, words)
        return made

    def fill(self, one: Placed, shares: str, price: str, client: Any = None) -> None:
        """A fill; told to a client if it is given."""
        name = f"0000e1.{one.perm_id}.{len(one.executions)}.01"
        one.executions.append((name, shares, price))
        one.filled += float(shares)
        if one.filled >= float(one.words["volume"]):
            one.state = "Filled"
        if client is not None:
            client.send_raw(self._status(one), self._execution(one, one.executions[-1], -1))
            client.send_raw(frames.commission(name, "2.5"))

    # ---- what it does --------------------------------------------------------------------------

    def hear(self, client: Any, fields: list[str]) -> None:
        self.received.append(fields)
        if client not in self.clients:
            self.clients.append(client)
        number = int(fields[0])
        if number == DETAILS:
            self._details(client, fields)
        elif number == PLACE:
            self._place(client, fields)
        elif number == CANCEL:
            self._cancel(client, int(fields[2]))
        elif self.silent_lists:
            return
        elif number == ALL_OPEN:
            for one in self._listed():
                if one.open:
                    client.send_raw(self._open_order(one), self._status(one))
            client.send_raw(frames.ORDERS_END)
        elif number == COMPLETED:
            for one in self._listed():
                if not one.open:
                    client.send_raw(self._completed(one))
            client.send(102)
        elif number == EXECUTIONS:
            request = fields[2]
            for one in self._listed():
                for told in one.executions:
                    client.send_raw(self._execution(one, told, request))
                    if self.commissions:
                        client.send_raw(frames.commission(told[0], "2.5"))
            client.send_raw(frames.executions_end(request))
        elif number == SUMMARY:
            for currency, amount in (("USD", "1000"), ("EUR", "50"), ("BASE", "1055")):
                client.send(63, 1, fields[2], "DU123456", "CashBalance", amount, currency)
            client.send(64, 1, fields[2])
        elif number == POSITIONS:
            client.send(62, 1)

    def _listed(self) -> list[Placed]:
        return [] if self.hides else list(self.orders.values())

    def _details(self, client: Any, fields: list[str]) -> None:
        request, symbol, kind = fields[2], fields[4], fields[5]
        if symbol == "XYZ":
            client.send_raw(frames.error(request, 200, "No security definition has been found"))
            return
        currency = fields[12]
        head = [10, request, symbol, kind, "", 0, "", "IDEALPRO", currency, f"{symbol}.{currency}"]
        head += ["", "", 12087792, "0.00005", "", "LMT,MKT", "IDEALPRO", 1, 0, "a name", "", "", ""]
        client.send(*head, "", "", "", "", "", "", 0, 0, 1, "", "", "26", "", "", 1, 1, 1)
        client.send(52, 1, request)

    def _place(self, client: Any, fields: list[str]) -> None:
        number = int(fields[1])
        words = {
            "symbol": fields[3],
            "sec_type": fields[4],
            "currency": fields[11],
            "action": fields[16],
            "volume": fields[17],
            "kind": fields[18],
            "limit": fields[19] or "0.0",
            "aux": fields[20] or "0.0",
            "tif": fields[21],
            "reference": fields[26],
        }
        if self.reject:
            client.send_raw(frames.error(number, *self.reject))
            return
        known = [one for one in self.orders.values() if one.order_id == number and one.open]
        known = [one for one in known if one.client_id == client.client_id]
        one = known[0] if known else self.add(client.client_id, words, number)
        one.words = words
        if self.hang_up:
            client.hang_up()
        elif not self.mute:
            client.send_raw(self._open_order(one), self._status(one))
            if words["kind"] == "MKT":
                self.fill(one, words["volume"], "1.09115", client)

    def _cancel(self, client: Any, number: int) -> None:
        own = [one for one in self.orders.values() if one.client_id == client.client_id]
        one = next((one for one in own if one.order_id == number and one.open), None)
        if one is None:
            text = f"OrderId {number} that needs to be cancelled is not found."
            client.send_raw(frames.error(number, 10147, text))
            return
        one.state = "Cancelled"
        if not self.mute:
            client.send_raw(self._status(one), frames.error(number, 202, "Order Canceled"))

    # ---- its frames ----------------------------------------------------------------------------

    def _open_order(self, one: Placed) -> bytes:
        return frames.open_order(one.order_id, one.perm_id, client_id=one.client_id, **one.words)

    def _status(self, one: Placed) -> bytes:
        rest = float(one.words["volume"]) - one.filled
        place = one.order_id, one.perm_id
        return frames.status(*place, one.state, one.filled, rest, client_id=one.client_id)

    def _execution(self, one: Placed, told: tuple[str, str, str], request: Any) -> bytes:
        name, shares, price = told
        return frames.execution(
            name, one.perm_id, request=request, shares=shares, price=price, total=one.filled,
            side="BOT" if one.words["action"] == "BUY" else "SLD",
            reference=one.words["reference"], symbol=one.words["symbol"],
        )  # fmt: skip

    def _completed(self, one: Placed) -> bytes:
        words = one.words
        pair = f"{words['symbol']}.{words['currency']}"
        head = [101, 12087792, words["symbol"], words["sec_type"], "", 0, "?", "", "IDEALPRO"]
        head += [words["currency"], pair, pair, words["action"], "0", words["kind"], words["limit"]]
        head += [words["aux"], words["tif"], "", "DU123456", "", 0, words["reference"], one.perm_id]
        head += [0, 0, "0.0", "", "", "", ""]
        head += ["", "", "", "", "", 0, "", -1, "", "", "", "", "", 0, 0, 0, "", 3, 0, "", 0]
        head += ["", "0.0", 0, 0, "", "", ""]
        tail = [0, 0, 0, "", "", "", "", "", "", 0, 0, "", 0, one.state, 0, 0, 0]
        end = ["", "", "0.0", 0, 0, "", one.filled, 0, 0, "", 0, 0, 0, "", "Filled Size: 1"]
        return frame(*head, *tail, *end, "", "", "", "", "")


@contextmanager
def tws_venue(taken: set[int] | None = None):
    """It, on a port of its own: yields the venue and its address as host and port."""
    venue, ready, loop = TradingTws(), threading.Event(), asyncio.new_event_loop()
    place: list[tuple[str, int]] = []
    stop = asyncio.Event()

    async def serve() -> None:
        async with tws.tws(venue.hear) as server:
            server.taken |= taken or set()
            host, port = server.url.removeprefix("tws://").split(":")
            place.append((host, int(port)))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert ready.wait(60)
    venue.loop = loop
    try:
        yield venue, place[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
