"""A venue of one's own: what a subclass writes to carry a channel."""

import asyncio
import json
import sys

from millstream import Channel, CurrencyPair, Exchange, StreamBase


class MyStream(StreamBase):
    def on_ticker(self, json_msg: dict):
        ticker = json_msg  # parse
        for ob in self._observers:
            ob.ticker_queue.put_nowait(ticker)

    async def ticker_channel(self):
        async def subscribe_wrapper():
            return json.dumps({"method": "SUBSCRIBE", "params": ["btcusdt@bookTicker"], "id": 1})

        params = {
            "host": f"{self.api_host}/ws",   # WebSocket主机地址
            "channel": Channel.TICKER,       # 当前频道
            "subscribe": subscribe_wrapper,  # 订阅消息的生成函数
            "on_packet": self.on_ticker,     # 收到消息后的处理回调
            "on_connected": None,            # 连接成功后的回调(可扩展)
            "on_disconnected": None          # 连接断开后的回调(可扩展)
        }  # fmt: skip
        await self.run_channel(**params)


class Printer:
    def __init__(self):
        self.ticker_queue = asyncio.Queue()

    async def process_tickers(self):
        while True:
            print(await self.ticker_queue.get(), flush=True)


async def main(api_host="wss://stream.binance.com:9443"):
    pairs, channels = [CurrencyPair.BTC_USDT], [Channel.TICKER]
    stream = MyStream(Exchange.BINANCE, pairs, channels, api_host=api_host)
    printer = Printer()
    stream.bind_observer(printer)
    await asyncio.gather(stream.start(), printer.process_tickers())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
