"""The machinery of a live connection, the same for every venue.

`base` is what a venue's stream derives from; `supervisor` keeps a channel connected; a `link` is
one connection, a `replacement` one that takes another's place; `talk` is a login. `watch` tells of
late and old data by `topics`, `limits` keeps a venue's limits, `outlet` fans out, `receiver` says
where frames go, `figures` and `metrics` show how all that stands. `websocket` and `rest` touch the
network. What a stream promises: docs/streams.md.
"""
