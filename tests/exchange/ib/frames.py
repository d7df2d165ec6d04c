"""Frames of TWS as its server version 178 writes them; the field order is ib_async's decoder's."""

from __future__ import annotations

from tests.exchange.ib.tws import frame

UNSET = "1.7976931348623157E308"


def price(request, kind, price, size):
    return frame(1, 6, request, kind, price, size, 0)


def size(request, kind, size):
    return frame(2, 6, request, kind, size)


def trade(request, second, price, size):
    return frame(99, request, 1, second, price, size, 0, "NASDAQ", "")


def row(request, position, operation, side, price, size):
    return frame(12, 1, request, position, operation, side, price, size)


def row_l2(request, position, maker, operation, side, price, size):
    return frame(13, 1, request, position, maker, operation, side, price, size, 1)


def bars(request, *rows):
    """rows: date, open, high, low, close, volume, average, count."""
    return frame(17, request, "start", "end", len(rows), *[text for row in rows for text in row])


def bar_update(request, count, date, open_, close, high, low, average, volume):
    return frame(90, request, count, date, open_, close, high, low, average, volume)


def error(request, code, text):
    return frame(4, 2, request, code, text, "")


def open_order(
    order_id,
    perm_id,
    *,
    symbol="EUR",
    sec_type="CASH",
    currency="USD",
    action="BUY",
    volume="20000",
    kind="LMT",
    limit="1.0912",
    aux="0.0",
    tif="GTC",
    reference="",
    client_id=1,
):
    head = [5, order_id, 12087792, symbol, sec_type, "", 0, "?", "", "IDEALPRO", currency]
    head += [f"{symbol}.{currency}", f"{symbol}.{currency}", action, volume, kind, limit, aux, tif]
    head += ["", "DU123456", "", 0, reference, client_id, perm_id, 0, 0, 0, "", "", "", "", ""]
    tail = [*[""] * 36, 0, 0, 0, *[""] * 8, 0, "", 0, 0, "PreSubmitted"]
    return frame(*head, *tail, *[""] * 14, 0, 0, 0, *[""] * 16, "", "", "", *[""] * 5)


def status(order_id, perm_id, state, filled, remaining, average="0.0", held="", client_id=1):
    tail = [perm_id, 0, average, client_id, held, "0.0"]
    return frame(3, order_id, state, filled, remaining, average, *tail)


def execution(
    exec_id,
    perm_id,
    *,
    request=-1,
    side="BOT",
    shares="5000",
    price="1.09115",
    total="5000",
    average="1.09115",
    reference="",
    liquidity=2,
    when="20261120-15:58:10",
    symbol="EUR",
    sec_type="CASH",
):
    head = [11, request, 3, 12087792, symbol, sec_type, "", "0.0", "", "", "IDEALPRO", "USD"]
    head += [f"{symbol}.USD", f"{symbol}.USD", exec_id, when, "DU123456", "IDEALPRO", side]
    return frame(
        *head, shares, price, perm_id, 1, 0, total, average, reference, "", "", "", liquidity, 0
    )


def commission(exec_id, fee="2.0", currency="USD"):
    return frame(59, 1, exec_id, fee, currency, UNSET, UNSET, "")


ORDERS_END = frame(53, 1)


def executions_end(request):
    return frame(55, 1, request)
