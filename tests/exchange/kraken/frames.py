"""Frames of Kraken spot, as the venue sent them or as its documentation has them."""

STATUS = (
    b'{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online",'
    b'"api_version":"v2","connection_id":15113583034416118705}]}'
)
HEARTBEAT = b'{"channel":"heartbeat"}'
TICKER = (
    b'{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":63297.7,'
    b'"bid_qty":5.45673101,"ask":63297.8,"ask_qty":0.36974422,"last":63297.8,'
    b'"volume":1020.88391276,"vwap":63685.7,"low":63250,"high":64409.2,"change":0.7,'
    b'"change_pct":0,"trades":47536,"timestamp":"2026-08-12T19:29:02.066592Z"}]}'
)
BAR = (
    b'{"channel":"ohlc","type":"update","timestamp":"2026-08-12T19:28:44.084233010Z","data":['
    b'{"symbol":"BTC/USD","open":63301.6,"high":63301.6,"low":63297.7,"close":63297.7,"trades":27,'
    b'"volume":0.04121249,"vwap":63298.2,"interval_begin":"2026-08-12T19:28:00.000000000Z",'
    b'"interval":1,"timestamp":"2026-08-12T19:29:00.000000Z"}]}'
)
REFUSAL = (
    b'{"error":"Currency pair not supported XYZ/USD","method":"subscribe","req_id":1,'
    b'"success":false,"symbol":"XYZ/USD","time_in":"2026-08-16T23:54:19.629313Z",'
    b'"time_out":"2026-08-16T23:54:19.629343Z"}'
)
PLACED = (
    b'{"channel":"executions","type":"update","data":[{"order_id":"OK4GJX-KSTLS-7DZZO5",'
    b'"order_userref":3,"symbol":"BTC/USD","order_qty":0.00500000,"cum_cost":0.0,'
    b'"time_in_force":"GTC","exec_type":"pending_new","side":"sell","order_type":"limit",'
    b'"limit_price_type":"static","limit_price":26500.0,"stop_price":0.0,'
    b'"order_status":"pending_new","fee_usd_equiv":0.0,"fee_ccy_pref":"fciq",'
    b'"timestamp":"2023-09-22T10:33:05.709950Z"}],"sequence":8}'
)
FILL = (
    b'{"channel":"executions","type":"snapshot","sequence":1,"data":[{"cost":0.007262,'
    b'"exec_id":"TBQGLU-646YF-3L6UC6","exec_type":"trade","fee_usd_equiv":0.0,'
    b'"fees":[{"asset":"USDC","qty":1.5e-05}],"last_price":85.16,"last_qty":8.528e-05,'
    b'"liquidity_ind":"m","order_id":"OV33EK-VOGHL-DB43VD","order_status":"filled",'
    b'"order_type":"limit","order_userref":0,"side":"sell","symbol":"SOL/USDC",'
    b'"timestamp":"2026-04-11T16:48:26.620771Z","trade_id":1241209}]}'
)


def trades(*numbers: int, kind: str = "update") -> bytes:
    """Trades of BTC/USD with these ids."""
    parts = ",".join(
        f'{{"symbol":"BTC/USD","side":"buy","price":105944.20,"qty":0.00027625,'
        f'"ord_type":"limit","trade_id":{number},"timestamp":"2025-05-13T10:12:13.876173Z"}}'
        for number in numbers
    )
    return f'{{"channel":"trade","type":"{kind}","data":[{parts}]}}'.encode()


def bar(begin: str, close: float) -> bytes:
    """A candle of BTC/USD that begins in this minute of an hour."""
    return BAR.replace(b"19:28:00.000000000Z", f"19:{begin}:00.000000000Z".encode()).replace(
        b'"close":63297.7', f'"close":{close}'.encode()
    )


def acknowledgement(channel: str, symbol: str) -> bytes:
    """The answer to a subscription of one symbol."""
    return (
        f'{{"method":"subscribe","req_id":1,"result":{{"channel":"{channel}","snapshot":true,'
        f'"symbol":"{symbol}"}},"success":true,"time_in":"2026-08-12T19:29:00.962486Z",'
        f'"time_out":"2026-08-12T19:29:00.962534Z"}}'
    ).encode()


def book(kind: str, bids, asks, checksum, symbol: str = "BTC/USD") -> bytes:
    """A book frame of (price text, quantity text)."""
    sides = [
        "[" + ",".join(f'{{"price":{price},"qty":{qty}}}' for price, qty in side) + "]"
        for side in (bids, asks)
    ]
    told = "" if checksum is None else f'"checksum":{checksum},'
    return (
        f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"{symbol}","bids":{sides[0]},'
        f'"asks":{sides[1]},{told}"timestamp":"2026-10-06T08:04:57.751239Z"}}]}}'
    ).encode()


def executions(sequence: int, *reports: str, kind: str = "update") -> bytes:
    """An executions frame of reports in JSON."""
    data = ",".join(reports)
    return (
        f'{{"channel":"executions","type":"{kind}","data":[{data}],"sequence":{sequence}}}'
    ).encode()
