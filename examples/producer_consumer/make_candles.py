"""Makes a folder of candles in the layout of freqtrade's download-data: waves with some noise."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

PAIRS = ("BTC_USDT", "ETH_USDT")


def make_candles(folder: Path, count: int = 2_000) -> None:
    """Write `count` candles of 5 minutes, from 2026-01-01 on, for each pair."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, pair in enumerate(PAIRS):
        chance = np.random.default_rng(number)
        at = np.arange(count)
        wave = 0.025 * np.sin(2 * np.pi * at / 36 + number) + chance.normal(0, 0.0008, count)
        close = np.round(100.0 * (number + 1) * np.exp(wave), 4)
        opened = np.concatenate([close[:1], close[:-1]])
        table = pd.DataFrame(
            {
                "date": pd.date_range("2026-01-01", periods=count, freq="5min", tz="UTC"),
                "open": opened,
                "high": np.round(np.maximum(opened, close) * 1.0005, 4),
                "low": np.round(np.minimum(opened, close) * 0.9995, 4),
                "close": close,
                "volume": np.round(chance.uniform(50, 100, count), 3),
            }
        )
        table.to_feather(folder / f"{pair}-5m.feather")


if __name__ == "__main__":
    make_candles(Path(sys.argv[1] if len(sys.argv) > 1 else "candles"))
