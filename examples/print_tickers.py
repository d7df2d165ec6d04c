import asyncio

from millstream import Channel, CurrencyPair, Exchange, get_exchange_stream


class DataHandler:
    def __init__(self):
        self.ticker_queue = asyncio.Queue()
        self.trade_queue = asyncio.Queue()

    async def process_tickers(self):
        while True:
            ticker = await self.ticker_queue.get()
            print(f"{ticker.symbol} {ticker.bidPrice} / {ticker.askPrice}")

    async def process_trades(self):
        while True:
            trade = await self.trade_queue.get()
            print(f"{trade.symbol} {trade.price} x {trade.volume}")


async def main():
    stream = get_exchange_stream(
        exchange=Exchange.BINANCE,
        currency_pairs=[CurrencyPair.BTC_USDT, CurrencyPair.ETH_USDT],
        subscribe_channels=[Channel.TICKER, Channel.TRADE],
        api_key="",  # public channels need none
        api_secret="",
        subscribe_args={},
    )
    handler = DataHandler()
    stream.bind_observer(handler)
    await asyncio.gather(
        stream.start(),
        handler.process_tickers(),
        handler.process_trades(),
    )


if __name__ == "__main__":
    asyncio.run(main())
