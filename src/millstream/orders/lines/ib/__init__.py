"""The line to Interactive Brokers' TWS or IB Gateway by ib_async."""
