"""The log's latest warnings, for who looks at a screen instead."""

from __future__ import annotations

import logging
from collections import deque
from datetime import datetime

WARNINGS_SHOWN = 2


class Warnings(logging.Handler):
    """Hears what Millstream's log is told from now on."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.latest: deque[str] = deque(maxlen=WARNINGS_SHOWN)
        self._untold = 0
        logging.getLogger("millstream").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it, with its time of day."""
        self.latest.append(f"{datetime.fromtimestamp(record.created):%H:%M:%S} {_said(record)}")
        self._untold += 1

    def news(self) -> list[str]:
        """The latest warning, if it was not told yet, and how many are in the log besides."""
        new, self._untold = self._untold, 0
        if not new:
            return []
        more = f" (and {new - 1:,} more in the log)" if new > 1 else ""
        return [self.latest[-1] + more]


def _said(record: logging.LogRecord) -> str:
    return record.getMessage().partition("\n")[0]
