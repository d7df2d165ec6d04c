from __future__ import annotations

from pathlib import Path

import pytest

from millstream import demo
from millstream.robot.guard import questions_to_the_world


def found(source):
    return [finding.what for finding in questions_to_the_world(source)]


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("import time\ntime.time()", "time.time()"),
        ("from time import time_ns as t\nt()", "t()"),
        ("from datetime import datetime\ndatetime.now()", "datetime.now()"),
        ("import datetime as d\nd.datetime.utcnow()", "d.datetime.utcnow()"),
        ("import random\nrandom.random()", "random.random()"),
        ("from random import choice\nchoice([1])", "choice()"),
        ("import numpy as np\nnp.random.normal()", "np.random.normal()"),
        ("import uuid\nuuid.uuid4()", "uuid.uuid4()"),
        ("import os\nos.getenv('X')", "os.getenv()"),
        ("open('x')", "open()"),
        ("hash('x')", "hash()"),
        ("for x in {1, 2}: pass", "a loop over a set"),
        ("[x for x in set(y)]", "a loop over a set"),
        ("import requests\nrequests.get('http://x')", "requests.get()"),
    ],
)
def test_a_question_to_the_world_is_found(source, what):
    assert found(source) == [what]


@pytest.mark.parametrize(
    "source",
    [
        "from random import Random\nRandom(7)",
        "from datetime import datetime\ndatetime.fromtimestamp(0)",
        "self.now\nself.random.random()",
        "self.time.time()",
        "for x in sorted({1, 2}): pass",
        "if 1 in {1, 2}: pass",
        "self.book.open('x')",
    ],
)
def test_what_a_robot_may_do_is_let_be(source):
    assert found(source) == []


def test_a_finding_says_where_and_what_to_use_instead():
    (finding,) = questions_to_the_world("import time\n\ntime.time()")
    assert str(finding) == "line 3: time.time(); self.now is the time of the event in hand"


@pytest.mark.parametrize("name", ["quoter", "crosser", "indicators"])
def test_the_robots_of_the_demo_ask_nothing(name):
    assert found((Path(demo.__file__).parent / f"{name}.py").read_text()) == []
