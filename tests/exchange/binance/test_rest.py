"""What REST tells while some of its pages fail, and while the stream goes on."""

import asyncio
import json

import pytest
from tests.exchange.binance.account import KEY, SECRET, account_pages, order, report, trade

from millstream.errors import StreamError
from millstream.exchange.binance import auth
from millstream.exchange.binance.private import PrivateDecoder
from millstream.exchange.binance.rest import SPOT, AccountRest
from millstream.model import Channel, CurrencyPair, Exchange

PAIRS = [CurrencyPair.ETH_USDT, CurrencyPair.BTC_USDT]


def account(pages, channel):
    decoder = PrivateDecoder(Exchange.BINANCE, PAIRS, channel)
    return AccountRest(decoder, PAIRS, pages.url, SPOT, KEY, auth.signer(SECRET), since_ms=1)


def fails_for_the_second_pair(page, wanted):
    return (503, {}) if wanted["symbol"] == "BTCUSDT" else None


@pytest.mark.parametrize("channel", [Channel.MY_TRADE, Channel.MY_ORDER])
def test_what_was_found_before_a_page_failed_comes_with_the_next_attempt(channel):
    with account_pages() as pages:
        pages.orders[7] = order(7)
        pages.trades.append(trade(3, 7, 5_000))
        made = account(pages, channel)
        pages.before_answer = fails_for_the_second_pair
        with pytest.raises(StreamError, match="503"):
            asyncio.run(made.reconcile())
        pages.before_answer = lambda page, wanted: None
        (event,) = asyncio.run(made.reconcile())
        assert event.order_id == "run7"
        assert asyncio.run(made.reconcile()) == []


def test_what_the_stream_told_while_rest_was_asked_on_is_not_overwritten():
    with account_pages() as pages:
        pages.orders[7] = order(7, "PARTIALLY_FILLED", "0.5", 1001)
        made = account(pages, Channel.MY_ORDER)

        def meanwhile(page, wanted):
            if wanted["symbol"] == "BTCUSDT":
                frame = json.dumps({"event": report(7, "FILLED", "1.0", 1002, 4)}).encode()
                (told,) = made.decoder.feed(frame, 9)
                assert told.status.name == "FILLED"

        pages.before_answer = meanwhile
        assert asyncio.run(made.reconcile()) == []
