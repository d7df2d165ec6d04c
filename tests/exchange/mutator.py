"""Frames made wrong in every way that bytes can be, the same ones for the same seed."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

# What mutations act on: a value with its name, or any number, of JSON; a field of TWS.
JSON = re.compile(rb'"\w+":(?:"[^"]*"|-?[\d.eE+-]+|true|false|null)|"?-?\d+(?:\.\d+)?"?')
FIELDS = re.compile(rb"[^\0]+")

VALUES = [
    *(b"null", b"true", b"{}", b"[]", b'""', b'"x"', b"[[]]", b'{"a":1}', b"-1", b"0", b'"-1"'),
    *(b"1e999", b'"1e999"', b"-1e999", b"9" * 40, b'"' + b"9" * 400 + b'"', b"1e-400", b"0.1e1"),
    *(b"NaN", b'"NaN"', b"Infinity", b'"-Infinity"', b"nan", b'"inf"', b"9223372036854775808"),
    *(b"[" * 3_000, b'{"a":' * 3_000 + b"1" + b"}" * 3_000, b"[" * 900 + b"]" * 900),
    *(
        b'"\xff\xfe"',
        b'"\xc3\x28"',
        b'"\\ud800"',
        b'"\\u0000"',
        b"\x00",
        b'"',
        b",",
        b"\xef\xbb\xbf",
    ),
]


class Mutator:
    """Makes frames wrong.

    others: frames to take pieces of. tokens: what a piece is.
    """

    def __init__(self, chance: random.Random, others: Sequence[bytes], tokens: re.Pattern[bytes]):
        self._chance, self._others, self._tokens = chance, others, tokens
        self._ways = [
            *(self._flip, self._flip, self._overwrite, self._truncate, self._cut, self._insert),
            *(self._repeat, self._splice, self._drop, self._duplicate, self._swap, self._replace),
            *(self._replace, self._replace, self._value),
        ]

    def __call__(self, raw: bytes) -> bytes:
        """The frame after one or two mutations; sometimes it is as good as before."""
        for _ in range(self._chance.choice((1, 1, 1, 2))):
            raw = self._chance.choice(self._ways)(raw)
        return raw

    # ---- of bytes -------------------------------------------------------------------------------

    def _at(self, raw: bytes) -> int:
        return self._chance.randrange(len(raw) + 1)

    def _flip(self, raw: bytes) -> bytes:
        data = bytearray(raw or b"\0")
        data[self._chance.randrange(len(data))] ^= 1 << self._chance.randrange(8)
        return bytes(data)

    def _overwrite(self, raw: bytes) -> bytes:
        at = self._at(raw)
        return raw[:at] + self._chance.randbytes(self._chance.randint(1, 4)) + raw[at + 1 :]

    def _truncate(self, raw: bytes) -> bytes:
        return raw[: self._at(raw)]

    def _cut(self, raw: bytes) -> bytes:
        at = self._at(raw)
        return raw[:at] + raw[at + self._chance.randint(1, 40) :]

    def _insert(self, raw: bytes) -> bytes:
        at = self._at(raw)
        return raw[:at] + self._chance.choice(VALUES) + raw[at:]

    def _repeat(self, raw: bytes) -> bytes:
        at = self._at(raw)
        return raw[:at] + raw[at : at + self._chance.randint(1, 80)] * 2 + raw[at:]

    def _splice(self, raw: bytes) -> bytes:
        other = self._chance.choice(self._others)
        return raw[: self._at(raw)] + other[self._at(other) :]

    # ---- of fields ------------------------------------------------------------------------------

    def _token(self, raw: bytes) -> tuple[int, int]:
        """Begin and end of one; of the first ones after a place, since frames may be long."""
        found = self._tokens.search(raw, self._at(raw)) or self._tokens.search(raw)
        return found.span() if found is not None else (0, len(raw))

    def _drop(self, raw: bytes) -> bytes:
        begin, end = self._token(raw)
        return raw[:begin] + raw[end + 1 :]  # and what separates it from the next

    def _duplicate(self, raw: bytes) -> bytes:
        begin, end = self._token(raw)
        separator = b"\0" if self._tokens is FIELDS else b","
        return raw[:end] + separator + raw[begin:]

    def _swap(self, raw: bytes) -> bytes:
        (a, b), (c, d) = sorted((self._token(raw), self._token(raw)))
        return raw[:a] + raw[c:d] + raw[b:c] + raw[a:b] + raw[d:] if b <= c else raw

    def _replace(self, raw: bytes) -> bytes:
        """Another type, or an impossible number, for a value; its name stays."""
        begin, end = self._token(raw)
        name, colon, _ = raw[begin:end].partition(b":")
        kept = name + colon if colon else b""
        return raw[:begin] + kept + self._chance.choice(VALUES) + raw[end:]

    def _value(self, raw: bytes) -> bytes:
        """A field of another frame in the place of one."""
        begin, end = self._token(raw)
        other = self._chance.choice(self._others)
        c, d = self._token(other)
        return raw[:begin] + other[c:d] + raw[end:]
