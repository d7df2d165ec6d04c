"""What a session shows: a live screen on a terminal, a line now and then elsewhere."""

from millstream.screen.lines import Lines, Quiet, Screen
from millstream.screen.live import LiveScreen
from millstream.screen.view import View
from millstream.screen.warnings import Warnings

__all__ = ["Lines", "LiveScreen", "Quiet", "Screen", "View", "Warnings"]
