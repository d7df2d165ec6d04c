"""What `millstream doctor` says of an order store on a server."""

from __future__ import annotations

import json

from pymongo import MongoClient
from tests.cli.test_cli import config_file

from millstream.cli import run


def test_a_replica_set_that_keeps_its_word_is_ok_and_nothing_is_written(
    mongo_url, tmp_path, capsys
):
    run(["doctor", "--json", str(config_file(tmp_path, "order_store", mongo_url))])
    [found] = [
        each
        for each in json.loads(capsys.readouterr().out)["findings"]
        if each["about"] == "order store"
    ]
    assert found["standing"] == "ok", found
    assert "the primary answers" in found["found"]
    database = mongo_url.rpartition("/")[2].partition("?")[0]
    with MongoClient(mongo_url) as client:
        assert database not in client.list_database_names()
