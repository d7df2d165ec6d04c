"""The benchmarks of orders run: tiny sizes, no judgement of speed."""

from benchmarks import order_intent_killed, order_intent_to_gateway


def test_intents_wishes_and_a_hundred_robots_reach_the_venue():
    found = order_intent_to_gateway.measure(True, size=50)
    assert all(run > 0 for figure in found for run in figure.runs)
    assert {figure.unit for figure in found} == {"ms", "times", "orders/s"}


def test_kills_are_timed_beside_robots_that_hang():
    found = order_intent_killed.measure(True, kills=3)
    assert all(run > 0 for figure in found for run in figure.runs)
    assert len({figure.who for figure in found}) == 4
