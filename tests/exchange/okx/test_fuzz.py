"""Whatever bytes come, the decoder goes on, and every frame is accounted for."""

import random

import pytest
from tests.exchange.okx import frames

from millstream.exchange import decoder

SEEDS = [
    frames.TICKER,
    frames.SWAP_TICKER,
    frames.TRADE,
    frames.CANDLE,
    frames.NOTICE,
    frames.UNKNOWN,
    frames.whole(3),
    frames.book(3, 4, [("99", "5")]),
    frames.orders(frames.order(tradeId="7", fillSz="1", fillPx="100", accFillSz="1")),
    b'{"rest":"/api/v5/public/instruments?instType=SWAP","data":' + frames.INSTRUMENTS + b"}",
]


def mutated(raw, chance):
    data = bytearray(raw)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data)) if data else 0
        match chance.randrange(4):
            case 0:
                data[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del data[at : at + chance.randint(1, 20)]
            case 2:
                data[at:at] = chance.choice(
                    [b'"', b"{", b"-1", b"1e999", b"null", b"\x00", b"9" * 40]
                )
            case _:
                del data[at:]
    return bytes(data)


@pytest.mark.parametrize("exchange", ["okx", "okx_swap"])
@pytest.mark.parametrize("private", ["my_order", "my_trade", "my_order_batch"])
def test_no_mutation_of_a_frame_raises_or_gets_lost(exchange, private):
    chance = random.Random(5)
    made = decoder(exchange, ["btc/usdt"], ["ticker", "trade", "book", "candle", private])
    for _ in range(4_000):
        raw = chance.choice(SEEDS)
        made.feed(raw if chance.random() < 0.3 else mutated(raw, chance), 1)
        assert made.counts.accounted == made.counts.frames
    assert made.counts.malformed > 1_000
