"""A tape made ready to be played: what is on it, its frames, its REST answers in their places."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

from millstream.errors import TapeError, UnknownName
from millstream.model import CurrencyPair
from millstream.simulator.binance import streams as binance
from millstream.stream.tape import Tape, TapeCutOff, TapeFrame, rest_answer


class Recording:
    """A tape of Binance spot; reads it once, whole, to know its streams, its times, its books.

    `warning` says when the tape was cut off; what is before the cut is played.
    Raises TapeError when the tape cannot be read, is of another venue, or holds nothing to play.
    """

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self.warning = ""
        self.frame_counts: dict[str, int] = {}
        self.skipped = 0  # lines that are no frame of a stream: books, acknowledgements
        self.first_ns = self.last_ns = 0
        self._books: dict[str, bytes] = {}  # by symbol: the one to answer with now
        if tape.header is not None and tape.header.exchange != "binance":
            raise TapeError(
                f'{tape.path} is a tape of "{tape.header.exchange}"; '
                "this release plays Binance spot tapes"
            )
        self._scan()

    @property
    def streams(self) -> tuple[str, ...]:
        """Every stream there is, by the venue's names."""
        return tuple(self.frame_counts)

    @property
    def pairs(self) -> tuple[CurrencyPair, ...]:
        """What is traded, as far as there are frames of it."""
        return tuple(binance.pair_of(symbol) for symbol in self._symbols())

    def frames(self) -> Iterator[TapeFrame]:
        """The frames of streams in the tape's order, each with its stream's name around it."""
        lone = self._lone_symbol()
        try:
            for frame in self._tape:
                if frame.raw.startswith(b'{"stream":"') and frame.raw.find(b'"', 11) > 0:
                    yield frame
                elif raw := binance.wrapped(frame.raw):
                    yield TapeFrame(frame.ns, raw)
                elif book := _book(frame.raw, lone):
                    self._books[book[0]] = book[1]
        except TapeCutOff:
            return

    def snapshot(self, symbol: str, limit: int) -> bytes | None:
        """The book recorded last before the frame being played, else the first to come.

        None when the tape has none of this symbol. `limit` is not applied: a client may use more.
        """
        return self._books.get(symbol)

    def _scan(self) -> None:
        counts: dict[bytes, int] = {}
        aside: list[bytes] = []  # whose symbol is known only when all streams are
        try:
            for frame in self._tape:
                raw = frame.raw
                if not raw.startswith(b'{"stream":"') or raw.find(b'"', 11) < 0:
                    wrapped = binance.wrapped(raw)
                    if wrapped is None:
                        self.skipped += 1
                        if len(aside) < 100:
                            aside.append(raw)
                        continue
                    raw = wrapped
                name = binance.stream_of(raw)
                if name in counts:
                    counts[name] += 1
                    continue
                counts[name] = 1
                self.first_ns = self.first_ns or frame.ns
                if binance.is_futures(raw):
                    raise TapeError(
                        f"{self._tape.path}: this tape is of Binance USD-M futures; "
                        "this release plays Binance spot tapes"
                    )
            if counts:
                self.last_ns = max(self.first_ns, frame.ns)
        except TapeCutOff as error:
            self.warning = str(error)
            if counts:
                self.last_ns = max(self.first_ns, frame.ns)
        if not counts:
            raise TapeError(
                f"{self._tape.path} holds no frame of a Binance stream; nothing can be played"
            )
        self.frame_counts = {name.decode("utf-8", "replace"): n for name, n in counts.items()}
        lone = self._lone_symbol()
        for raw in aside:
            if book := _book(raw, lone):
                self._books.setdefault(*book)

    def _symbols(self) -> dict[str, None]:
        return dict.fromkeys(name.partition("@")[0].upper() for name in self.frame_counts)

    def _lone_symbol(self) -> str:
        """The only symbol of the tape; "" when there are more."""
        symbols = list(self._symbols())
        return symbols[0] if len(symbols) == 1 else ""


def check_exchange(name: str) -> None:
    """Raises UnknownName when no such exchange can be simulated."""
    if name.strip().lower() != "binance":
        raise UnknownName(f'"{name}" cannot be simulated; accepted: binance')


def _book(raw: bytes, lone_symbol: str) -> tuple[str, bytes] | None:
    """(symbol, answer) of a recorded depth snapshot; a bare one is of the tape's only symbol."""
    if raw.startswith(b'{"lastUpdateId":'):
        return (lone_symbol, raw) if lone_symbol else None
    answer = rest_answer(raw)
    if answer is None:
        return None
    url = urlsplit(answer.rest)
    symbol = parse_qs(url.query).get("symbol", [""])[0].upper()
    return (symbol, bytes(answer.data)) if url.path.endswith("/depth") and symbol else None
