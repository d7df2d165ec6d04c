"""What is on a tape, and which book is served at which place of it."""

import gzip
from pathlib import Path

import pytest

from millstream.errors import TapeError, UnknownName
from millstream.simulator.recording import Recording, check_exchange
from millstream.stream.tape import read_tape

RECORDINGS = Path(__file__).parents[2] / ".." / "shared" / "data" / "exchanges"
SPOT = RECORDINGS / "binance_spot" / "hftbacktest_spot_btcusdt_20240808.gz"
FUTURES = RECORDINGS / "binance_usdm" / "hftbacktest_usdm_btcusdt_20240808.gz"
TICKER = '{"stream":"%s@bookTicker","data":{"u":%d,"s":"X","b":"1","B":"1","a":"2","A":"1"}}'
REST = '{"rest":"/api/v3/depth?symbol=%s&limit=5000","data":{"lastUpdateId":%d}}'


def recording(tmp_path, *lines):
    path = tmp_path / "tape"
    path.write_text("".join(f"{10 + n} {line}\n" for n, line in enumerate(lines)))
    return Recording(read_tape(path))


def test_streams_pairs_and_times_are_known_before_it_plays(tmp_path):
    tape = recording(
        tmp_path, '{"result":null,"id":1}', TICKER % ("btcusdt", 1), TICKER % ("ethbtc", 2)
    )
    assert tape.streams == ("btcusdt@bookTicker", "ethbtc@bookTicker")
    assert [str(pair) for pair in tape.pairs] == ["BTC/USDT", "ETH/BTC"]
    assert (tape.first_ns, tape.last_ns, tape.skipped) == (11, 12, 1)
    assert [frame.ns for frame in tape.frames()] == [11, 12]


def test_bare_frames_get_the_name_of_their_stream(tmp_path):
    tape = recording(tmp_path, '{"e":"trade","E":1,"s":"BTCUSDT","t":1}')
    [frame] = tape.frames()
    assert frame.raw.startswith(b'{"stream":"btcusdt@trade","data":{"e":"trade"')


def test_the_first_book_is_served_before_its_place_and_the_latest_after_it(tmp_path):
    tape = recording(
        tmp_path,
        TICKER % ("btcusdt", 1),
        REST % ("BTCUSDT", 100),
        TICKER % ("btcusdt", 2),
        REST % ("BTCUSDT", 200),
        TICKER % ("btcusdt", 3),
    )
    served = [tape.snapshot("BTCUSDT", 5000)]
    served += [tape.snapshot("BTCUSDT", 5000) for _ in tape.frames()]
    expected = [100, 100, 100, 200]
    assert served == [b'{"lastUpdateId":%d}' % number for number in expected]


def test_each_symbol_has_its_own_book(tmp_path):
    tape = recording(
        tmp_path,
        REST % ("ETHUSDT", 7),
        REST % ("BTCUSDT", 8),
        TICKER % ("btcusdt", 1),
        TICKER % ("ethusdt", 1),
        '{"lastUpdateId":9}',  # of which of the two? of neither
    )
    assert tape.snapshot("ETHUSDT", 5000) == b'{"lastUpdateId":7}'
    assert tape.snapshot("BTCUSDT", 5000) == b'{"lastUpdateId":8}'
    assert tape.snapshot("SOLUSDT", 5000) is None


def test_a_bare_book_is_of_the_only_symbol(tmp_path):
    tape = recording(tmp_path, TICKER % ("btcusdt", 1), '{"lastUpdateId":9}')
    assert tape.snapshot("BTCUSDT", 5000) == b'{"lastUpdateId":9}'


def test_a_tape_that_was_cut_off_plays_to_the_cut_and_says_so(tmp_path):
    path = tmp_path / "tape.gz"
    lines = "".join(f"{n} {TICKER % ('btcusdt', n * 7919)}\n" for n in range(1, 3000))
    path.write_bytes(gzip.compress(lines.encode())[:-2000])
    tape = Recording(read_tape(path))
    assert "cut off" in tape.warning
    frames = list(tape.frames())
    assert 100 < len(frames) < 2999
    assert len(frames) == tape.frame_counts["btcusdt@bookTicker"]
    assert tape.last_ns == frames[-1].ns


def test_a_damaged_line_is_an_error(tmp_path):
    path = tmp_path / "tape"
    path.write_text(f"1 {TICKER % ('btcusdt', 1)}\nnonsense\n")
    with pytest.raises(TapeError, match="line 2"):
        Recording(read_tape(path))


def test_a_tape_with_nothing_to_play_is_refused(tmp_path):
    with pytest.raises(TapeError, match="no frame of a Binance stream"):
        recording(tmp_path, '{"result":null,"id":1}')


def test_a_tape_of_another_exchange_is_refused(tmp_path):
    path = tmp_path / "tape"
    path.write_text('#millstream-tape 1 {"exchange":"kraken"}\n1 {}\n')
    with pytest.raises(TapeError, match='tape of "kraken"'):
        Recording(read_tape(path))


def test_only_binance_can_be_simulated():
    check_exchange("Binance")
    with pytest.raises(UnknownName, match="accepted: binance"):
        check_exchange("kraken")


@pytest.mark.skipif(not SPOT.exists(), reason="the recordings are not beside the project")
def test_the_spot_recording_is_known_whole():
    tape = Recording(read_tape(SPOT))
    assert tape.frame_counts == {
        "btcusdt@depth@100ms": 3451,
        "btcusdt@bookTicker": 28040,
        "btcusdt@trade": 9757,
    }
    assert tape.skipped == 1
    assert tape.snapshot("BTCUSDT", 5000).startswith(b'{"lastUpdateId":50093239218,')
    assert sum(1 for _ in tape.frames()) == 41_248


@pytest.mark.skipif(not FUTURES.exists(), reason="the recordings are not beside the project")
def test_the_futures_recording_is_refused_by_name():
    with pytest.raises(TapeError, match="Binance USD-M futures; this release plays Binance spot"):
        Recording(read_tape(FUTURES))
