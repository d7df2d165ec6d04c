"""The lines to venues: how orders, cancels and questions leave, and how answers come back.

`answers.py` and `base.py` are what all have in common; then a folder each: `binance/` and `ccxt/`
speak REST, `ib/` speaks to TWS. What the answers prove is decided in `orders/live/`.
"""
