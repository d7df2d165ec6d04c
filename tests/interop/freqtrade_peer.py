"""A real freqtrade as one end of a wire, run by its own interpreter; told what to do by lines.

Only the exchange is left out: the server, the message stream, the consumer and the data provider
are freqtrade's, unchanged.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).parent))

from candles import candles

KEY = ("5m", "spot")


def config(settings):
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
    } | settings


class Producer:
    """freqtrade's ApiServer, and a bot that has analyzed what the test says."""

    def __init__(self, settings):
        whole = config(settings)
        self.rpc_manager = SimpleNamespace(send_msg=lambda message: self.api.send_msg(message))
        self.dp = DataProvider(whole, None, None, self.rpc_manager)
        self.bot = SimpleNamespace(config=whole, active_pair_whitelist=[], dataprovider=self.dp)
        self.frames = {}
        self.api = ApiServer(whole)
        self.api.add_rpc_handler(RPC(self.bot))

    def frame(self, pair, first, end, seed=0, changes=None, emit=True):
        new = candles(first, end, seed, **(changes or {}))
        held = self.frames.get(pair)
        if held is not None:
            new = pd.concat([held[held["date"] < new["date"].iloc[0]], new], ignore_index=True)
        self.frames[pair] = new
        self.dp._set_cached_df(pair, "5m", new.copy(), CandleType.SPOT)
        if emit:
            self.dp._emit_df((pair, "5m", CandleType.SPOT), new.copy(), True)

    def pairs(self, pairs, emit=True):
        self.bot.active_pair_whitelist = pairs
        if emit:
            self.api.send_msg({"type": RPCMessageType.WHITELIST, "data": pairs})

    def stop(self):
        self.api.cleanup()


class Consumer:
    """freqtrade's ExternalMessageConsumer and what it holds."""

    def __init__(self, settings):
        whole = config(settings)
        self.dp = DataProvider(whole, None)
        self.consumer = ExternalMessageConsumer(whole, self.dp)

    def get(self, pair, producer="default"):
        frame, analyzed = self.dp.get_producer_df(pair, *KEY, producer_name=producer)
        if frame.empty:
            return {"rows": 0}
        last = frame.iloc[-1]
        return {"rows": len(frame), "close": float(last["close"]), "la": analyzed.timestamp()}

    def dump(self, pair, path, producer="default"):
        frame, _ = self.dp.get_producer_df(pair, *KEY, producer_name=producer)
        frame.to_feather(path)

    def pairs(self, producer="default"):
        return self.dp.get_producer_pairs(producer)

    def stop(self):
        self.consumer.shutdown()


def main():
    end = {"producer": Producer, "consumer": Consumer}
    peers = {}
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        name, do, arguments = json.loads(line)
        answer = None
        if do in end:
            peers[name] = end[do](arguments)
        elif do == "stop":
            peers.pop(name).stop()
        else:
            answer = getattr(peers[name], do)(**arguments)
        print(json.dumps(answer), flush=True)
    for peer in peers.values():
        peer.stop()


if __name__ == "__main__":
    import pandas as pd
    from freqtrade.data.dataprovider import DataProvider
    from freqtrade.enums import CandleType, RPCMessageType, RunMode
    from freqtrade.persistence import init_db
    from freqtrade.rpc import RPC
    from freqtrade.rpc.api_server import ApiServer
    from freqtrade.rpc.external_message_consumer import ExternalMessageConsumer

    init_db("sqlite://")
    main()
