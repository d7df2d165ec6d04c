"""Leave to send, so many times in a turn of the loop."""

from __future__ import annotations

import asyncio
from collections import Counter

from millstream.frames.turns import Turns


def sent_in_turns(senders, messages, most, leaving=()):
    """(sender, turn of the loop) of each message."""
    sent = []

    async def story():
        turns, turn, over = Turns(most), 0, False

        async def count():
            nonlocal turn
            while not over:
                await asyncio.sleep(0)
                turn += 1

        async def send(name):
            for _ in range(messages):
                await turns.mine()
                sent.append((name, turn))

        counting = asyncio.create_task(count())
        tasks = [asyncio.create_task(send(name)) for name in range(senders)]
        await asyncio.sleep(0)
        for name in leaving:
            tasks[name].cancel()
        async with asyncio.timeout(60):
            await asyncio.gather(*tasks, return_exceptions=True)
        over = True
        await counting

    asyncio.run(story())
    return sent


def test_no_turn_of_the_loop_sends_more_than_its_share():
    sent = sent_in_turns(senders=20, messages=5, most=4)
    assert len(sent) == 100
    assert max(Counter(turn for _, turn in sent).values()) <= 4


def test_nobody_is_sent_a_third_message_before_everybody_has_had_one():
    sent = [name for name, _ in sent_in_turns(senders=20, messages=3, most=1)]
    third = next(at for at, name in enumerate(sent) if sent[:at].count(name) == 2)
    assert {*sent[:third]} == {*range(20)}


def test_one_sender_alone_sends_its_share_in_one_turn():
    sent = sent_in_turns(senders=1, messages=8, most=4)
    assert len({turn for _, turn in sent}) <= 3


def test_who_goes_away_while_it_waits_takes_no_turn_and_stops_nobody():
    sent = sent_in_turns(senders=6, messages=3, most=1, leaving=[2, 3, 5])
    assert Counter(name for name, _ in sent)[4] == 3
    assert {name for name, _ in sent} == {0, 1, 4}
