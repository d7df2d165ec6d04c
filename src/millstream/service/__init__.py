"""Services: observers with callbacks and timers, started and stopped in order. Floor 1."""

from millstream.service.base import ServiceBase
from millstream.service.timers import every

__all__ = ["ServiceBase", "every"]
