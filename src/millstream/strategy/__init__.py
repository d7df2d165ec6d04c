"""freqtrade's strategies as robots: their interface, their helpers, their configuration. Floor 3.

Only the import lines of a strategy change:

    from millstream.strategy import IStrategy, IntParameter, merge_informative_pair, CandleType
    import millstream.strategy.qtpylib as qtpylib
    import talib.abstract as ta
"""

from millstream.strategy.candle_type import CandleType
from millstream.strategy.informative import informative, merge_informative_pair
from millstream.strategy.interface import IStrategy
from millstream.strategy.parameters import (
    BooleanParameter,
    CategoricalParameter,
    DecimalParameter,
    IntParameter,
    RealParameter,
)
from millstream.strategy.provider import DataProvider, RunMode
from millstream.strategy.stops import stoploss_from_absolute, stoploss_from_open
from millstream.strategy.timeframes import (
    timeframe_to_minutes,
    timeframe_to_next_date,
    timeframe_to_prev_date,
)
from millstream.strategy.trades import OpenTrade as Trade

__all__ = [
    "BooleanParameter",
    "CandleType",
    "CategoricalParameter",
    "DataProvider",
    "DecimalParameter",
    "IStrategy",
    "IntParameter",
    "RealParameter",
    "RunMode",
    "Trade",
    "informative",
    "merge_informative_pair",
    "stoploss_from_absolute",
    "stoploss_from_open",
    "timeframe_to_minutes",
    "timeframe_to_next_date",
    "timeframe_to_prev_date",
]
