"""One subscription and what is known of it: a pair and a channel. Pure."""

from __future__ import annotations

from millstream.model import Channel, CurrencyPair

__all__ = ["Topic"]


class Topic:
    """Whether a subscription was acknowledged, when its data last came, why it was refused.

    Slotted and mutable: `last_ns` and `updates` are set with every frame.

    state      when
    refused    the venue said no
    asked      nothing came back yet
    silent     acknowledged, and no data yet
    live       data comes
    stale      data came, and then none for too long
    """

    __slots__ = ("acknowledged", "channel", "last_ns", "pair", "refused", "stale", "updates")

    def __init__(
        self,
        pair: CurrencyPair | None,
        channel: Channel,
        acknowledged: bool = False,
        last_ns: int = 0,
        refused: str = "",
    ) -> None:
        self.pair = pair  # None: the whole channel, as private ones are
        self.channel = channel
        self.acknowledged = acknowledged
        self.last_ns = last_ns  # received time of the last data; 0: none since the restart
        self.refused = refused  # the venue's reason; "": it did not refuse
        self.updates = 0  # how often its data came, on all connections
        self.stale = False  # set by whoever watches the age of data

    def restart(self) -> None:
        """A new connection begins: nothing of the old one holds."""
        self.acknowledged = False
        self.last_ns = 0
        self.refused = ""
        self.stale = False

    @property
    def state(self) -> str:
        """One word of the table above."""
        if self.refused:
            return "refused"
        if self.stale:
            return "stale"
        if self.last_ns:
            return "live"
        return "silent" if self.acknowledged else "asked"

    def __repr__(self) -> str:
        pair = "" if self.pair is None else f" {self.pair}"
        return f"<Topic {self.channel}{pair}: {self.state}>"
