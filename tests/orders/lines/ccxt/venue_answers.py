"""REST answers of each venue as it documents them, cut to what counts, about the same orders.

abc123 (the venue's V1): a buy of 0.02 BTC at 50000, of which 0.01 has filled. old456 (V2): a sell
of 0.03 at 51000, canceled when 0.01 had filled. The account is 0.04 BTC short, or holds balances.

Sources: the answers quoted in ccxt 4.5's own exchange classes, which name the venue's page beside
each, and nautilus_trader's test data of the same endpoints. Ids and numbers are ours.
"""

V1, V2, T1 = "10001", "10002", "20001"
MS = 1_763_000_000_000

# ---- developers.binance.com/docs/derivatives/usds-margined-futures ------------------------------


def binance_order(number, client, side, price, volume, filled, status):
    return {
        "orderId": int(number), "symbol": "BTCUSDT", "status": status, "clientOrderId": client,
        "price": price, "avgPrice": price if float(filled) else "0.00", "origQty": volume,
        "executedQty": filled, "cumQuote": "500.00000", "timeInForce": "GTC", "type": "LIMIT",
        "reduceOnly": False, "closePosition": False, "side": side, "positionSide": "BOTH",
        "stopPrice": "0.00", "workingType": "CONTRACT_PRICE", "priceProtect": False,
        "origType": "LIMIT", "priceMatch": "NONE", "selfTradePreventionMode": "NONE",
        "goodTillDate": 0, "time": MS, "updateTime": MS,
    }  # fmt: skip


BINANCE_PLACED = binance_order(V1, "abc123", "BUY", "50000.00", "0.020", "0.000", "NEW")
BINANCE_OPEN = binance_order(V1, "abc123", "BUY", "50000.00", "0.020", "0.010", "PARTIALLY_FILLED")
BINANCE_ENDED = binance_order(V2, "old456", "SELL", "51000.00", "0.030", "0.010", "CANCELED")

BINANCE_FUTURE = {
    "/fapi/v1/time": {"serverTime": MS},
    "/fapi/v1/exchangeInfo": {
        "timezone": "UTC", "serverTime": MS, "rateLimits": [], "exchangeFilters": [], "assets": [],
        "symbols": [{
            "symbol": "BTCUSDT", "pair": "BTCUSDT", "contractType": "PERPETUAL",
            "deliveryDate": 4133404800000, "onboardDate": 1569398400000, "status": "TRADING",
            "baseAsset": "BTC", "quoteAsset": "USDT", "marginAsset": "USDT", "pricePrecision": 2,
            "quantityPrecision": 3, "baseAssetPrecision": 8, "quotePrecision": 8,
            "underlyingType": "COIN", "orderTypes": ["LIMIT", "MARKET"],
            "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
            "filters": [
                {"filterType": "PRICE_FILTER", "maxPrice": "4529764", "minPrice": "556.80",
                 "tickSize": "0.10"},
                {"filterType": "LOT_SIZE", "stepSize": "0.001", "maxQty": "1000",
                 "minQty": "0.001"},
                {"filterType": "MIN_NOTIONAL", "notional": "100"},
            ],
        }],
    },
    "/fapi/v3/account": {"assets": [{
        "asset": "USDT", "walletBalance": "1000.0", "marginBalance": "1000.0",
        "maintMargin": "0", "initialMargin": "0", "availableBalance": "900.0",
        "crossWalletBalance": "1000.0", "crossUnPnl": "0", "unrealizedProfit": "0",
    }], "positions": []},
    "POST /fapi/v1/order": BINANCE_PLACED,
    "DELETE /fapi/v1/order": BINANCE_OPEN | {"status": "CANCELED"},
    "GET /fapi/v1/order": BINANCE_ENDED,
    "/fapi/v1/openOrders": [BINANCE_OPEN],
    "/fapi/v1/allOrders": [BINANCE_OPEN, BINANCE_ENDED],
    "/fapi/v1/userTrades": [{
        "buyer": True, "commission": "0.10000000", "commissionAsset": "USDT", "id": int(T1),
        "maker": True, "orderId": int(V1), "price": "50000.00", "qty": "0.010",
        "quoteQty": "500.00000", "realizedPnl": "0", "side": "BUY", "positionSide": "BOTH",
        "symbol": "BTCUSDT", "time": MS,
    }],
    "/fapi/v1/leverageBracket": [{"symbol": "BTCUSDT", "brackets": [{
        "bracket": 1, "initialLeverage": 125, "notionalCap": 50000, "notionalFloor": 0,
        "maintMarginRatio": 0.004, "cum": 0.0,
    }]}],
    "/fapi/v3/positionRisk": [{
        "symbol": "BTCUSDT", "positionSide": "BOTH", "positionAmt": "-0.040",
        "entryPrice": "50500.0", "breakEvenPrice": "50480.0", "markPrice": "50000.0",
        "unRealizedProfit": "20.0", "liquidationPrice": "99000.0", "isolatedMargin": "0",
        "notional": "-2000.0", "marginAsset": "USDT", "isolatedWallet": "0", "initialMargin": "100",
        "maintMargin": "8", "positionInitialMargin": "100", "openOrderInitialMargin": "0", "adl": 2,
        "bidNotional": "0", "askNotional": "0", "updateTime": MS,
    }],
}  # fmt: skip

# ---- docs.kraken.com/api/docs/futures-api -------------------------------------------------------


def kraken_event(kind, number, client, side, left, filled, ms, **more):
    order = {
        "uid": number, "accountUid": "406142dd", "tradeable": "PF_XBTUSD", "direction": side,
        "quantity": left, "filled": filled, "timestamp": str(ms), "limitPrice": "51000.0000000000",
        "orderType": "Limit", "clientId": client, "reduceOnly": False,
        "lastUpdateTimestamp": str(ms),
    }  # fmt: skip
    inner = {"newOrder": order} if kind == "OrderUpdated" else {"order": order}
    event = {kind: inner | {"reason": "new_user_order", "reducedQuantity": "", **more}}
    return {"uid": f"e-{number}-{ms}", "timestamp": str(ms), "event": event}


KRAKEN_HISTORY = {  # the newest first
    "accountUid": "406142dd", "len": 3,
    "elements": [
        kraken_event("OrderCancelled", V2, "old456", "Sell", "0.02", "0.01", MS + 3,
                     reason="cancelled_by_user"),
        kraken_event("OrderPlaced", V2, "old456", "Sell", "0.03", "0", MS + 2),
        kraken_event("OrderPlaced", V1, "abc123", "Buy", "0.02", "0", MS),
    ],
}  # fmt: skip


def kraken_log_row(number, asset, execution=T1, fee=None):
    return {
        "id": number, "date": "2025-11-13T02:13:20.000Z", "asset": asset, "info": "futures trade",
        "booking_uid": f"b{number}", "margin_account": "flex", "contract": "pf_xbtusd",
        "old_balance": 1000, "new_balance": 999.9, "trade_price": 50000, "execution": execution,
        "fee": fee, "realized_pnl": 0, "liquidation_fee": None, "collateral": "usd",
    }  # fmt: skip


KRAKEN_FUTURE = {
    "/api/v3/instruments": {"result": "success", "serverTime": "2025-11-13T02:13:20.000Z",
        "instruments": [{
            "symbol": "PF_XBTUSD", "type": "flexible_futures", "tickSize": 1, "contractSize": 1,
            "tradeable": True, "impactMidSize": 1, "maxPositionSize": 1000000,
            "openingDate": "2022-01-01T00:00:00.000Z", "marginLevels": [
                {"numNonContractUnits": 0, "initialMargin": 0.02, "maintenanceMargin": 0.01},
            ],
            "fundingRateCoefficient": 1, "maxRelativeFundingRate": 0.001,
            "contractValueTradePrecision": 4, "postOnly": False, "base": "BTC", "quote": "USD",
            "pair": "BTC:USD", "category": "Layer 1", "tags": [], "mtf": False,
        }],
    },
    "/api/v3/accounts": {"result": "success", "accounts": {"flex": {
        "type": "multiCollateralMarginAccount", "currencies": {
            "USD": {"quantity": 1000, "value": 1000, "collateral": 1000, "available": 900},
        }, "availableMargin": 900, "balanceValue": 1000, "portfolioValue": 1000,
    }}},
    "/api/v3/sendorder": {"result": "success", "sendStatus": {
        "order_id": V1, "status": "placed", "receivedTime": "2025-11-13T02:13:20.000Z",
        "orderEvents": [{"type": "PLACE", "reducedQuantity": None, "order": {
            "orderId": V1, "cliOrdId": "abc123", "type": "lmt", "symbol": "PF_XBTUSD",
            "side": "buy", "quantity": 0.02, "filled": 0, "limitPrice": 50000, "reduceOnly": False,
            "timestamp": "2025-11-13T02:13:20.000Z",
            "lastUpdateTimestamp": "2025-11-13T02:13:20.000Z",
        }}],
    }},
    "/api/v3/cancelorder": {"result": "success", "cancelStatus": {
        "status": "cancelled", "order_id": V1, "receivedTime": "2025-11-13T02:13:20.000Z",
        "orderEvents": [{"type": "CANCEL", "uid": V1, "order": {
            "orderId": V1, "cliOrdId": "abc123", "type": "lmt", "symbol": "PF_XBTUSD",
            "side": "buy", "quantity": 0.02, "filled": 0.01, "limitPrice": 50000,
            "reduceOnly": False, "timestamp": "2025-11-13T02:13:20.000Z",
            "lastUpdateTimestamp": "2025-11-13T02:13:20.000Z",
        }}],
    }},
    "/api/v3/openorders": {"result": "success", "serverTime": "2025-11-13T02:13:20.000Z",
        "openOrders": [{
            "order_id": V1, "cliOrdId": "abc123", "symbol": "PF_XBTUSD", "side": "buy",
            "orderType": "lmt", "limitPrice": 50000, "unfilledSize": 0.01, "filledSize": 0.01,
            "receivedTime": "2025-11-13T02:13:20.000Z", "status": "partiallyFilled",
            "reduceOnly": False, "lastUpdateTime": "2025-11-13T02:13:20.000Z",
        }],
    },
    # It knows an order that ended for five seconds more.
    "/api/v3/orders/status": {"result": "success", "orders": []},
    "/api/history/v2/orders": KRAKEN_HISTORY,
    "/api/v3/fills": {"result": "success", "fills": [{
        "fill_id": T1, "symbol": "PF_XBTUSD", "side": "buy", "order_id": V1, "cliOrdId": "abc123",
        "fillTime": "2025-11-13T02:13:20.000Z", "size": 0.01, "price": 50000, "fillType": "maker",
    }]},
    "/account-log": {"accountUid": "406142dd", "logs": [
        kraken_log_row(1, "usd", fee=0.1),
        kraken_log_row(2, "pf_xbtusd", fee=None),
    ]},
    "/api/v3/openpositions": {"result": "success", "openPositions": [{
        "side": "short", "symbol": "PF_XBTUSD", "price": 50500, "size": 0.04,
        "fillTime": "2025-11-13T02:13:20.000Z", "unrealizedFunding": 0.0, "pnlCurrency": "USD",
    }]},
}  # fmt: skip

# ---- docs.cdp.coinbase.com/api-reference/advanced-trade-api ------------------------------------


def coinbase_order(number, client, side, price, volume, filled, status):
    return {
        "order_id": number, "product_id": "BTC-USD", "user_id": "u", "side": side,
        "order_configuration": {"limit_limit_gtc": {
            "base_size": volume, "limit_price": price, "post_only": False,
        }},
        "client_order_id": client, "status": status, "time_in_force": "GOOD_UNTIL_CANCELLED",
        "created_time": "2025-11-13T02:13:20Z", "completion_percentage": "50",
        "filled_size": filled, "average_filled_price": price, "fee": "", "number_of_fills": "1",
        "filled_value": "500", "pending_cancel": False, "size_in_quote": False,
        "total_fees": "0.1", "size_inclusive_of_fees": False, "total_value_after_fees": "500.1",
        "trigger_status": "INVALID_ORDER_TYPE", "order_type": "LIMIT",
        "reject_reason": "REJECT_REASON_UNSPECIFIED", "settled": False, "product_type": "SPOT",
        "reject_message": "", "cancel_message": "",
    }  # fmt: skip


COINBASE_OPEN = coinbase_order(V1, "abc123", "BUY", "50000", "0.02", "0.01", "OPEN")
COINBASE_ENDED = coinbase_order(V2, "old456", "SELL", "51000", "0.03", "0.01", "CANCELLED")


def coinbase_account(currency, available, hold):
    return {
        "uuid": currency, "name": currency, "currency": currency, "type": "ACCOUNT_TYPE_CRYPTO",
        "available_balance": {"value": available, "currency": currency}, "default": True,
        "active": True, "ready": True, "hold": {"value": hold, "currency": currency},
    }  # fmt: skip


def coinbase_orders(query, _):
    """Of GET /orders/historical/batch."""
    found = [COINBASE_OPEN] if "OPEN" in query else [COINBASE_OPEN, COINBASE_ENDED]
    return {"orders": found, "sequence": "0", "has_next": False, "cursor": ""}


COINBASE_PRODUCT = {
    "product_id": "BTC-USD", "price": "50000", "base_increment": "0.00000001",
    "quote_increment": "0.01", "quote_min_size": "1", "quote_max_size": "150000000",
    "base_min_size": "0.00000001", "base_max_size": "3400", "base_name": "Bitcoin",
    "quote_name": "US Dollar", "is_disabled": False, "new": False, "status": "online",
    "cancel_only": False, "limit_only": False, "post_only": False, "trading_disabled": False,
    "auction_mode": False, "product_type": "SPOT", "quote_currency_id": "USD",
    "base_currency_id": "BTC", "price_increment": "0.01", "view_only": False,
    "base_display_symbol": "BTC", "quote_display_symbol": "USD", "alias": "", "alias_to": [],
}  # fmt: skip


def coinbase_products(query, _):
    """Of GET /market/products."""
    found = [] if "FUTURE" in query else [COINBASE_PRODUCT]
    return {"products": found, "num_products": len(found)}


COINBASE = {
    "/v2/time": {"data": {"iso": "2025-11-13T02:13:20Z", "epoch": 1763000000}},
    "/brokerage/time": {"iso": "2025-11-13T02:13:20Z", "epochSeconds": "1763000000",
                        "epochMillis": "1763000000000"},
    "/brokerage/market/products": coinbase_products,
    "/brokerage/transaction_summary": {
        "total_volume": 0, "total_fees": 0, "advanced_trade_only_volume": 0,
        "fee_tier": {"pricing_tier": "", "taker_fee_rate": "0.006", "maker_fee_rate": "0.004"},
    },
    "/brokerage/accounts": {"accounts": [
        coinbase_account("BTC", "1.25", "0.25"), coinbase_account("USD", "1000", "0"),
    ], "has_next": False, "cursor": "", "size": 2},
    "POST /brokerage/orders": {
        "success": True, "failure_reason": "UNKNOWN_FAILURE_REASON", "order_id": V1,
        "success_response": {"order_id": V1, "product_id": "BTC-USD", "side": "BUY",
                             "client_order_id": "abc123"},
        "order_configuration": COINBASE_OPEN["order_configuration"],
    },
    "/orders/batch_cancel": {"results": [
        {"success": True, "failure_reason": "UNKNOWN_CANCEL_FAILURE_REASON", "order_id": V1},
    ]},
    "/orders/historical/batch": coinbase_orders,
    "/orders/historical/fills": {"fills": [{
        "entry_id": "e1", "trade_id": T1, "order_id": V1, "trade_time": "2025-11-13T02:13:20Z",
        "trade_type": "FILL", "price": "50000", "size": "0.01", "commission": "0.1",
        "product_id": "BTC-USD", "sequence_timestamp": "2025-11-13T02:13:20Z",
        "liquidity_indicator": "MAKER", "size_in_quote": False, "user_id": "u", "side": "BUY",
    }], "cursor": ""},
    f"/orders/historical/{V2}": {"order": COINBASE_ENDED},
}  # fmt: skip

# ---- www.okx.com/docs-v5 ------------------------------------------------------------------------


def okx(kind, inst, size):
    """kind: SPOT or SWAP. size: BTC to the venue's unit, as text."""

    def data(*rows):
        return {"code": "0", "msg": "", "data": list(rows)}

    def row(number, client, side, price, volume, filled, state):
        return {
            "instType": kind, "instId": inst, "tgtCcy": "", "ccy": "", "ordId": number,
            "clOrdId": client, "tag": "", "px": price, "sz": size(volume), "pnl": "0",
            "ordType": "limit", "side": side, "posSide": "net", "tdMode": "cash",
            "accFillSz": size(filled), "fillPx": price, "tradeId": T1, "fillSz": size(filled),
            "fillTime": str(MS), "state": state, "avgPx": price, "lever": "", "tpTriggerPx": "",
            "tpOrdPx": "", "slTriggerPx": "", "slOrdPx": "", "feeCcy": "USDT", "fee": "-0.1",
            "rebateCcy": "USDT", "rebate": "0", "category": "normal", "reduceOnly": "false",
            "cTime": str(MS), "uTime": str(MS), "cancelSource": "", "source": "", "algoId": "",
        }  # fmt: skip

    def instruments(query, _):
        if f"instType={kind}" not in query:
            return data()
        swap = kind == "SWAP"
        return data({
            "instType": kind, "instId": inst, "baseCcy": "" if swap else "BTC",
            "quoteCcy": "" if swap else "USDT", "settleCcy": "USDT" if swap else "",
            "uly": "BTC-USDT" if swap else "", "instFamily": "BTC-USDT" if swap else "",
            "ctVal": "0.01" if swap else "", "ctMult": "1" if swap else "",
            "ctValCcy": "BTC" if swap else "", "ctType": "linear" if swap else "",
            "optType": "", "stk": "", "listTime": str(MS), "expTime": "", "lever": "10",
            "tickSz": "0.1", "lotSz": "0.01" if swap else "0.00000001",
            "minSz": "0.01" if swap else "0.00001", "alias": "", "state": "live",
            "maxLmtSz": "9999999999", "maxMktSz": "1000000", "category": "1", "ruleType": "normal",
        })  # fmt: skip

    opened = row(V1, "abc123", "buy", "50000", "0.02", "0.01", "partially_filled")
    ended = row(V2, "old456", "sell", "51000", "0.03", "0.01", "canceled")
    done = {"ordId": V1, "clOrdId": "abc123", "tag": "", "ts": str(MS), "sCode": "0", "sMsg": ""}
    return {
        "/public/time": data({"ts": str(MS)}),
        "/public/instruments": instruments,
        "/account/balance": data({"totalEq": "1000", "uTime": str(MS), "details": [
            {"ccy": "BTC", "eq": "1.5", "cashBal": "1.5", "availBal": "1.25", "availEq": "1.25",
             "frozenBal": "0.25", "ordFrozen": "0.25", "uTime": str(MS)},
            {"ccy": "USDT", "eq": "1000", "cashBal": "1000", "availBal": "1000", "availEq": "1000",
             "frozenBal": "0", "ordFrozen": "0", "uTime": str(MS)},
        ]}),
        "/trade/batch-orders": data(done),
        "/trade/cancel-order": data(done),
        "/trade/orders-pending": data(opened),
        "/trade/order": data(ended),
        "/trade/orders-history": lambda query, _: data(*[ended] * ("canceled" in query)),
        "/trade/fills-history": data({
            "instType": kind, "instId": inst, "tradeId": T1, "ordId": V1, "clOrdId": "abc123",
            "billId": "1", "tag": "", "fillPx": "50000", "fillSz": size("0.01"), "side": "buy",
            "posSide": "net", "execType": "M", "feeCcy": "USDT", "fee": "-0.1", "ts": str(MS),
            "fillTime": str(MS), "fillPnl": "0",
        }),
        "/account/positions": data({
            "instType": "SWAP", "instId": inst, "mgnMode": "cross", "posId": "1", "posSide": "net",
            "pos": f"-{size('0.04')}", "availPos": "", "avgPx": "50500", "upl": "20", "lever": "10",
            "liqPx": "", "markPx": "50000", "imr": "100", "mmr": "8", "margin": "",
            "mgnRatio": "11", "notionalUsd": "2000", "ccy": "USDT", "posCcy": "",
            "cTime": str(MS), "uTime": str(MS), "last": "50000", "adl": "1",
        }),
    }  # fmt: skip


OKX = okx("SPOT", "BTC-USDT", str)
OKX_SWAP = okx("SWAP", "BTC-USDT-SWAP", lambda volume: f"{float(volume) * 100:g}")
