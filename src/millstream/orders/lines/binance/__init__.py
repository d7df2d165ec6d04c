"""The line to Binance spot's REST, without ccxt."""
