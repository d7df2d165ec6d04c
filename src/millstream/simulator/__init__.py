"""An exchange on loopback: it speaks a venue's own websocket and REST, and plays a tape or a market.

`python -m millstream.simulator --exchange binance` starts it; see `__main__.py` for what it prints.
"""
