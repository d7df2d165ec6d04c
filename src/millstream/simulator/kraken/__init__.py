"""Kraken spot as the venue speaks it: REST, and websocket v2, public and private."""
