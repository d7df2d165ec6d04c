"""Takes orders as commands and tells everybody how they stand. It sends nothing to an exchange."""

import time
from decimal import Decimal

from millstream import (
    Channel,
    CurrencyPair,
    Exchange,
    MyOrder,
    OrderStatus,
    OrderType,
    ServiceBase,
    Side,
    TimeInForce,
)
from millstream.ipc import IPCCommand


class Gateway(ServiceBase):
    def on_setup(self) -> bool:
        self.orders: dict[str, MyOrder] = {}
        self.ipc_publisher.open(Exchange.BINANCE, Channel.MY_ORDER)
        self.ipc_command.register_handler("place_order", self.place_order)
        self.ipc_command.register_handler("shutdown", self.shutdown)
        return True

    async def place_order(self, command: IPCCommand) -> None:
        wish = command.payload
        order = MyOrder(
            received_ns=time.time_ns(),
            exchange=Exchange.BINANCE,
            symbol=CurrencyPair.parse(wish["symbol"]),
            robot=command.sender_id,
            order_id=wish["order_id"],
            venue_id="",
            side=Side.parse(wish["side"]),
            type=OrderType.LIMIT,
            time_in_force=TimeInForce.GTC,
            post_only=True,
            price=Decimal(wish["price"]),
            volume=Decimal(wish["volume"]),
            status=OrderStatus.WORKING,
            filled_volume=Decimal(0),
            average_price=None,
            reason="",
            revision=0,
        )
        self.orders[order.order_id] = order
        await self.ipc_publisher.send_my_order(order)  # everybody who follows binance.my_order
        placed = {"order_id": order.order_id}  # and an answer for who asked
        await self.ipc_command.send_command(command.sender_id, "order_placed", placed)

    def shutdown(self, command: IPCCommand) -> None:
        print(f"{command.sender_id} says goodbye", flush=True)
        self.end(f"{command.sender_id} said so")
