"""Where log lines go: a file of the session, so that the screen stays the screen."""

from __future__ import annotations

import logging
from pathlib import Path

from millstream.errors import ConfigError


def log_to(path: Path) -> None:
    """Send every log line of Millstream to a file. Raises ConfigError when it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(path)
    except OSError as error:
        raise ConfigError(f"cannot write in {path.parent}: {error.strerror or error}") from None
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    root = logging.getLogger("millstream")
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    root.propagate = False
