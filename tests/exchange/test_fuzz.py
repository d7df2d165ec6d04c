"""Whatever bytes a venue sends: every decoder goes on, counts all, and serves no wrong book.

The frames are recorded ones and the venues' examples, mutated by a seeded mutator. `make test` has
5,000 for each venue, `make soak` a million; MILLSTREAM_FUZZ_SEED takes another seed.
"""

import json
import os
import random
from collections import Counter

import pytest
from tests.exchange.corpora import CORPORA, DATA
from tests.exchange.mutator import FIELDS, JSON, Mutator

from millstream.model import Book, Gap
from millstream.model.codec import encode_events

FRAMES, SOAKED = 5_000, 1_000_000  # for each venue
SEED = int(os.environ.get("MILLSTREAM_FUZZ_SEED", "2026"))
SECOND = 1_000_000_000


@pytest.mark.parametrize("corpus", CORPORA, ids=lambda one: one.name)
def test_no_frame_raises_or_goes_uncounted(corpus):
    any_frames(corpus, FRAMES)


@pytest.mark.parametrize("corpus", CORPORA, ids=lambda one: one.name)
def test_no_malformed_frame_makes_a_book_wrong(corpus):
    book_frames(corpus, FRAMES)


@pytest.mark.soak
@pytest.mark.parametrize("corpus", CORPORA, ids=lambda one: one.name)
def test_a_million_frames_do_not_either(corpus):
    any_frames(corpus, SOAKED * 3 // 4)
    book_frames(corpus, SOAKED // 4)


def any_frames(corpus, count):
    """Frames of every kind, good and bad, to all decoders of a venue."""
    files = corpus.frames()
    chance = random.Random(f"{SEED} {corpus.name}")
    made = corpus.decoders()
    mutate = Mutator(chance, [one for some in files for one in some], tokens(corpus))
    broken = 0
    for number in range(count):
        raw = chance.choice(chance.choice(files))
        if chance.random() < 0.75:
            raw = mutate(raw)
        nothing = is_no_frame(raw, corpus)
        broken += nothing
        for one in made:
            counts = one.counts
            malformed = counts.malformed
            encode_events(one.feed(raw, number * SECOND))  # or no journal could take it
            assert counts.accounted == counts.frames, raw
            assert not nothing or counts.malformed == malformed + 1, raw
            for request in one.snapshot_requests():
                encode_events(one.feed_snapshot(request.pair, raw, number * SECOND))
                assert counts.accounted == counts.frames, raw
            if chance.random() < 0.002:
                one.restart()
    assert broken > count // 10
    print(f"\n{corpus.name}: {count} frames, {broken} no frames at all, seed {SEED}: ", end="")
    print("; ".join(f"{one.counts.malformed} malformed" for one in made))


def book_frames(corpus, count):
    """A book's frames with malformed ones among them or instead of them.

    Every book that is served must be the one that a decoder serves which got the good frames
    alone; until a mutated frame is not malformed: then nobody can know, and all begins anew.
    """
    if not DATA.exists() and "binance" in corpus.name:
        pytest.skip("the recorded frames are not beside this checkout")
    tape = corpus.tape()
    right = [books(events) for events in fed(corpus.books(), tape)]
    first = next(at for at, served in enumerate(right) if served) + 1
    chance = random.Random(f"{SEED} {corpus.name} books")
    mutate = Mutator(chance, tape, tokens(corpus))
    made, seen = corpus.books(), Counter()
    while seen["fed"] < count:
        if corpus.name == "ib":  # a new connection has other request ids than the tape
            made = corpus.books()
        else:
            made.restart()
        begin = chance.randrange(first, min(first + 150, len(tape)))
        fed(made, tape[:begin])
        seen["fed"] += begin
        for at in range(begin, min(begin + 200, len(tape))):
            if chance.random() < 0.1:
                raw, malformed = mutate(tape[at]), made.counts.malformed
                events = made.feed(raw, at * SECOND)
                seen["fed"] += 1
                if made.counts.malformed == malformed or is_of_another_kind(raw, tape[at], corpus):
                    seen["not malformed"] += 1
                    break
                seen["malformed"] += 1
                assert not books(events), raw
                if chance.random() < 0.5:
                    continue  # the good frame never comes
            else:
                events = []
            events = events + made.feed(tape[at], at * SECOND)
            seen["fed"] += 1
            assert made.counts.accounted == made.counts.frames
            served = books(events)
            assert served in ([], right[at]), tape[at]
            seen["right"] += len(served)
            if any(isinstance(event, Gap) for event in events):
                assert not any(books(one) for one in fed(made, tape[at + 1 : at + 2]))
                seen["given up"] += 1
                break
    print(f"\n{corpus.name}: {dict(seen)}, seed {SEED}")
    assert seen["malformed"] > count // 200
    assert seen["right"] > count // 20


def fed(made, tape):
    return [made.feed(raw, at * SECOND) for at, raw in enumerate(tape)]


def books(events):
    return [event for event in events if isinstance(event, Book)]


def tokens(corpus):
    return FIELDS if corpus.name == "ib" else JSON


def is_no_frame(raw, corpus):
    """By plain json; of TWS, by the number that each message begins with."""
    if corpus.name == "ib":
        return not raw.split(b"\0")[0].isdigit()
    if "okx" in corpus.name and raw == b"pong":
        return False
    try:
        json.loads(raw.decode(), parse_constant=_no_number)
    except (ValueError, RecursionError):
        return True
    return False


def is_of_another_kind(raw, was, corpus):
    """Of TWS: a message that says it is no row of a book is none, however wrong."""
    kind = raw.split(b"\0")[0]
    return corpus.name == "ib" and kind.isdigit() and kind != was.split(b"\0")[0]


def _no_number(text):
    raise ValueError(text)
