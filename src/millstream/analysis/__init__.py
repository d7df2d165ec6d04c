"""From what happened to what it was worth: tables and figures of a session. Floor 2."""

from millstream.analysis.ledger import Account, Ledger

__all__ = ["Account", "Ledger"]
