"""Services: observers with callbacks and timers, started and stopped in order. Floor 1.

`base.py` is what a user subclasses; `configuration.py` reads "service.<name>" and `load.py` finds
its class; `millstream.services` runs them.
"""

from millstream.service.api import ExchangeAPI
from millstream.service.base import ServiceBase
from millstream.service.timers import every

__all__ = ["ExchangeAPI", "ServiceBase", "every"]
