"""Candles of another timeframe or from another bot, beside a strategy's own.

`merge_informative_pair` gives what freqtrade 2026.9 gives, value for value; the tests ask both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from millstream.errors import ConfigError
from millstream.strategy.timeframes import timeframe_to_seconds

Populate = Callable[[Any, pd.DataFrame, dict[str, Any]], pd.DataFrame]
MARK = "_informative_request"  # on the function that `informative` decorates


def merge_informative_pair(
    dataframe: pd.DataFrame,
    informative: pd.DataFrame,
    timeframe: str,
    timeframe_inf: str,
    ffill: bool = True,
    append_timeframe: bool = True,
    date_column: str = "date",
    suffix: str | None = None,
) -> pd.DataFrame:
    """`dataframe` with the columns of `informative` beside its own, without a look ahead.

    A row of the slower timeframe appears on the last candle inside it: when it was known. Its
    columns are renamed to name_{timeframe_inf}, or to name_{suffix} with append_timeframe=False.
    ffill: a row without a match repeats the whole last row before it, its entry signals included,
    however old: pass False to see what is missing, or look at the frame's age.
    Raises ValueError for a faster informative timeframe, and for a suffix beside append_timeframe.
    """
    if suffix and append_timeframe:
        raise ValueError("You can not specify `append_timeframe` as True and a `suffix`.")
    there = informative.copy()
    ending = timeframe_inf if append_timeframe else suffix
    known = _known_at(there[date_column], timeframe, timeframe_inf)
    key = "date_merge"
    there[key] = known
    if ending:
        there.columns = pd.Index([f"{column}_{ending}" for column in there.columns])
        key = f"{key}_{ending}"
    merged = dataframe.merge(there, left_on="date", right_on=key, how="left", indicator="_matched")
    matched = (merged.pop("_matched") == "both").to_numpy()
    base = "date" if "date" in merged.columns else "date_x"  # the latter: both had one
    width = len(there.columns)
    if ffill and len(merged):
        merged = _fill_rows(merged, there, matched, key, base, width)
    return merged.drop(columns=key)


def _known_at(dates: pd.Series[Any], timeframe: str, timeframe_inf: str) -> Any:
    """The date of our candle on which each informative row is known for the first time."""
    ours, theirs = timeframe_to_seconds(timeframe), timeframe_to_seconds(timeframe_inf)
    if ours == theirs:
        return dates
    if ours > theirs:
        raise ValueError(
            "Tried to merge a faster timeframe to a slower timeframe."
            "This would create new rows, and can throw off your regular indicators."
        )
    own = pd.Timedelta(seconds=ours)
    if timeframe_inf == "1M":
        return dates + pd.offsets.MonthBegin(1) - own
    return dates + pd.Timedelta(seconds=theirs) - own


def _fill_rows(
    merged: pd.DataFrame,
    there: pd.DataFrame,
    matched: np.ndarray[Any, Any],
    key: str,
    base: str,
    width: int,
) -> pd.DataFrame:
    """Repeat whole matched rows downwards; a hole inside a matched row stays a hole."""
    if not matched.any():
        return merged
    rows = np.arange(len(merged))
    source = np.maximum.accumulate(np.where(matched, rows, -1))
    first = int(np.argmax(matched))
    begin = len(merged.columns) - width
    own, joined = merged.iloc[:, :begin], merged.iloc[:, begin:]
    filled = joined.take(np.maximum(source, 0)).reset_index(drop=True)
    if first:
        earlier = there[there[key] < merged[base].iloc[first]]
        earlier = earlier[earlier[key] < merged[base].iloc[0]]
        if len(earlier):
            row = earlier.iloc[[-1]].set_axis(joined.columns, axis=1)
            for renamed, name in zip(joined.columns, there.columns, strict=True):
                if renamed != name:  # a clash: freqtrade finds no column to fill by that name
                    row[renamed] = joined[renamed].iloc[:1].array
            head = row.loc[row.index.repeat(first)].reset_index(drop=True)
            filled = pd.concat([head, filled.iloc[first:]], ignore_index=True)
        else:
            filled = pd.concat([joined.iloc[:first], filled.iloc[first:]], ignore_index=True)
    return pd.concat([own, filled], axis=1)


class InformativeRequest:
    """What `@informative` asks for."""

    def __init__(
        self,
        timeframe: str,
        asset: str,
        fmt: str | Callable[..., str] | None,
        candle_type: str | None,
        ffill: bool,
    ) -> None:
        self.timeframe = timeframe
        self.asset = asset
        self.fmt = fmt
        self.candle_type = candle_type
        self.ffill = ffill

    def pair(self, own: str, stake: str) -> str:
        """The pair it is about, for a strategy that looks at `own`."""
        if not self.asset:
            return own
        base, _, quote = own.partition("/")
        return self.asset.format(stake=stake, base=base, quote=quote.partition(":")[0])

    def column(self, name: str, pair: str, stake: str) -> str:
        """What a column is called beside the strategy's own."""
        base, _, quote = pair.partition("/")
        quote = quote.partition(":")[0]
        fmt = self.fmt
        if fmt is None:
            fmt = "{column}_{timeframe}"
            if self.asset:
                fmt = "{base}_{column}_{timeframe}"
                if quote != stake:
                    fmt = "{base}_{quote}_{column}_{timeframe}"
        words = {
            "column": name, "timeframe": self.timeframe, "asset": pair,
            "base": base.lower(), "BASE": base.upper(),
            "quote": quote.lower(), "QUOTE": quote.upper(),
        }  # fmt: skip
        return fmt(**words) if callable(fmt) else fmt.format(**words)


def informative(
    timeframe: str,
    asset: str = "",
    fmt: str | Callable[..., str] | None = None,
    *,
    candle_type: str | None = None,
    ffill: bool = True,
) -> Callable[[Populate], Populate]:
    """Decorates a method that computes indicators of another timeframe or pair.

    Its columns are merged before `populate_indicators`, named by `fmt`: {column}_{timeframe}, with
    {base}_ before it for another asset.
    """
    if not timeframe:
        raise ConfigError('informative wants a timeframe, like "1h"')

    def decorate(function: Populate) -> Populate:
        requests = [*getattr(function, MARK, ())]
        requests.append(InformativeRequest(timeframe, asset, fmt, candle_type, ffill))
        setattr(function, MARK, requests)
        return function

    return decorate
