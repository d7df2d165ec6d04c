"""From what happened to what it was worth: tables and figures of a session. Floor 7.

`study.py` replays a journal into rows of `tables.py`, `fleet.py` many of them into a keeper
(`sqlite.py`, `duckdb.py`, `parquet.py`); `why.py` explains one order.
"""

from millstream.analysis.ledger import Account, Ledger

__all__ = ["Account", "Ledger"]
