"""The machinery of a live connection, the same for every venue.

`base` is what a venue's stream derives from; `websocket` and `rest` touch the network; `backoff`,
`settings` and `outlet` are pure.
"""
