"""OKX perpetual swaps: spot's room with sizes in contracts, which become base currency here."""
