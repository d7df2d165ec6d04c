"""Binance spot, and what futures share with it: `decode` and `private` pure, `stream` live."""
