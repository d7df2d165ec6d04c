import asyncio

from millstream import Channel, CurrencyPair, Exchange, get_exchange_stream


class DataHandler:
    """数据处理观察者"""

    def __init__(self):
        self.ticker_queue = asyncio.Queue()
        self.trade_queue = asyncio.Queue()

    async def process_tickers(self):
        """处理 Ticker 数据"""
        while True:
            ticker = await self.ticker_queue.get()
            print(f"收到 Ticker: {ticker.symbol} {ticker.bidPrice} / {ticker.askPrice}")

    async def process_trades(self):
        """处理 Trade 数据"""
        while True:
            trade = await self.trade_queue.get()
            print(f"收到 Trade: {trade.symbol} {trade.price} x {trade.volume}")


async def main():
    # 创建 Stream
    stream = get_exchange_stream(
        exchange=Exchange.KRAKEN,
        currency_pairs=[CurrencyPair.BTC_USD, CurrencyPair.ETH_USD],
        subscribe_channels=[Channel.TICKER, Channel.TRADE],
        api_key="",        # 公共频道不需要认证
        api_secret="",
        subscribe_args={}
    )  # fmt: skip

    # 创建观察者并绑定
    handler = DataHandler()
    stream.bind_observer(handler)

    # 启动所有任务
    await asyncio.gather(
        stream.start(),              # 启动 WebSocket 订阅
        handler.process_tickers(),   # 消费 Ticker 数据
        handler.process_trades(),    # 消费 Trade 数据
    )  # fmt: skip


if __name__ == "__main__":
    asyncio.run(main())
