"""`millstream simulate`: an exchange on 127.0.0.1 for anybody's client to trade on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click
import msgspec

from millstream.cli.ending import ending_signals
from millstream.errors import ConfigError
from millstream.simulator.faults import parse_faults
from millstream.simulator.front import Key
from millstream.simulator.player import parse_speed
from millstream.simulator.simulation import SimulationSettings, keys_of, make_server
from millstream.simulator.trading import TradingServer


@click.command()
@click.option("--exchange", default="binance", show_default=True, help="binance, kraken or both.")
@click.option("--pairs", default="", help='Like "BTC/USDT,ETH/USDT". Default: three of each venue.')
@click.option("--port", type=int, default=0, help="The first of two ports a venue; 0: free ones.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the generated market.")
@click.option("--tape", type=click.Path(path_type=Path), help="Play this Binance recording.")
@click.option("--speed", default="1", show_default=True, help="Of the market, times real time.")
@click.option("--faults", default="", help='What goes wrong, like "lost=0.1,slow=0.2,seed=7".')
@click.option("--accounts", type=int, default=1, show_default=True, help="How many, 1 to 100.")
@click.option("--no-limits", is_flag=True, help="Without the venue's rate limits.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a venue.")
def simulate(
    exchange: str,
    pairs: str,
    port: int,
    seed: int,
    tape: Path | None,
    speed: str,
    faults: str,
    accounts: int,
    no_limits: bool,
    as_json: bool,
) -> int:
    """Run exchanges on 127.0.0.1 that speak like Binance spot and Kraken spot.

    Orders are matched by price and time with a generated or a recorded market. Ends with Ctrl-C.
    """
    names = list(
        dict.fromkeys(filter(None, (name.strip().lower() for name in exchange.split(","))))
    )
    if not names:
        raise ConfigError("--exchange takes binance, kraken, or both with a comma between them")
    if not (port == 0 or 1 <= port <= 65_536 - 2 * len(names)):
        raise ConfigError(f"--port takes 0 or a number from 1 to {65_536 - 2 * len(names)}")
    if tape is not None and len(names) > 1:
        raise ConfigError("a tape is of one venue; name one with --exchange")
    times = parse_speed(speed)
    if times > 1_000:
        raise ConfigError("--speed takes a number above 0, at most 1000")
    chosen = [
        SimulationSettings(
            exchange=name,
            pairs=tuple(_split(pairs)),
            accounts=accounts,
            seed=seed,
            tape=tape,
            speed=times,
            faults=parse_faults(faults),
            limits=not no_limits,
            rest_port=port + 2 * number if port else 0,
            ws_port=port + 2 * number + 1 if port else 0,
        )
        for number, name in enumerate(names)
    ]
    asyncio.run(_serve(chosen, as_json))
    return 0


async def _serve(chosen: list[SimulationSettings], as_json: bool) -> None:
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in ending_signals():
        loop.add_signal_handler(number, end.set)
    servers = [make_server(settings) for settings in chosen]
    started: list[TradingServer] = []
    try:
        for server, settings in zip(servers, chosen, strict=True):
            await server.start()
            started.append(server)
            keys = keys_of(settings.exchange, settings.accounts)
            click.echo(_json(server, keys) if as_json else _words(server, keys))
        if not as_json:
            click.echo("Ctrl-C ends it.")
        await end.wait()
    finally:
        for server in started:
            await server.stop()


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _json(server: TradingServer, keys: list[Key]) -> str:
    told = {
        "ready": True,
        "exchange": server.front.name,
        "rest": server.rest_url,
        "ws": server.ws_url,
        "pairs": [str(pair) for pair in server.venue.pairs],
        "keys": [msgspec.structs.asdict(key) for key in keys],
    }
    return msgspec.json.encode(told).decode()


def _words(server: TradingServer, keys: list[Key]) -> str:
    name, rest, ws = server.front.name, server.rest_url, server.ws_url
    lines = [f"{name}: {', '.join(map(str, server.venue.pairs))}"]
    if name == "binance":
        lines += [
            f"  REST       {rest}",
            f"  streams    {ws}/stream",
            f"  API        {ws}/ws-api/v3",
        ]
    else:
        lines += [f"  REST       {rest}", f"  websocket  {ws}/v2"]
    for key in keys:
        lines += [f"  api_key    {key.key}", f"  api_secret {key.secret}"]
    lines += [
        f"  the truth  {rest}/_truth",
        "",
        *(f"  {line}" for line in _how(name, rest, ws)),
        "",
    ]
    return "\n".join(lines)


def _how(name: str, rest: str, ws: str) -> list[str]:
    if name == "kraken":
        return [
            "ccxt:        exchange = ccxt.pro.kraken({'apiKey': …, 'secret': …, 'rateLimit': 10})",
            f"             exchange.urls['api'].update(public='{rest}', private='{rest}')",
            "             for name in exchange.urls['api']['ws']:",
            f"                 exchange.urls['api']['ws'][name] = '{ws}/v2'",
            f'Millstream:  "subscribe_args": {{"rest_host": "{rest}",',
            f'              "public_url": "{ws}/v2", "private_url": "{ws}/v2"}}',
        ]
    return [
        "ccxt:        exchange = ccxt.pro.binance({'apiKey': …, 'secret': …})",
        f"             exchange.urls['api'].update(public='{rest}/api/v3', "
        f"private='{rest}/api/v3', sapi='{rest}/sapi/v1',",
        f"                 fapiPublic='{rest}/fapi/v1', dapiPublic='{rest}/dapi/v1')",
        f"             exchange.urls['api']['ws'].update({{'spot': '{ws}/ws', "
        f"'ws-api': {{'spot': '{ws}/ws-api/v3'}}}})",
        f"python-      Client.API_URL = '{rest}/api'",
        "binance:     client = Client(key, secret)",
        f'Millstream:  "api_host": "{ws}", "subscribe_args": {{"rest_host": "{rest}"}}',
    ]
