"""The event in hand: when, which, and the ids that follow from it. Computed, never drawn."""

from __future__ import annotations

from millstream.errors import RobotError

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
RUN_ID_LETTERS = 6
_SEQUENCE_LETTERS = 9
_COUNT_LETTERS = 3


class Moment:
    """Set by the group for each event, read by its robots."""

    def __init__(self, run_id: str, seed: int) -> None:
        self.run_id = run_id
        self.seed = seed
        self.now_ns = 0
        self.sequence = 0  # the journal's number of the event
        self.orders = 0  # placed in answer to it so far, by all robots

    def next_order_id(self) -> str:
        """(run, sequence, count) as 18 letters and digits: what the tightest venue takes.

        A replay computes the same id, and a store refuses it the second time.
        """
        self.orders += 1
        return (
            self.run_id
            + base36(self.sequence, _SEQUENCE_LETTERS)
            + base36(self.orders, _COUNT_LETTERS)
        )


def base36(number: int, letters: int) -> str:
    """The number in base 36, padded with zeros to `letters`; raises RobotError when longer."""
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    if len(text) > letters:
        raise RobotError(f"{text} needs more than the {letters} letters an order id has for it")
    return text.rjust(letters, "0")


def sequence_of(order_id: str) -> int:
    """The sequence in an id of `Moment.next_order_id`; raises ValueError when it is no such id."""
    head, tail = RUN_ID_LETTERS, RUN_ID_LETTERS + _SEQUENCE_LETTERS
    if len(order_id) != tail + _COUNT_LETTERS:
        raise ValueError(f"{order_id} is not an id of ours")
    return int(order_id[head:tail], 36)
