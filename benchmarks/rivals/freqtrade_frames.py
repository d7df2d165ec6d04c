"""One end of a real freqtrade's producer and consumer mode, run by .freqtrade's Python.

`python freqtrade_frames.py producer PORT PAIRS COLUMNS | consumer PORT PAIRS | steps COLUMNS`

Only the exchange is left out. What it holds is looked at each millisecond by another thread.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from datetime import UTC, datetime
from types import SimpleNamespace

from frames_made import HISTORY, frame, pairs

TOKEN = "token-of-the-benchmark"


def config(**more):
    return {
        "dry_run": True,
        "runmode": RunMode.DRY_RUN,
        "timeframe": "5m",
        "candle_type_def": CandleType.SPOT,
        "trading_mode": "spot",
        "stake_currency": "USDT",
        "strategy": "S",
        "exchange": {"name": "binance"},
        "bot_name": "freqtrade",
    } | more


class Producer:
    """A bot that has analyzed one more candle whenever it is told so."""

    def __init__(self, port, count, columns):
        server = {
            "enabled": True,
            "listen_ip_address": "127.0.0.1",
            "listen_port": int(port),
            "username": "u",
            "password": "p",
            "jwt_secret_key": "x" * 40,
            "ws_token": TOKEN,
        }
        whole = config(api_server=server)
        self.columns, self.end = int(columns), HISTORY
        self.rpc = SimpleNamespace(send_msg=lambda message: self.api.send_msg(message))
        self.dp = DataProvider(whole, None, None, self.rpc)
        names = pairs(int(count))
        bot = SimpleNamespace(config=whole, active_pair_whitelist=names, dataprovider=self.dp)
        self.pairs = names
        held = frame(self.columns, 0, HISTORY)
        for name in names:
            self.dp._set_cached_df(name, "5m", held.copy(), CandleType.SPOT)
        self.api = ApiServer(whole)
        self.api.add_rpc_handler(RPC(bot))

    def _next(self):
        self.end += 1
        return frame(self.columns, self.end - HISTORY, self.end)

    def burst(self):
        """One candle of every pair, as `analyze_pair` tells each."""
        table = self._next()
        tables = [table.copy() for _ in self.pairs]
        began_ns = time.time_ns()
        for name, one in zip(self.pairs, tables, strict=True):
            self.dp._set_cached_df(name, "5m", one, CandleType.SPOT)
            self.dp._emit_df((name, "5m", CandleType.SPOT), one, True)
        return began_ns

    def pulse(self, count):
        """A candle of one pair, now and then."""
        sent_ns = []
        for _ in range(count):
            table = self._next()
            time.sleep(0.15 + random.random() * 0.1)
            sent_ns.append(time.time_ns())
            self.dp._set_cached_df(self.pairs[0], "5m", table, CandleType.SPOT)
            self.dp._emit_df((self.pairs[0], "5m", CandleType.SPOT), table, True)
        return sent_ns


class Consumer:
    """freqtrade's consumer, and when each frame that it holds became another one."""

    def __init__(self, port, count):
        producer = {"name": "default", "host": "127.0.0.1", "port": int(port), "ws_token": TOKEN}
        whole = config(external_message_consumer={"enabled": True, "producers": [producer]})
        self.count = int(count)
        self.dp = DataProvider(whole, None)
        self.seen_ns = []
        threading.Thread(target=self._look, daemon=True).start()
        self.consumer = ExternalMessageConsumer(whole, self.dp)

    def _look(self):
        before = {}
        while True:
            time.sleep(0.001)
            held = self.dp._DataProvider__producer_pairs_df.get("default", {})
            now_ns = time.time_ns()
            for key, one in list(held.items()):
                if before.get(key) is not one:
                    before[key] = one
                    self.seen_ns.append(now_ns)

    def seen(self, count):
        """When each of so many updates was held, since it was asked last."""
        until = time.time() + 120
        while len(self.seen_ns) < count:
            if time.time() > until:
                sys.exit(f"{len(self.seen_ns)} of {count} frames came")
            time.sleep(0.005)
        seen, self.seen_ns = self.seen_ns, []
        return seen

    def ready(self):
        self.seen(self.count)
        time.sleep(2)  # until it reads what it asks for


class Steps:
    """Each step of one row alone: µs of CPU."""

    def __init__(self, columns):
        self.columns = int(columns)

    def measure(self, count):
        one = frame(self.columns, HISTORY, HISTORY + 1)
        text = dataframe_to_json(one.copy())
        key = ("A/B", "5m", CandleType.SPOT)
        dp = DataProvider(config(external_message_consumer={"producers": []}), None)
        dp._add_external_df(
            key[0], frame(self.columns, 0, HISTORY), datetime.now(UTC), key[1], key[2]
        )
        parts = [
            frame(self.columns, number, number + 1) for number in range(HISTORY, HISTORY + count)
        ]

        def apply():
            for part in parts:
                assert dp._add_external_df(key[0], part, datetime.now(UTC), key[1], key[2])[0]

        def repeat(call, make):
            arguments = [make() for _ in range(count)]

            def work():
                for argument in arguments:
                    call(argument)

            return work

        def cpu_us(work):
            began = time.process_time()
            work()
            return (time.process_time() - began) / count * 1e6

        return {
            "encode": cpu_us(repeat(dataframe_to_json, lambda: one.copy())),
            "decode": cpu_us(repeat(json_to_dataframe, lambda: text)),
            "apply": cpu_us(apply),
        }


def main():
    role, *arguments = sys.argv[1:]
    end = {"producer": Producer, "consumer": Consumer, "steps": Steps}[role](*arguments)
    print(json.dumps({"name": f"freqtrade {freqtrade.__version__}"}), flush=True)
    for line in sys.stdin:
        do, *words = json.loads(line)
        answer = time.process_time() * 1e3 if do == "cpu" else getattr(end, do)(*words)
        print(json.dumps({"answer": answer}), flush=True)


if __name__ == "__main__":
    import logging

    import freqtrade
    from freqtrade.data.dataprovider import DataProvider
    from freqtrade.enums import CandleType, RunMode
    from freqtrade.misc import dataframe_to_json, json_to_dataframe
    from freqtrade.persistence import init_db
    from freqtrade.rpc import RPC
    from freqtrade.rpc.api_server import ApiServer
    from freqtrade.rpc.external_message_consumer import ExternalMessageConsumer

    logging.disable(logging.CRITICAL)
    init_db("sqlite://")
    main()
    # Its threads wait for each other at the end; nothing is left to be done.
    import os

    os._exit(0)
