"""The truth about orders: their life, who keeps them, who judges them, who sends them.

`SqliteStore` is in `sqlite.py` and the thread in `service.py`: both touch the world.
"""

from millstream.orders.desk import OrderDesk
from millstream.orders.gateway import Gateway, Venue
from millstream.orders.machine import Fill, Happened, OrderReport
from millstream.orders.memory import MemoryStore
from millstream.orders.paper import PaperSettings, PaperVenue
from millstream.orders.risk import RiskBook, RiskLimits, RiskState
from millstream.orders.store import Change, OrderStore, watch

__all__ = [
    "Change",
    "Fill",
    "Gateway",
    "Happened",
    "MemoryStore",
    "OrderDesk",
    "OrderReport",
    "OrderStore",
    "PaperSettings",
    "PaperVenue",
    "RiskBook",
    "RiskLimits",
    "RiskState",
    "Venue",
    "watch",
]
