"""Computes nothing: trades on the indicators of the producer called "default"."""

from pandas import DataFrame

import millstream.strategy.qtpylib as qtpylib
from millstream.strategy import IntParameter, IStrategy, merge_informative_pair


class ConsumerStrategy(IStrategy):
    timeframe = "5m"
    minimal_roi = {"0": 0.02, "120": 0.005}  # noqa: RUF012 - as freqtrade's authors write it
    stoploss = -0.05
    process_only_new_candles = False  # act when a frame arrives

    buy_rsi = IntParameter(10, 60, default=30)
    sell_rsi = IntParameter(50, 90, default=70)
    columns = ("rsi_default", "tema_default", "bb_middleband_default")

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        theirs, _ = self.dp.get_producer_df(metadata["pair"])
        if theirs.empty:
            dataframe[list(self.columns)] = 0
            return dataframe
        return merge_informative_pair(
            dataframe, theirs, self.timeframe, self.timeframe,
            append_timeframe=False, suffix="default",
        )  # fmt: skip

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        weak = qtpylib.crossed_above(dataframe["rsi_default"], self.buy_rsi.value)
        low = dataframe["tema_default"] <= dataframe["bb_middleband_default"]
        rising = dataframe["tema_default"] > dataframe["tema_default"].shift(1)
        dataframe.loc[weak & low & rising & (dataframe["volume"] > 0), "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        strong = qtpylib.crossed_above(dataframe["rsi_default"], self.sell_rsi.value)
        dataframe.loc[strong & (dataframe["volume"] > 0), "exit_long"] = 1
        return dataframe
