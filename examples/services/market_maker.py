"""Quotes around the market: events from the feed's process, orders by the gateway's."""

from decimal import Decimal

import msgspec

from millstream import Event, Gap, MyOrder, ServiceBase, Ticker, every, round_down
from millstream.ipc import CommandRefused, CommandTimedOut, IPCCommand


class MarketMaker(ServiceBase):
    class Settings(msgspec.Struct):
        volume: str
        tick: str = "0.01"

    def on_setup(self) -> bool:
        self.bid: float | None = None
        self.quotes = 0
        self.ipc_command.register_handler("order_placed", self.on_order_placed)
        return True

    def on_ticker(self, ticker: Ticker) -> None:
        self.bid = ticker.bid_price

    @every("500ms")
    async def task_quote(self) -> None:
        if self.bid is None:
            return  # no ticker yet
        self.quotes += 1
        quote = {
            "order_id": f"mm1x{self.quotes}",
            "symbol": "btc/usdt",
            "side": "buy",
            "price": str(round_down(self.bid, Decimal(self.setting.tick))),
            "volume": self.setting.volume,
        }
        await self.ipc_command.send_command("gateway", "place_order", quote)

    def on_order_placed(self, command: IPCCommand) -> None:
        print(f"placed: {command.payload['order_id']}", flush=True)

    def on_my_order(self, my_order: MyOrder) -> None:
        print(f"{my_order.order_id} at {my_order.price}: {my_order.status}", flush=True)

    def on_health(self, event: Event) -> None:
        if isinstance(event, Gap):
            self.bid = None  # quote again with the next ticker
            print(f"missing {event.missing} events: {event.reason}", flush=True)

    def on_command_failure(self, failure: CommandTimedOut | CommandRefused) -> None:
        print(f"{failure.command.command_type} failed: {failure.reason}", flush=True)

    async def on_stop(self) -> None:
        await self.ipc_command.broadcast("shutdown")
