"""freqtrade's strategies as robots."""

from millstream.strategy.candle_type import CandleType
from millstream.strategy.informative import informative, merge_informative_pair

__all__ = ["CandleType", "informative", "merge_informative_pair"]
