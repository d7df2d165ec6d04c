import asyncio

from millstream import Channel, CurrencyPair, Exchange, ServiceBase, get_exchange_stream


class Printer(ServiceBase):
    def on_ticker(self, ticker):
        print(f"{ticker.symbol} {ticker.bidPrice} / {ticker.askPrice}")


async def main():
    service = Printer()
    params = {
        "exchange": Exchange.KRAKEN,
        "currency_pairs": [CurrencyPair.BTC_USD, CurrencyPair.ETH_USD],
        "subscribe_channels": [Channel.TICKER, Channel.TRADE],
        "api_key": "your api key",
        "api_secret": "your api secret",
        "api_auth_data": "your auth data",
        "api_host": "",  # another host than the exchange's own
        "reconnect_times": -1,  # for ever
        "subscribe_args": {},
    }
    stream = get_exchange_stream(**params)
    stream.bind_observer(service)

    streaming = asyncio.create_task(stream.start())
    await service.start()
    await streaming


if __name__ == "__main__":
    asyncio.run(main())
