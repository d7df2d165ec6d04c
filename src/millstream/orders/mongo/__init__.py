"""The order store on a MongoDB replica set: the keeper that several hosts share.

    changes    the truth: one document for each transaction, its `_id` the first revision in it
    orders     each order as it stands, for people and programs; written after `changes`
    trades     each fill, inserted once
    positions  what fills add up to
    control    commands for robots, each with what became of it
    robots     set-ups as they return
    followers  where followers stood
    state      who owns the store, how far the readable ones have come, how far `changes` is pruned

A transaction is one insert of one document, so it is whole or not there. The `_id` is unique, so
of two writers that both know the store up to revision n, one commits n + 1, and the other learns
that it has to read first: nothing depends on clocks or leases.

`MongoStore` (`store.py`) owns and writes, `MongoFollower` (`follow.py`) reads anywhere.
`OrderMailbox` (`mailbox.py`) takes orders that other programs put into `orders`, `CommandBox`
(`commands.py`) their commands. What is old goes by `pruning.py`.
"""
