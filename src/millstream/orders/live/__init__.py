"""A live venue behind a line: what is asked of it, and what its answers prove. Pure."""

from millstream.orders.live.venue import LiveSettings, LiveVenue

__all__ = ["LiveSettings", "LiveVenue"]
