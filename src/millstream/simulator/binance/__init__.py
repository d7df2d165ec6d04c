"""Binance spot as the venue speaks it: REST, the market streams, the WebSocket API."""
