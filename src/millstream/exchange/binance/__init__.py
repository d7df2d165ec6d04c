"""Binance spot, and what futures share: `wire`, `market`, `book`, `private` pure; `rest`, `stream` live."""
