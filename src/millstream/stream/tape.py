"""Tapes: the frames a venue sent, exactly as they came, each with the time it was received.

Three kinds of line are read, in a file that is plain, gzip or zstd (its first bytes say which):

    #millstream-tape 1 {"exchange":"binance","pairs":["BTC/USDT"],…}   our header, first line
    1723161254087891268 {"stream":"btcusdt@bookTicker","data":{…}}       a frame
    1723161254206652067 {"rest":"/api/v3/depth?symbol=BTCUSDT","data":{…}}   a REST answer

A frame that is not UTF-8, holds a line break or begins with "~" is written as "~" and its base64.
Without the header the lines are `<local ns> <frame>`, as hftbacktest's recorder writes them.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from millstream.errors import TapeError
from millstream.model import Channel, CurrencyPair
from millstream.stream.packed import UNREADABLE, packer, unpacked

MAGIC = b"#millstream-tape "
VERSION = 1

_MAX_LINE = 64 * 1024 * 1024  # a full REST book is about 0.5 MB
_FLUSH_NS = 1_000_000_000
_FLUSH_BYTES = 262_144


class TapeCutOff(TapeError):
    """A tape ends too early, as a killed recorder leaves it; everything before is good."""


class TapeHeader(msgspec.Struct, frozen=True):
    """What a tape of ours says about itself."""

    exchange: str  # "binance"
    pairs: tuple[str, ...] = ()  # "BTC/USDT"
    channels: tuple[str, ...] = ()  # "ticker"
    started_ns: int = 0
    made_by: str = ""  # "millstream 0.1.0"


class TapeFrame(msgspec.Struct, frozen=True, gc=False):
    """One frame and when it was received."""

    ns: int  # nanoseconds since 1970 UTC, by the recorder's clock
    raw: bytes


class RestAnswer(msgspec.Struct, frozen=True):
    """What the venue's REST side answered while the tape was made."""

    rest: str  # path and query: "/api/v3/depth?symbol=BTCUSDT&limit=5000"
    data: msgspec.Raw  # the answer's own bytes


_rest_answer = msgspec.json.Decoder(RestAnswer)


def rest_answer(raw: bytes) -> RestAnswer | None:
    """The REST answer that a tape's frame holds, or None when it is an ordinary frame."""
    if not raw.startswith(b'{"rest":'):
        return None
    try:
        return _rest_answer.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


# ---- reading ------------------------------------------------------------------------------------


class Tape:
    """A recording: iterate it for its frames, as often as you like; each pass reads the file anew.

    Raises TapeError with file and line; what could be read before a damage is yielded first.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header: TapeHeader | None = None
        first = next(self._lines(), None)
        if first is None:
            raise TapeError(f"{path} is empty; a tape has at least one line")
        if first.startswith(MAGIC):
            self.header = _header(first, path)
        else:
            _frame(first, path, 1, ours=False)  # raises when this is no tape

    def __iter__(self) -> Iterator[TapeFrame]:
        ours = self.header is not None
        path = self.path
        for number, line in enumerate(self._lines(), 1):
            ns, blank, raw = line.partition(b" ")
            if blank and ns.isdigit() and len(ns) < 20 and raw[:1] != b"~" and raw[-1:] != b"\r":
                yield TapeFrame(int(ns), raw)
            elif line.strip() and not line.startswith(b"#"):
                yield _frame(line, path, number, ours)

    def _lines(self) -> Iterator[bytes]:
        number = 0
        tail: list[bytes] = []
        length = 0
        try:
            with self.path.open("rb") as file:
                for chunk in unpacked(file):
                    length += len(chunk)
                    if b"\n" in chunk:
                        tail.append(chunk)
                        lines = b"".join(tail).split(b"\n")
                        last = lines.pop()
                        yield from lines
                        number += len(lines)
                        tail, length = [last], len(last)
                    else:
                        tail.append(chunk)
                    if length > _MAX_LINE:
                        raise TapeError(
                            f"{self.path}, line {number + 1}: longer than {_MAX_LINE >> 20} MB; "
                            "this is no tape"
                        )
        except FileNotFoundError:
            raise TapeError(f"there is no tape at {self.path}; check the path") from None
        except OSError as error:
            raise TapeError(f"{self.path} cannot be read: {error.strerror or error}") from error
        except EOFError:
            raise TapeCutOff(
                f"{self.path} ends in the middle of its compressed data after line {number}; "
                "the recording was cut off, and what came before the cut was read"
            ) from None
        except UNREADABLE as error:
            raise TapeError(
                f"{self.path} is damaged after line {number}: {error}; make a new copy of it"
            ) from error
        rest = b"".join(tail)
        if rest and self.header is not None:
            raise TapeCutOff(
                f"{self.path}, line {number + 1}: ends in the middle of a line; "
                "the recording was cut off, and what came before the cut was read"
            )
        if rest:
            yield rest


def read_tape(path: str | Path) -> Tape:
    """The tape in a file of ours or of `<local ns> <frame>` lines, plain, gzip or zstd.

    Raises TapeError when there is no such file or it is not a tape.
    """
    return Tape(Path(path))


def _header(line: bytes, path: Path) -> TapeHeader:
    version, _, text = line[len(MAGIC) :].partition(b" ")
    if version != b"%d" % VERSION:
        raise TapeError(
            f"{path}, line 1: tape format {version.decode('utf-8', 'replace')[:20]} is not known "
            f"here (this release reads {VERSION}); use the release of millstream that wrote it"
        )
    try:
        return msgspec.json.decode(text, type=TapeHeader)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TapeError(f"{path}, line 1: the tape's header cannot be read: {error}") from error


def _frame(line: bytes, path: Path, number: int, ours: bool) -> TapeFrame:
    ns, blank, raw = line.removesuffix(b"\r").partition(b" ")
    if not blank or not ns.isdigit() or len(ns) > 19:
        raise TapeError(
            f"{path}, line {number}: not a line of a tape, which is `<nanoseconds> <frame>`; "
            f"got {line[:60]!r}"
        )
    if ours and raw[:1] == b"~":
        try:
            raw = b64decode(raw[1:], validate=True)
        except binascii.Error as error:
            raise TapeError(f"{path}, line {number}: broken base64: {error}") from error
    return TapeFrame(int(ns), raw)


# ---- writing ------------------------------------------------------------------------------------


class TapeWriter:
    """Writes a tape; a tap that a stream can be given.

    A name that ends in .gz or .zst is compressed. What was written is in the file, readable, at
    most a second of received time later, so that a killed recorder loses no more than that.
    Raises TapeError when the file is there already or cannot be written.
    """

    def __init__(self, path: str | Path, header: TapeHeader) -> None:
        self.path = Path(path)
        self.frames = 0  # lines written, header not counted
        self._packer = packer(self.path.suffix)
        self._lines = [MAGIC + b"%d " % VERSION + msgspec.json.encode(header) + b"\n"]
        self._bytes = 0
        self._flushed_ns = 0
        try:
            self._file: BinaryIO | None = self.path.open("xb")
        except FileExistsError:
            raise TapeError(f"{path} is there already; choose another name") from None
        except OSError as error:
            raise self._unwritable(error) from error
        self.flush()

    def frame(self, channel: Channel, raw: bytes, received_ns: int) -> None:
        """Add a frame as it came from the wire."""
        if raw.isascii():
            plain = b"\n" not in raw and b"\r" not in raw and raw[:1] != b"~"
        else:
            plain = b"\n" not in raw and b"\r" not in raw and raw[:1] != b"~" and _is_utf8(raw)
        if not plain:
            raw = b"~" + b64encode(raw)
        self._lines.append(b"%d %b\n" % (received_ns, raw))
        self.frames += 1
        self._bytes += len(raw)
        if received_ns - self._flushed_ns >= _FLUSH_NS or self._bytes >= _FLUSH_BYTES:
            self._flushed_ns = received_ns
            self.flush()

    def snapshot(
        self, channel: Channel, pair: CurrencyPair, path: str, raw: bytes, received_ns: int
    ) -> None:
        """Add an answer of the REST side; `path` is what was asked, query included."""
        line = b'{"rest":%b,"data":%b}' % (msgspec.json.encode(path), raw)
        self.frame(channel, line, received_ns)

    def flush(self) -> None:
        """Bring everything to the file."""
        data = b"".join(self._lines)
        self._lines.clear()
        self._bytes = 0
        self._write(self._packer.pack(data) + self._packer.sync())

    def close(self) -> None:
        """Finish the file; calling it again does nothing."""
        if self._file is None:
            return
        try:
            self.flush()
            self._write(self._packer.finish())
        finally:
            file, self._file = self._file, None
            file.close()

    def _write(self, data: bytes) -> None:
        if self._file is None:
            raise TapeError(f"{self.path} is closed; nothing more can be recorded in it")
        try:
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> TapeError:
        return TapeError(f"{self.path} cannot be written: {error.strerror or error}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True
