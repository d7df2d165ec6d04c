"""A difference between the account and the robots' fills: told the second time, and once."""

from decimal import Decimal

from millstream.orders.live.account import Comparison


def numbers(**by_name):
    return {name: Decimal(number) for name, number in by_name.items()}


def test_a_difference_counts_the_second_time_and_is_told_once():
    comparison = Comparison()
    looks = [comparison.look(numbers(a="1"), numbers(a="3")) for _ in range(3)]
    assert looks == [{}, {"a": (Decimal(1), Decimal(3))}, {}]


def test_a_fill_on_its_way_is_no_difference():
    comparison = Comparison()
    assert comparison.look(numbers(a="1"), numbers(a="2")) == {}
    assert comparison.look(numbers(a="2"), numbers(a="2")) == {}
    assert comparison.look(numbers(a="2"), numbers(a="3")) == {}


def test_what_was_told_is_taken_as_it_is_and_more_is_told_again():
    comparison = Comparison()
    for _ in range(2):
        comparison.look(numbers(a="1"), numbers(a="3"))
    assert comparison.look(numbers(a="5"), numbers(a="7")) == {}
    looks = [comparison.look(numbers(a="5"), {}) for _ in range(2)]
    assert looks == [{}, {"a": (Decimal(7), Decimal(0))}]
