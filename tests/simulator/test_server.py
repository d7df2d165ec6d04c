"""The simulated exchange as its user meets it: a process, real sockets, a real client."""

import asyncio
import contextlib
import itertools
import json
import signal
import socket
import sys
import urllib.error
import urllib.request
from pathlib import Path

import picows
import pytest

RECORDINGS = Path(__file__).parents[2] / ".." / "shared" / "data" / "exchanges"
SPOT = RECORDINGS / "binance_spot" / "hftbacktest_spot_btcusdt_20240808.gz"
FUTURES = RECORDINGS / "binance_usdm" / "hftbacktest_usdm_btcusdt_20240808.gz"
TICKER = '{"stream":"%s@bookTicker","data":{"u":%d,"s":"X","b":"1","B":"1","a":"2","A":"1"}}'
REST = '{"rest":"/api/v3/depth?symbol=BTCUSDT&limit=5000","data":{"lastUpdateId":7}}'


class Exchange:
    def __init__(self, process):
        self.process = process
        self.progress = []

    async def line(self):
        return json.loads(await asyncio.wait_for(self.process.stdout.readline(), 30))

    async def done(self):
        while True:
            line = await self.line()
            if "progress" not in line:
                return line
            self.progress.append(line)

    async def get(self, path):
        def get():
            try:
                with urllib.request.urlopen(self.rest + path, timeout=10) as answer:
                    return answer.status, json.loads(answer.read())
            except urllib.error.HTTPError as error:
                return error.code, json.loads(error.read())

        return await asyncio.to_thread(get)

    async def connect(self, path, client=None):
        client = client or Client()
        await picows.ws_connect(lambda: client, self.ws + path)
        return client


class Client(picows.WSListener):
    def __init__(self):
        self.messages = []
        self.closed = False

    def on_ws_connected(self, transport):
        self.transport = transport

    def on_ws_frame(self, transport, frame):
        if frame.msg_type == picows.WSMsgType.TEXT:
            self.messages.append(frame.get_payload_as_bytes())
        elif frame.msg_type == picows.WSMsgType.CLOSE:
            self.closed = True

    def send(self, **request):
        self.transport.send(picows.WSMsgType.TEXT, json.dumps(request).encode())

    async def until(self, count):
        for _ in range(3000):
            if len(self.messages) >= count:
                return self.messages
            await asyncio.sleep(0.01)
        raise AssertionError(f"{len(self.messages)} messages came, {count} should have")


@contextlib.asynccontextmanager
async def exchange(*options):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "millstream.simulator", *options),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**20,
    )
    try:
        it = Exchange(process)
        ready = await it.line()
        assert ready.pop("ready") is True, ready
        it.ws, it.rest = ready.pop("ws"), ready.pop("rest")
        it.ready = ready
        yield it
        process.stdin.close()
        assert await asyncio.wait_for(process.wait(), 10) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def write_tape(tmp_path, *lines, step_ns=1):
    path = tmp_path / "tape"
    path.write_text("".join(f"{10**9 + n * step_ns} {line}\n" for n, line in enumerate(lines)))
    return str(path)


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 60))


def refused(*options):
    async def story():
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "millstream.simulator", *options),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
        assert process.returncode == 2
        [line] = out.splitlines()
        return json.loads(line)["error"]

    return run(story())


def test_a_generated_market_is_played_whole_to_who_subscribed():
    async def story():
        async with exchange("--market-seconds", "5", "--speed", "max") as it:
            assert it.ready["pairs"] == ["BTC/USDT", "ETH/USDT", "SOL/USDT"]
            assert len(it.ready["streams"]) == 12
            client = await it.connect("/stream")
            client.send(method="SUBSCRIBE", params=it.ready["streams"], id=1)
            done = await it.done()
            messages = await client.until(1 + sum(done["frames"].values()))
            assert json.loads(messages[0]) == {"result": None, "id": 1}
            counts = {}
            for message in messages[1:]:
                stream = json.loads(message)["stream"]
                counts[stream] = counts.get(stream, 0) + 1
            assert counts == done["frames"]
            assert done["unsent"] == 0
            assert it.progress[-1]["progress"] == 1.0

    run(story())


def test_playing_begins_when_every_expected_stream_is_subscribed_by_somebody(tmp_path):
    tape = write_tape(tmp_path, TICKER % ("btcusdt", 1), TICKER % ("ethusdt", 2), TICKER % ("x", 3))

    async def story():
        expect = "btcusdt@bookTicker,ethusdt@bookTicker"
        async with exchange("--tape", tape, "--speed", "max", "--expect", expect) as it:
            first = await it.connect("/stream?streams=btcusdt@bookTicker")
            await asyncio.sleep(0.2)
            assert first.messages == []
            second = await it.connect("/ws")
            second.send(method="SUBSCRIBE", params=["ethusdt@bookTicker", "typo@trade"], id=1)
            done = await it.done()
            await first.until(1)
            await second.until(2)
            assert [json.loads(message) for message in first.messages] == [
                json.loads(TICKER % ("btcusdt", 1))
            ]
            ack, bare = (json.loads(message) for message in second.messages)
            assert ack == {"result": None, "id": 1}
            assert bare == json.loads(TICKER % ("ethusdt", 2))["data"]
            assert done["frames"] == {"btcusdt@bookTicker": 1, "ethusdt@bookTicker": 1}
            assert done["unsent"] == 1

    run(story())


def test_recorded_time_is_kept_at_speed_one_and_shortened_by_a_higher_speed(tmp_path):
    lines = [TICKER % ("btcusdt", n) for n in range(11)]
    tape = write_tape(tmp_path, *lines, step_ns=100_000_000)

    async def seconds(speed):
        loop = asyncio.get_running_loop()
        async with exchange("--tape", tape, "--speed", speed) as it:
            client = await it.connect("/stream?streams=btcusdt@bookTicker")
            await client.until(1)
            began = loop.time()
            await client.until(11)
            return loop.time() - began

    async def story():
        assert await seconds("1") >= 0.95  # never early; how late is the machine's affair
        assert await seconds("4") >= 0.2

    run(story())


def test_after_the_end_connections_stay_open_and_quiet(tmp_path):
    async def story():
        tape = write_tape(tmp_path, TICKER % ("btcusdt", 1))
        async with exchange("--tape", tape) as it:
            client = await it.connect("/ws/btcusdt@bookTicker")
            await it.done()
            await client.until(1)
            client.send(method="LIST_SUBSCRIPTIONS", id=2)
            await client.until(2)
            assert json.loads(client.messages[1]) == {"result": ["btcusdt@bookTicker"], "id": 2}
            assert not client.closed

    run(story())


def test_the_rest_side_answers_with_the_tapes_book(tmp_path):
    async def story():
        tape = write_tape(tmp_path, TICKER % ("btcusdt", 1), REST, TICKER % ("ethusdt", 1))
        async with exchange("--tape", tape, "--speed", "max") as it:
            assert await it.get("/api/v3/ping") == (200, {})
            assert await it.get("/api/v3/time") == (200, {"serverTime": 1000})
            _, info = await it.get("/api/v3/exchangeInfo")
            assert [symbol["symbol"] for symbol in info["symbols"]] == ["BTCUSDT", "ETHUSDT"]
            depth = "/api/v3/depth?symbol="
            assert await it.get(depth + "BTCUSDT&limit=5000") == (200, {"lastUpdateId": 7})
            assert (await it.get(depth + "ETHUSDT"))[0] == 404
            assert (await it.get(depth + "DOGEUSDT"))[1]["code"] == -1121
            assert (await it.get(depth))[1]["code"] == -1102
            assert (await it.get(depth + "BTCUSDT&limit=x"))[1]["code"] == -1100
            await it.connect("/ws/btcusdt@bookTicker")
            assert (await it.done())["snapshots_served"] == 1

    run(story())


def test_a_snapshot_fetched_while_the_market_plays_joins_the_diffs():
    async def story():
        async with exchange("--market-seconds", "30", "--speed", "10") as it:
            client = await it.connect("/stream?streams=btcusdt@depth@100ms")
            await client.until(10)
            status, book = await it.get("/api/v3/depth?symbol=BTCUSDT&limit=5000")
            assert status == 200
            assert len(book["bids"]) > 100
            await client.until(60)
            diffs = [json.loads(message)["data"] for message in client.messages]
            last = book["lastUpdateId"]
            applied = [diff for diff in diffs if diff["u"] > last]
            assert applied[0]["U"] <= last + 1 <= applied[0]["u"]
            for earlier, later in itertools.pairwise(diffs):
                assert later["U"] == earlier["u"] + 1

    run(story())


def test_a_slow_client_holds_up_the_play_and_loses_nothing():
    class Slow(Client):
        def on_ws_frame(self, transport, frame):
            super().on_ws_frame(transport, frame)
            if len(self.messages) == 100:
                transport.underlying_transport.pause_reading()

    async def story():
        async with exchange("--market-seconds", "600", "--speed", "max") as it:
            path = "/stream?streams=" + "/".join(it.ready["streams"])
            slow = Slow()  # answers no ping, so that only its full socket can hold up the play
            await picows.ws_connect(lambda: slow, it.ws + path, enable_auto_pong=False)
            await slow.until(100)
            at = 0.0
            with contextlib.suppress(TimeoutError):  # until no progress is made any more
                while True:
                    line = await asyncio.wait_for(it.process.stdout.readline(), 3)
                    at = json.loads(line)["progress"]
            assert at < 0.7  # of 40 MB, of which the sockets hold a few
            memory = Path(f"/proc/{it.process.pid}/status").read_text()
            [peak_kb] = [int(x.split()[1]) for x in memory.splitlines() if x.startswith("VmHWM")]
            assert peak_kb < 200_000
            slow.transport.underlying_transport.resume_reading()
            done = await it.done()
            total = sum(done["frames"].values())
            assert total > 100_000
            await slow.until(total)
            assert len(slow.messages) == total

    run(story())


def test_a_client_that_answers_no_ping_is_served_all_the_same(tmp_path):
    tape = write_tape(tmp_path, *(TICKER % ("btcusdt", n) for n in range(2000)))

    async def story():
        async with exchange("--tape", tape, "--speed", "max") as it:
            client = Client()
            url = it.ws + "/stream?streams=btcusdt@bookTicker"
            await picows.ws_connect(lambda: client, url, enable_auto_pong=False)
            messages = await client.until(2000)
            assert [json.loads(m)["data"]["u"] for m in messages] == list(range(2000))

    run(story())


def test_the_channels_of_one_client_stay_close_in_market_time_at_full_speed():
    latest = {}
    apart = []

    class Channel(Client):
        def on_ws_frame(self, transport, frame):
            if frame.msg_type != picows.WSMsgType.TEXT:
                return
            for _ in range(4):  # slower than the exchange, so that it could run ahead
                data = json.loads(frame.get_payload_as_bytes())["data"]
            if "e" in data:
                latest[data["e"]] = data["E"]
                if len(latest) == 3:
                    apart.append(max(latest.values()) - min(latest.values()))

    async def story():
        kinds = ("bookTicker", "trade", "depth@100ms", "kline_1s")
        of_kind = [[f"{pair}usdt@{kind}" for pair in ("btc", "eth", "sol")] for kind in kinds]
        expect = ",".join(itertools.chain(*of_kind))
        options = ("--market-seconds", "300", "--speed", "max", "--expect", expect)
        async with exchange(*options) as it:
            for streams in of_kind:
                await it.connect("/stream?streams=" + "/".join(streams), Channel())
            await it.done()

    run(story())
    assert len(apart) > 10_000
    assert max(apart) < 20_000  # milliseconds of market time; near 3,000, unpaced above 100,000


def test_a_client_may_leave_in_the_middle(tmp_path):
    async def story():
        async with exchange("--market-seconds", "60", "--speed", "max") as it:
            path = "/stream?streams=" + "/".join(it.ready["streams"])
            first = await it.connect(path)
            second = await it.connect(path)
            await second.until(500)
            second.transport.disconnect(False)
            done = await it.done()
            await first.until(sum(done["frames"].values()))

    run(story())


def test_a_path_the_venue_does_not_have_is_not_found():
    async def story():
        async with exchange() as it:
            with pytest.raises(picows.WSError, match="404"):
                await it.connect("/nothing")

    run(story())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_good_order_in_the_middle_of_the_play(number):
    async def story():
        async with exchange("--market-seconds", "600", "--speed", "1") as it:
            client = await it.connect("/ws/btcusdt@trade")
            await client.until(3)
            it.process.send_signal(number)
            assert await asyncio.wait_for(it.process.wait(), 10) == 0

    run(story())


def test_what_it_cannot_play_is_said_in_one_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"port {port} on 127.0.0.1" in refused("--port", str(port))
        assert "--rest-port" in refused("--rest-port", str(port))
    assert "port 99999" in refused("--port", "99999")
    assert "no tape at" in refused("--tape", str(tmp_path / "none"))
    assert "not a speed" in refused("--speed", "fast")
    assert "not a candle interval" in refused("--candle-interval", "7s")
    assert "cannot be simulated" in refused("--exchange", "kraken")
    assert "--colour" in refused("--colour", "red")
    assert "--market-seconds" in refused("--market-seconds", "-1")


@pytest.mark.skipif(not FUTURES.exists(), reason="the recordings are not beside the project")
def test_a_futures_tape_is_refused_by_name():
    assert "this tape is of Binance USD-M futures; this release plays Binance spot tapes" in (
        refused("--tape", str(FUTURES))
    )


@pytest.mark.skipif(not SPOT.exists(), reason="the recordings are not beside the project")
def test_every_frame_of_the_recording_arrives_as_it_was_recorded():
    async def story():
        async with exchange("--tape", str(SPOT), "--speed", "max") as it:
            assert it.ready["pairs"] == ["BTC/USDT"]
            path = "/stream?streams=" + "/".join(it.ready["streams"])
            client = await it.connect(path)
            _, book = await it.get("/api/v3/depth?symbol=BTCUSDT&limit=5000")
            assert book["lastUpdateId"] == 50093239218
            done = await it.done()
            assert done["frames"] == {
                "btcusdt@depth@100ms": 3451,
                "btcusdt@bookTicker": 28040,
                "btcusdt@trade": 9757,
            }
            assert (done["unsent"], done["skipped"], done["snapshots_served"]) == (0, 1, 1)
            return await client.until(41_248)

    messages = run(story())
    from millstream.stream.tape import read_tape

    recorded = [frame.raw for frame in read_tape(SPOT) if frame.raw.startswith(b'{"stream"')]
    assert messages == recorded
