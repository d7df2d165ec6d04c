"""The truth about orders: their life, who keeps them, who judges them, who sends them.

`SqliteStore` is in `sqlite.py` and the thread in `service.py`: both touch the world.
"""

from .desk import OrderDesk
from .gateway import Gateway, Venue
from .machine import Fill, Happened, OrderReport
from .memory import MemoryStore
from .paper import PaperSettings, PaperVenue
from .risk import RiskBook, RiskLimits, RiskState
from .store import Change, OrderStore, watch

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
