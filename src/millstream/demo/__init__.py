"""The main job in one command: a market, two robots, a journal, and the proof that it replays.

`quoter.py` and `crosser.py` are robots to read and to copy; `indicators.py` is what the second one
reads candles with.
"""
