"""Where log lines go: a file of the session, so that the screen stays the screen."""

from __future__ import annotations

import logging
from io import TextIOWrapper
from pathlib import Path


class _SessionLog(logging.FileHandler):
    """Begins its file, and the session's folder, with the first line there is."""

    def _open(self) -> TextIOWrapper:
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        return super()._open()


def log_to(path: Path) -> None:
    """Send every log line of Millstream to a file."""
    handler = _SessionLog(path, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    root = logging.getLogger("millstream")
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    root.propagate = False
