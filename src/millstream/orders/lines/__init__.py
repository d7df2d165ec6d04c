"""The lines to venues: how orders, cancels and questions leave, and how answers come back.

`answers.py` is what all lines have in common; then a folder each: `binance/` and `ccxt/` speak REST,
`ib/` speaks to TWS. What the answers prove is decided in `orders/live/`.
"""
