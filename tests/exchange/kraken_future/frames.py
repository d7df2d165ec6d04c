"""Frames of Kraken Futures, as the venue sent them or as its documentation has them."""

TICKER = (
    b'{"time":1783587648112,"product_id":"PF_ETHUSD","funding_rate":0.032725177043125,'
    b'"leverage":"100x","premium":-0.0,"feed":"ticker","bid":1751.6,"ask":1751.7,"bid_size":1.459,'
    b'"ask_size":2.886,"volume":57204.177,"dtm":0,"index":1751.75,"last":1751.7,"change":0.97,'
    b'"suspended":false,"tag":"perpetual","pair":"ETH:USD","markPrice":1751.97553924942,'
    b'"post_only":false,"open":1734.8,"high":1765.4,"low":1708.8}'
)
INFO = b'{"event":"info","version":1}'
CHALLENGE = b'{"event":"challenge","message":"226aee50-88fc-4618-a42a-34f7709570b2"}'
FILLS = (
    b'{"feed":"fills","username":"6a70e882","fills":[{"instrument":"PF_ETHUSD",'
    b'"time":1765185437003,"price":3162.0,"seq":1,"buy":true,"qty":0.001,'
    b'"remaining_order_qty":0.0,"order_id":"a08aed17","cli_ord_id":"b661bad0",'
    b'"fill_id":"6a22a3fb","fill_type":"taker","fee_paid":0.001581,"fee_currency":"USD",'
    b'"taker_order_type":"market","order_type":"market"}]}'
)
REBATE = (
    b'{"feed":"fills_snapshot","account":"DemoUser","fills":[{"instrument":"PF_XBTUSD",'
    b'"time":1600256910739,"price":10937.5,"seq":36,"buy":true,"qty":5000.0,'
    b'"remaining_order_qty":0.0,"order_id":"9e30258b","fill_id":"cad76f07","fill_type":"maker",'
    b'"fee_paid":-0.00009142857,"fee_currency":"BTC","order_type":"limit"}]}'
)


def acknowledgement(feed: str, *products: str) -> bytes:
    """The answer to a subscription."""
    names = ",".join(f'"{product}"' for product in products)
    return f'{{"event":"subscribed","feed":"{feed}","product_ids":[{names}]}}'.encode()


def trade(seq: int, kind: str = "fill", product: str = "PF_XBTUSD") -> bytes:
    """A trade with this number."""
    return (
        f'{{"feed":"trade","product_id":"{product}","uid":"u{seq}","side":"sell","type":"{kind}",'
        f'"seq":{seq},"time":1612266317519,"qty":15000,"price":34969.5}}'
    ).encode()


def trade_snapshot(*numbers: int) -> bytes:
    """The last trades, newest first."""
    parts = b",".join(map(trade, sorted(numbers, reverse=True)))
    return b'{"feed":"trade_snapshot","product_id":"PF_XBTUSD","trades":[' + parts + b"]}"


def book_snapshot(seq: int, bids, asks, product: str = "PF_XBTUSD") -> bytes:
    """A whole book of (price, quantity)."""
    sides = [
        "[" + ",".join(f'{{"price":{price},"qty":{qty}}}' for price, qty in side) + "]"
        for side in (bids, asks)
    ]
    return (
        f'{{"feed":"book_snapshot","product_id":"{product}","timestamp":1612269825817,'
        f'"seq":{seq},"tickSize":null,"bids":{sides[0]},"asks":{sides[1]}}}'
    ).encode()


def level(seq: int, side: str, price: float, qty: float, product: str = "PF_XBTUSD") -> bytes:
    """One changed price."""
    return (
        f'{{"feed":"book","product_id":"{product}","side":"{side}","seq":{seq},"price":{price},'
        f'"qty":{qty},"timestamp":1612269953629}}'
    ).encode()


def order(
    qty: float, filled: float, reason: str, is_cancel: bool = False, updated: int = 1567702877410
) -> bytes:
    """A change of an open order; `qty` is what remains."""
    cancel = "true" if is_cancel else "false"
    return (
        b'{"feed":"open_orders","order":'
        + an_order(qty, filled, updated)
        + b',"is_cancel":'
        + f'{cancel},"reason":"{reason}"}}'.encode()
    )


def an_order(qty: float, filled: float, updated: int = 1567702877410) -> bytes:
    """An open order."""
    return (
        f'{{"instrument":"PF_XBTUSD","time":1567702877410,"last_update_time":{updated},'
        f'"qty":{qty},"filled":{filled},"limit_price":10640.0,"stop_price":0.0,"type":"limit",'
        '"order_id":"59302619","direction":1,"reduce_only":true}'
    ).encode()


def order_snapshot(*orders: bytes) -> bytes:
    """All open orders."""
    return b'{"feed":"open_orders_snapshot","account":"e258dba9","orders":[%s]}' % b",".join(orders)
