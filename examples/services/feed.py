from millstream import Event, ServiceBase


class Feed(ServiceBase):
    """Takes an exchange's streams once; its configuration publishes them to other processes."""

    def on_health(self, event: Event) -> None:
        print(type(event).__name__, event.exchange, event.channel, event.symbol or "", flush=True)
