"""Interactive Brokers: `wire` its words, `decode` pure, `session` the TWS socket, `stream` live."""
