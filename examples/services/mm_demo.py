from millstream import MyOrder, MyTrade, ServiceBase


class MMDemoService(ServiceBase):
    def on_my_order(self, my_order: MyOrder) -> None:
        print(f"{my_order.symbol} {my_order.order_id}: {my_order.status}", flush=True)

    def on_my_trade(self, my_trade: MyTrade) -> None:
        print(f"{my_trade.symbol} {my_trade.price} x {my_trade.volume}", flush=True)
