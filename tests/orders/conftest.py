"""A real MongoDB for the tests of what keeps orders; one for all of them, a database for each."""

from __future__ import annotations

import itertools

import pytest
from tests import mongod

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def replica_set():
    """One member, started when the first test asks for it."""
    if reason := mongod.why_not():
        pytest.skip(reason)
    started = mongod.ReplicaSet()
    yield started
    started.stop()


@pytest.fixture
def mongo_url(replica_set):
    """The address of an order store that nobody has used."""
    return replica_set.url(f"orders{next(_NUMBERS)}")
