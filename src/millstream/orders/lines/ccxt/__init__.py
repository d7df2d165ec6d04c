"""The line to a crypto venue's REST by ccxt, and a service's calls by the same client."""
