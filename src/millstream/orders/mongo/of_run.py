"""What an order store on MongoDB holds of one run, for whoever studies it later. Only reads."""

from __future__ import annotations

import re

from millstream.orders.mongo.address import parse_address
from millstream.orders.mongo.documents import changes_in, order_in, trade_in
from millstream.orders.mongo.reading import pruned_revision
from millstream.orders.mongo.server import Documents, connect, explained, require_store
from millstream.orders.store import Change

__all__ = ["changes_of_run"]


def changes_of_run(url: str, run_id: str) -> list[Change]:
    """Every change of the orders whose ids begin with `run_id`, ascending by revision.

    Raises ConfigError when the URL is not one; StoreError when the servers cannot be reached.
    """
    address = parse_address(url)
    client, database = connect(address, majority_reads=True)
    try:
        with explained(address.shown):
            require_store(database, address.shown)
            return _changes(database, run_id)
    finally:
        client.close()


def _changes(database: Documents, run_id: str) -> list[Change]:
    own = {"$regex": f"^{re.escape(run_id)}"}
    first = [*database["changes"].find({"ids": own}, {"_id": 1}).hint("ids_1")]
    if not first:
        return []
    after = min(document["_id"] for document in first)
    found = database["changes"].find({"_id": {"$gte": after}, "changes.order_id": own})
    changes = [change for document in found.sort("_id", 1) for change in changes_in(document)]
    if after <= pruned_revision(database):  # of what is kept no more: last states, every fill
        orders = database["orders"].find({"order_id": own, "revision": {"$gt": 0}})
        changes += [*map(order_in, orders)]
        changes += map(trade_in, database["trades"].find({"order_id": own}))
    whole = {change.revision: change for change in changes if change.order_id.startswith(run_id)}
    return [whole[revision] for revision in sorted(whole)]
