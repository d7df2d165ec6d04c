"""A ladder against the plainest book there is: a dict, sorted when asked."""

from hypothesis import given
from hypothesis import strategies as st

from millstream.simulator.book import Ladder


@given(
    sign=st.sampled_from([1, -1]),
    updates=st.lists(st.tuples(st.integers(-8, 8), st.integers(0, 3)), max_size=60),
)
def test_a_ladder_holds_what_a_sorted_dict_holds(sign, updates):
    ladder, plain = Ladder(sign), {}
    for key, lots in updates:
        ladder.set(key, lots)
        plain[key] = lots
    best_first = sorted((key for key in plain if plain[key]), reverse=True)
    assert ladder.levels(100) == [(key * sign, plain[key]) for key in best_first]
    assert ladder.levels(3) == ladder.levels(100)[:3]
    changes = ladder.take_changes()
    assert changes == [(key * sign, plain[key]) for key in sorted(plain, reverse=True)]
    assert ladder.take_changes() == []
