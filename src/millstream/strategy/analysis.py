"""A strategy over a table of candles: indicators, entries, exits; and what its last row says."""

from __future__ import annotations

from typing import Any

import msgspec
import pandas as pd

from millstream.errors import RobotError
from millstream.strategy.informative import MARK, InformativeRequest, merge_informative_pair
from millstream.strategy.interface import IStrategy

_OLD_COLUMNS = {
    "buy": "enter_long", "sell": "exit_long", "buy_tag": "enter_tag", "sell_tag": "exit_tag",
}  # fmt: skip
_SECOND_NS = 1_000_000_000


class Signals(msgspec.Struct, frozen=True):
    """What the last row of an analyzed table says."""

    date_ns: int = 0  # of that row; 0: nothing was analyzed yet
    enter_long: bool = False
    exit_long: bool = False
    enter_short: bool = False
    exit_short: bool = False
    enter_tag: str | None = None
    exit_tag: str | None = None

    def entry(self, can_short: bool) -> str:
        """ "long", "short", or "": signals that contradict each other are none."""
        if self.enter_long and not (self.exit_long or self.enter_short):
            return "long"
        if can_short and self.enter_short and not (self.exit_short or self.enter_long):
            return "short"
        return ""


def analyze(strategy: IStrategy, pair: str, candles: pd.DataFrame) -> pd.DataFrame:
    """The candles with the strategy's columns.

    Raises RobotError when the strategy lost rows, or uses the names of freqtrade's old interface.
    """
    metadata = {"pair": pair}
    frame = _with_informative(strategy, candles.copy(deep=False), metadata)
    for populate in ("populate_indicators", "populate_entry_trend", "populate_exit_trend"):
        frame = getattr(strategy, populate)(frame, metadata)
        _check(strategy, populate, frame, candles)
    # What pandas makes of `.loc[nothing, [new columns]] = (1, "tag")`: columns of no type at all.
    untyped = [str(name) for name, kind in frame.dtypes.items() if kind.kind == "V"]
    return frame.assign(**dict.fromkeys(untyped, float("nan"))) if untyped else frame


def signals_of(frame: pd.DataFrame) -> Signals:
    """What the last row says; a hole is no signal."""
    if frame.empty:
        return Signals()
    last = frame.iloc[-1]

    def told(column: str) -> bool:
        return bool(column in frame.columns and last[column] == 1)

    def tag(column: str) -> str | None:
        value = last[column] if column in frame.columns else None
        return value if isinstance(value, str) and value else None

    return Signals(
        pd.Timestamp(last["date"]).as_unit("ns").value,
        told("enter_long"), told("exit_long"), told("enter_short"), told("exit_short"),
        tag("enter_tag"), tag("exit_tag"),
    )  # fmt: skip


def informative_methods(strategy: IStrategy) -> list[tuple[Any, InformativeRequest]]:
    """The methods that `@informative` decorates, with what each asks for."""
    found = []
    for name in dir(type(strategy)):
        function = getattr(type(strategy), name, None)
        found += [(function, request) for request in getattr(function, MARK, ())]
    return found


def _with_informative(
    strategy: IStrategy, frame: pd.DataFrame, metadata: dict[str, Any]
) -> pd.DataFrame:
    stake = strategy.dp.stake_currency if hasattr(strategy, "dp") else ""
    for function, request in informative_methods(strategy):
        pair = request.pair(metadata["pair"], stake)
        candles = strategy.dp.get_pair_dataframe(pair, request.timeframe)
        if candles.empty:
            raise RobotError(
                f"@informative wants {request.timeframe} candles of {pair}, which this robot "
                "does not have: it has its own pairs, in its timeframe and slower ones"
            )
        asked = function(strategy, candles, {"pair": pair})
        names = {column: request.column(column, pair, stake) for column in asked.columns}
        renamed = asked.rename(columns=names)
        frame = merge_informative_pair(
            frame, renamed, strategy.timeframe, request.timeframe, request.ffill,
            append_timeframe=False, date_column=names["date"],
        )  # fmt: skip
    return frame


def _check(strategy: IStrategy, populate: str, frame: Any, candles: pd.DataFrame) -> None:
    where = f"{type(strategy).__name__}.{populate}"
    if not isinstance(frame, pd.DataFrame):
        raise RobotError(f"{where} returned {type(frame).__name__}; return the dataframe")
    if len(frame) != len(candles):
        raise RobotError(f"{where} returned {len(frame)} rows for {len(candles)} candles")
    if "date" not in frame.columns:
        raise RobotError(f"{where} lost the column date")
    if len(frame) and frame["date"].iloc[-1] != candles["date"].iloc[-1]:
        raise RobotError(f"{where} changed the last date")
    for old, new in _OLD_COLUMNS.items():
        if old in frame.columns:
            raise RobotError(f'{where} made the column "{old}" of the old interface; name it {new}')
