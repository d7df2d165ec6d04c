"""Kraken Futures: websocket v1."""
