"""Binance USD-M futures: what differs from spot; the rest is in ``binance``."""
