"""An exchange on loopback: it speaks a venue's own websocket and REST, and plays a market to you.

`python -m millstream.simulator` starts it as a process; see `__main__.py` for what it prints.
"""
