"""Coinbase: Advanced Trade, and the Exchange feed by `subscribe_args`."""
